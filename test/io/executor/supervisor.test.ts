/** The supervisor: what lives on when the node dies, hangs, or when the supervisor itself dies. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Outcome } from '../../../src/core/cell/types.ts';
import { bench, bundled, command, lives, temporaryFolder, until } from './harness.ts';

const skip = process.platform === 'linux' ? false : 'needs /proc';
const hostProgram = fileURLToPath(new URL('./host-program.ts', import.meta.url));

interface Line {
  readonly supervisor?: number;
  readonly script?: string;
  readonly outcome?: Outcome;
}

interface Host {
  readonly child: ChildProcess;
  readonly supervisor: number;
  readonly workDir: string;
  readonly lines: Line[];
}

async function startHost(t: TestContext, deadlineMs: number, scripts: string[], workDir = temporaryFolder(t)): Promise<Host> {
  const child = spawn(process.execPath, [hostProgram, workDir, String(deadlineMs), ...scripts], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const lines: Line[] = [];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    for (const line of text.split('\n')) if (line !== '') lines.push(JSON.parse(line) as Line);
  });
  assert.ok(await until(() => lines.length > 0));
  return { child, supervisor: Number(lines[0]?.supervisor), workDir, lines };
}

function pidsIn(file: string): number[] {
  return readFileSync(file, 'utf8').split('\n').filter((line) => line !== '').map(Number);
}

function pidFile(t: TestContext): string {
  const file = join(temporaryFolder(t), 'pids');
  writeFileSync(file, '');
  return file;
}

test('kill -9 of the node: no module process and no supervisor is left after a second', { skip }, async (t) => {
  const pids = pidFile(t);
  const tree = `trap "" TERM HUP; echo $$ >> ${pids}; sleep 1000 & echo $! >> ${pids}; setsid sh -c 'echo $$ >> ${pids}; trap "" HUP; sleep 1000 & echo $! >> ${pids}; wait' & setsid env -i sh -c 'echo $$ >> ${pids}; exec sleep 1000' & wait`;
  const loop = `import { appendFileSync } from 'node:fs'; import { spawn } from 'node:child_process';
    export const run = () => { const child = spawn('sleep', ['1000'], { detached: true }); appendFileSync(${JSON.stringify(pids)}, process.pid + '\\n' + child.pid + '\\n'); while (true) {} };`;
  const host = await startHost(t, 0, [`plain:${tree}`, `effectful:${tree}`, `plain-bundle:${loop}`]);
  assert.ok(await until(() => pidsIn(pids).length >= 12));
  const all = [...pidsIn(pids), host.supervisor];
  assert.ok(all.every(lives));
  host.child.kill('SIGKILL');
  const from = performance.now();
  await until(() => !all.some(lives), 3_000);
  assert.deepEqual(all.filter(lives), []);
  assert.ok(performance.now() - from < 1_000, `${performance.now() - from} ms`);
});

test('a node that hangs: effectful modules die at the deadline, the others live on', { skip }, async (t) => {
  const pids = { effectful: pidFile(t), plain: pidFile(t), bundle: pidFile(t) };
  const script = (file: string): string => `echo $$ >> ${file}; sleep 1000 & echo $! >> ${file}; setsid sleep 1000 & echo $! >> ${file}; wait`;
  const loop = `import { appendFileSync } from 'node:fs'; export const run = () => { appendFileSync(${JSON.stringify(pids.bundle)}, process.pid + '\\n'); while (true) {} };`;
  const host = await startHost(t, 1_000, [`effectful:${script(pids.effectful)}`, `plain:${script(pids.plain)}`, `effectful-bundle:${loop}`]);
  assert.ok(await until(() => pidsIn(pids.effectful).length === 3 && pidsIn(pids.plain).length === 3 && pidsIn(pids.bundle).length === 1, 20_000));
  const from = performance.now();
  host.child.kill('SIGUSR2');
  assert.ok(await until(() => host.lines.length === 2));
  host.child.kill('SIGSTOP');
  const effectful = [...pidsIn(pids.effectful), ...pidsIn(pids.bundle)];
  assert.ok(effectful.every(lives));
  assert.ok(await until(() => !effectful.some(lives), 5_000));
  const tookMs = performance.now() - from;
  assert.ok(tookMs > 900 && tookMs < 5_000, `${tookMs} ms`);
  assert.ok(pidsIn(pids.plain).every(lives));
  host.child.kill('SIGCONT');
  assert.ok(await until(() => host.lines.length >= 4));
  assert.deepEqual(host.lines.slice(2).map((line) => line.outcome?.error?.code), ['MODULE_FENCED', 'MODULE_FENCED']);
  host.child.kill('SIGKILL');
  assert.ok(await until(() => !pidsIn(pids.plain).some(lives), 1_000));
});

test('the deadline can be moved on; after it no effectful module starts', async (t) => {
  const { run, executor } = bench(t);
  executor.setFenceDeadline(performance.now() + 1_500);
  const long = run(command('sleep 2', { spec: { effectful: true } }));
  for (let step = 1; step <= 3; step++) {
    await new Promise((resolve) => setTimeout(resolve, 400));
    executor.setFenceDeadline(performance.now() + 5_000);
  }
  assert.ok((await long).ok);
  executor.setFenceDeadline(performance.now() - 1);
  assert.equal((await run(command('true', { spec: { effectful: true } }))).error?.code, 'MODULE_FENCED');
  assert.ok((await run(command('true'))).ok);
  executor.setFenceDeadline(performance.now() + 10_000);
  assert.ok((await run(command('true', { spec: { effectful: true } }))).ok);
});

test('the supervisor is killed: its modules die and say so, and the next one starts a new supervisor', { skip }, async (t) => {
  const { run, executor, notes } = bench(t);
  const pids = pidFile(t);
  const running = run(command(`echo $$ >> ${pids}; setsid sleep 1000 & echo $! >> ${pids}; wait`));
  const inPool = run(bundled('export const run = () => new Promise((done) => setTimeout(done, 60_000));', 'run'));
  assert.ok(await until(() => pidsIn(pids).length === 2));
  process.kill(executor.supervisorPid ?? 0, 'SIGKILL');
  const outcome = await running;
  assert.equal(outcome.error?.code, 'MODULE_SPAWN');
  assert.match(outcome.error?.message ?? '', /the supervisor ended \(SIGKILL\)/);
  assert.equal((await inPool).error?.code, 'MODULE_SPAWN');
  assert.deepEqual(pidsIn(pids).filter(lives), []);
  assert.ok(notes.some((note) => note.event === 'supervisor-ended'));
  assert.equal((await run(command('echo again'))).tail, 'again\n');
});

test('what is started while a dead supervisor is cleared away waits, and can be cancelled', { skip }, async (t) => {
  const { run, executor } = bench(t);
  const running = run(command('sleep 1000'));
  await run(command('true'));
  process.kill(executor.supervisorPid ?? 0, 'SIGKILL');
  assert.ok(await until(() => executor.supervisorPid === undefined));
  const cancelled = command('echo no');
  const [waiting, dropped] = [run(command('echo yes')), run(cancelled)];
  executor.cancel(cancelled.fence, 'grace', 'MODULE_CANCELLED');
  assert.equal((await dropped).error?.code, 'MODULE_CANCELLED');
  assert.equal((await waiting).tail, 'yes\n');
  assert.equal((await running).error?.code, 'MODULE_SPAWN');
});

test('signals of a terminal and of a service manager do not end the supervisor', { skip }, async (t) => {
  const { run, executor } = bench(t);
  const running = run(command('sleep 0.5; echo through'));
  await run(command('true'));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(executor.supervisorPid ?? 0, signal);
  assert.equal((await running).tail, 'through\n');
});

test('node and supervisor killed together: the next start on this folder kills what is left before it goes on', { skip }, async (t) => {
  const pids = pidFile(t);
  const host = await startHost(t, 0, [`plain:echo $$ >> ${pids}; setsid sleep 1000 & echo $! >> ${pids}; wait`]);
  assert.ok(await until(() => pidsIn(pids).length === 2));
  process.kill(host.supervisor, 'SIGSTOP');
  host.child.kill('SIGKILL');
  process.kill(host.supervisor, 'SIGKILL');
  assert.ok(await until(() => !lives(host.supervisor)));
  assert.ok(pidsIn(pids).every(lives));
  const { executor, notes } = bench(t, { workDir: host.workDir });
  await executor.warmUp();
  assert.ok(notes.some((note) => note.event === 'orphans-killed'));
  assert.deepEqual(pidsIn(pids).filter(lives), []);
});

test('a work folder that cannot be made is a reason, not a crash', async (t) => {
  const file = join(temporaryFolder(t), 'file');
  writeFileSync(file, '');
  const { run } = bench(t, { workDir: join(file, 'work') });
  const outcome = await run(command('true'));
  assert.equal(outcome.error?.code, 'MODULE_SPAWN');
  assert.match(outcome.error?.message ?? '', /could not be started: ENOTDIR/);
});
