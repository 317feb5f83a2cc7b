/** No process of a module outlives it, however it hides. Linux, where marks in the environment can be read. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { bench, command, lives, temporaryFolder, until } from './harness.ts';

const skip = process.platform === 'linux' ? false : 'needs /proc';

/** Starts processes that write their pids into $PIDS, in every way to get away from a parent. */
const escapes = `
  sleep 1000 & echo $! >> $PIDS
  setsid sleep 1000 & echo $! >> $PIDS
  setsid sh -c 'echo $$ >> $PIDS; sleep 1000 & echo $! >> $PIDS; wait' &
  ( ( setsid sh -c 'echo $$ >> $PIDS; exec sleep 1000' > /dev/null 2>&1 & ) & )
  nohup sh -c 'trap "" HUP TERM; echo $$ >> $PIDS; while true; do sleep 0.1; done' > /dev/null 2>&1 &
  setsid env -i PIDS=$PIDS sh -c 'echo $$ >> $PIDS; exec sleep 1000' &
  while [ $(wc -l < $PIDS) -lt 7 ]; do sleep 0.02; done
`;

function pidsIn(file: string): number[] {
  return readFileSync(file, 'utf8').split('\n').filter((line) => line !== '').map(Number);
}

for (const mode of ['grace', 'now'] as const) {
  test(`cancel (${mode}) kills background processes, sessions of their own, and daemons`, { skip }, async (t) => {
    const { run, executor } = bench(t, { graceMs: 200 });
    const pids = join(temporaryFolder(t), 'pids');
    writeFileSync(pids, '');
    const escaping = command(`${escapes}\nsleep 1000`, { env: { PIDS: pids } });
    const ended = run(escaping);
    assert.ok(await until(() => pidsIn(pids).length >= 7));
    assert.ok(pidsIn(pids).every(lives));
    executor.cancel(escaping.fence, mode, 'MODULE_CANCELLED');
    assert.equal((await ended).error?.code, 'MODULE_CANCELLED');
    assert.deepEqual(pidsIn(pids).filter(lives), []);
  });
}

test('what a command leaves behind when it ends by itself does not outlive it for long', { skip }, async (t) => {
  const { run } = bench(t);
  const pids = join(temporaryFolder(t), 'pids');
  writeFileSync(pids, '');
  const outcome = await run(command(escapes.replaceAll('env -i PIDS=$PIDS', ''), { env: { PIDS: pids } }));
  assert.ok(outcome.ok);
  assert.ok(outcome.durationMs < 5_000, 'open output is not waited for');
  assert.ok(await until(() => !pidsIn(pids).some(lives), 3_000), `left: ${pidsIn(pids).filter(lives).join(' ')}`);
});

test('a fork storm ends', { skip }, async (t) => {
  const { run } = bench(t, { graceMs: 200 });
  // Each child starts its successor in a new session and ends: never more than a few alive, never the same.
  const storm = 'storm() { while true; do setsid sh -c "sleep 0.02; setsid sleep 0.3" & sleep 0.01; done; }; storm & storm & wait';
  const outcome = await run(command(storm, { spec: { timeoutMs: 500 } }));
  assert.equal(outcome.error?.code, 'MODULE_TIMEOUT');
});
