/** Functions that the embedding program registered. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { ModuleContext } from '../../../src/ports/module-function.ts';
import { bench, registered } from './harness.ts';

test('a registered function gets its context and gives values and tail', async (t) => {
  const seen: ModuleContext[] = [];
  const { run, executor } = bench(t, {
    registered: {
      greet: (context) => {
        seen.push(context);
        context.log('hello %s', context.params['who']);
        return { greeting: `hi ${JSON.stringify(context.needs['ask']?.outputs['name'])}`, env: { ...context.env } };
      },
      later: async () => 5,
    },
  });
  const outcome = await run(registered('greet', { params: { who: 'you' }, needs: { ask: { name: 'Ada' } }, env: { A: '1' }, fence: 31_000_000 }));
  assert.deepEqual(outcome.values, { greeting: 'hi "Ada"', env: { A: '1' } });
  assert.equal(outcome.tail, 'hello you\n');
  assert.deepEqual([seen[0]?.runId, seen[0]?.runName, seen[0]?.module, seen[0]?.attempt, seen[0]?.fence, seen[0]?.idempotencyKey], ['r1-c0ffee', 'demo', 'build', 1, 31_000_000, 'key-1']);
  assert.deepEqual((await run(registered('later'))).values, { value: 5 });
  assert.equal(executor.supervisorPid, undefined, 'no process is started for it');
});

test('failures', async (t) => {
  const { run } = bench(t, {
    registered: {
      fails: () => {
        throw new RangeError('no');
      },
      rejects: async () => Promise.reject(new Error('later')),
      big: () => ({ x: 'y'.repeat(5000) }),
      hostileLater: async () =>
        new Proxy({}, {
          ownKeys: () => {
            throw new Error('keys');
          },
        }),
      hostile: () => ({ get a(): number { throw new Error('getter'); } }),
    },
  });
  assert.match((await run(registered('fails'))).error?.message ?? '', /^RangeError: no\n\s+at .*registered\.test\.ts/);
  assert.equal((await run(registered('rejects'))).error?.code, 'MODULE_THREW');
  assert.equal((await run(registered('big'))).error?.code, 'MODULE_OUTPUT');
  assert.match((await run(registered('hostile'))).error?.message ?? '', /cannot be kept: Error: getter/);
  assert.equal((await run(registered('hostileLater'))).error?.code, 'MODULE_OUTPUT');
  const unknown = await run(registered('absent'));
  assert.equal(unknown.error?.code, 'MODULE_SPAWN');
  assert.match(unknown.error?.message ?? '', /no registered function "absent"; registered are big, fails, hostile, hostileLater, rejects/);
  const effectful = await run(registered('big', { spec: { effectful: true } }));
  assert.match(effectful.error?.message ?? '', /may not be effectful/);
});

test('cancel and timeout report at once and abort the signal; the late result is dropped', async (t) => {
  const reasons: string[] = [];
  let finish: (value: unknown) => void = () => {};
  const { run, executor } = bench(t, {
    registered: {
      hangs: ({ signal }) => {
        signal.addEventListener('abort', () => reasons.push((signal.reason as { code: string }).code));
        return new Promise((resolve) => (finish = resolve));
      },
    },
  });
  const hanging = registered('hangs');
  const ended = run(hanging);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(executor.running(), [hanging.fence]);
  executor.cancel(hanging.fence, 'grace', 'MODULE_CANCELLED');
  assert.deepEqual(executor.running(), []);
  finish({ late: true });
  assert.deepEqual((await ended).error?.code, 'MODULE_CANCELLED');
  const timedOut = await run(registered('hangs', { spec: { timeoutMs: 60 } }));
  assert.deepEqual(timedOut.error, { code: 'MODULE_TIMEOUT', message: 'ran longer than its timeout of 0.06 s' });
  finish(1);
  assert.deepEqual(reasons, ['MODULE_CANCELLED', 'MODULE_TIMEOUT']);
});

test('thousands at once: each is done once, and the event loop gets its turns', async (t) => {
  const { run, executor } = bench(t, {
    registered: {
      spin: () => {
        const end = performance.now() + 0.2;
        while (performance.now() < end);
      },
    },
  });
  let turns = 0;
  const ticking = setInterval(() => turns++, 1);
  await Promise.all(Array.from({ length: 500 }, () => run(registered('spin', { spec: { timeoutMs: 60_000 } }))));
  clearInterval(ticking);
  assert.ok(turns >= 5, `${turns} turns`);
  assert.deepEqual(executor.running(), []);
});
