/** What is done again and again is done while there is something to do, and nothing wakes a node otherwise. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Gateway } from '../../src/runtime/gateway.ts';
import { ReadFloor } from '../../src/runtime/read-floor.ts';
import { ResultOutbox } from '../../src/runtime/result-outbox.ts';
import { WatchClient } from '../../src/runtime/watch.ts';
import { FakeContext } from './fake-context.ts';

test('a routine sleeps until it is woken, and again when nothing is left', () => {
  const { context, kernel } = new FakeContext();
  const at: number[] = [];
  let left = 3;
  const routine = context.routine(() => 100, () => {
    at.push(kernel.now);
    left -= 1;
    return left > 0;
  });
  kernel.run(1000);
  assert.deepEqual(at, []);
  routine.wake();
  kernel.run(1050);
  routine.wake(); // it is awake: nothing changes
  kernel.run(5000);
  assert.deepEqual(at, [1100, 1200, 1300]);
  assert.equal(kernel.queued, 0);
  left = 1;
  routine.wake();
  kernel.run(6000);
  assert.deepEqual(at.slice(3), [5100]);
});

test('a routine that was cancelled is never woken, not even by its own work', () => {
  const { context, kernel } = new FakeContext();
  let count = 0;
  const routine = context.every(() => 10, () => {
    count += 1;
    if (count === 3) routine.cancel();
  });
  kernel.run(1000);
  assert.equal(count, 3);
});

test('a routine ends with its node', () => {
  const { context, kernel } = new FakeContext();
  let count = 0;
  const work = (): boolean => {
    count += 1;
    return true;
  };
  const routine = context.routine(() => 10, work);
  routine.wake();
  kernel.run(25);
  context.stop();
  routine.wake();
  context.routine(() => 10, work).wake();
  kernel.run(1000);
  assert.equal(count, 2);
});

test('a node without requests, results and watches has no timer for them', () => {
  const { context, kernel } = new FakeContext();
  const target = (): { cell: ''; node: '' } => ({ cell: '', node: '' });
  const gateway = new Gateway(context, {
    leader: () => undefined,
    target,
    hint: () => ({ cell: '', node: '', addresses: [] }),
    hinted: () => undefined,
    stalled: () => false,
    answer: (_query, _argument, _strong, done) => done(undefined),
    floor: new ReadFloor(false),
  });
  const outbox = new ResultOutbox(context, () => undefined);
  const watches = new WatchClient(context, { target, local: () => undefined });
  assert.equal(kernel.queued, 0);
  let failed = 0;
  gateway.cancel(1, 'for a test', 1000, () => {
    failed += 1;
  });
  const end = watches.watch(0, undefined, () => undefined);
  assert.equal(kernel.queued, 2);
  kernel.run(5000);
  assert.equal(failed, 1, 'nobody answered in time');
  end();
  kernel.run(6000);
  assert.equal(kernel.queued, 0);
  assert.equal(outbox.empty, true);
});
