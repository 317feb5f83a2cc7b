import assert from 'node:assert/strict';
import test from 'node:test';
import { realClock } from '../../src/io/clock.ts';
import { realRandom } from '../../src/io/random.ts';

test('a timer fires at its time or later, never sooner, and not when cancelled', async () => {
  const clock = realClock();
  let cancelled = false;
  clock.setTimer(1, () => (cancelled = true)).cancel();
  for (const delayMs of [0, 0.3, 1.7, 5]) {
    const start = clock.now();
    await new Promise<void>((resolve) => clock.setTimer(delayMs, resolve));
    assert.ok(clock.now() - start >= delayMs, `${delayMs} ms`);
  }
  assert.equal(cancelled, false);
});

test('a delay longer than Node can count does not fire at once', async () => {
  const clock = realClock();
  let fired = false;
  const timer = clock.setTimer(2 ** 40, () => (fired = true));
  await new Promise<void>((resolve) => clock.setTimer(5, resolve));
  timer.cancel();
  assert.equal(fired, false);
});

test('deferred work runs after the present event and before any other one', async () => {
  const clock = realClock();
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    setImmediate(() => {
      setImmediate(() => (order.push('next event'), resolve()));
      clock.defer(() => order.push('deferred'));
      order.push('event');
    });
  });
  assert.deepEqual(order, ['event', 'deferred', 'next event']);
});

test('wall time is wall time, randomness is in range', () => {
  assert.ok(Math.abs(realClock().wall() - Date.now()) < 1000);
  const random = realRandom();
  for (let i = 0; i < 100; i++) {
    const value = random.float();
    assert.ok(value >= 0 && value < 1);
  }
  assert.equal(random.bytes(16).byteLength, 16);
  assert.notDeepEqual(random.bytes(16), random.bytes(16));
});

test('what settling settles is done in the same turn, and settling without end lets other events through', async () => {
  const clock = realClock();
  const order: string[] = [];
  let rounds = 0;
  const again = (): void => {
    rounds += 1;
    if (!order.includes('next event')) clock.settle(again);
  };
  await new Promise<void>((resolve) => {
    setImmediate(() => {
      clock.settle(() => {
        order.push('settled');
        clock.settle(() => order.push('settled after it'));
        clock.settle(again);
        setImmediate(() => (order.push('next event'), resolve()));
      });
      clock.defer(() => order.push('deferred'));
    });
  });
  assert.deepEqual(order, ['deferred', 'settled', 'settled after it', 'next event']);
  assert.ok(rounds > 1);
});
