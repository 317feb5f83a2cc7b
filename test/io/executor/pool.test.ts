/** Functions of bundles in pooled processes. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { bench, bundled, lives, temporaryFolder, until } from './harness.ts';

const steps = `
  import { spawn } from 'node:child_process';
  import { writeFileSync } from 'node:fs';
  let count = 0;
  export function echo(context) { const { signal, log, progress, ...plain } = context; console.log('hello', plain.params); log('and %s', 'log'); console.error('err'); return plain; }
  export const pid = () => ({ pid: process.pid, count: ++count });
  export const slowPid = async () => { await new Promise((done) => setTimeout(done, 150)); return process.pid; };
  export async function fails() { throw new TypeError('went wrong', { cause: new Error('the disk') }); }
  export const throwsText = () => { throw 'just text'; };
  export const env = () => ({ X: process.env.X ?? 'none', run: process.env.SKEIN_KEY ?? 'none' });
  export const list = () => [1, 2];
  export const nothing = () => {};
  export const big = () => ({ big: 'x'.repeat(5000) });
  export const exits = () => { console.log('before'); process.exit(5); };
  export const late = async () => { setTimeout(() => { throw new Error('nobody catches'); }, 10); await new Promise(() => {}); };
  export const rejects = async () => { Promise.reject(new Error('nobody awaits')); await new Promise(() => {}); };
  export const dies = () => process.kill(process.pid, 'SIGSEGV');
  export const polite = ({ signal }) => new Promise((done, fail) => signal.addEventListener('abort', () => { console.log('aborted', signal.reason.code); fail(signal.reason); }));
  export const stubborn = ({ env }) => { writeFileSync(env.PIDS, process.pid + ' ' + spawn('sleep', ['1000'], { detached: true }).pid); while (true) {} };
  export const child = () => new Promise((done) => spawn('sh', ['-c', 'echo from a child'], { stdio: 'inherit' }).on('close', () => done()));
  export const flood = () => { for (let i = 0; i < 200000; i++) console.log('line ' + i); };
  export const number = 7;
`;

test('a function gets its context and gives values and tail', async (t) => {
  const { run } = bench(t);
  const outcome = await run(bundled(steps, 'echo', { params: { a: 1 }, needs: { split: { parts: [1] } }, env: { X: '1' }, spec: { env: { Y: '2' } }, fence: 99_999_999, attempt: 3 }));
  assert.equal(outcome.error, null);
  assert.deepEqual(outcome.values, {
    params: { a: 1 },
    needs: { split: { outputs: { parts: [1] } } },
    env: { X: '1', Y: '2' },
    attempt: 3,
    fence: 99_999_999,
    runId: 'r1-c0ffee',
    runName: 'demo',
    module: 'build',
    idempotencyKey: 'key-1',
    inputs: {},
    workDir: '', checkpointDir: '',
  });
  assert.equal(outcome.tail, 'hello { a: 1 }\nand log\nerr\n');
});

test('return values and failures of every kind', async (t) => {
  const { run } = bench(t, { maxPooled: 1 });
  assert.deepEqual((await run(bundled(steps, 'list'))).values, { value: [1, 2] });
  assert.deepEqual((await run(bundled(steps, 'nothing'))).values, {});
  assert.deepEqual((await run(bundled(steps, 'env', { env: { X: 'set' } }))).values, { X: 'set', run: 'none' });
  assert.deepEqual((await run(bundled(steps, 'env'))).values, { X: 'none', run: 'none' });
  assert.equal((await run(bundled(steps, 'child'))).tail, 'from a child\n');
  assert.match((await run(bundled(steps, 'flood'))).tail, /^\[\d+ bytes cut\]\nline [^]*line 199999\n$/);
  const failures: [string, string, RegExp][] = [
    ['fails', 'MODULE_THREW', /^TypeError: went wrong\n {2}caused by Error: the disk\n {4}at fails \(.*\.mjs:8:/],
    ['throwsText', 'MODULE_THREW', /^threw 'just text'/],
    ['big', 'MODULE_OUTPUT', /value "big" takes 5002 bytes/],
    ['exits', 'MODULE_EXIT', /ended its process with exit code 5/],
    ['late', 'MODULE_THREW', /^not caught: Error: nobody catches/],
    ['rejects', 'MODULE_THREW', /^not caught: Error: nobody awaits/],
    ['dies', 'MODULE_SIGNAL', /its process was ended by SIGSEGV/],
    ['absent', 'MODULE_SPAWN', /steps\.ts exports no function "absent"; it exports .*echo/],
    ['number', 'MODULE_SPAWN', /exports no function "number"/],
  ];
  for (const [name, code, message] of failures) {
    const outcome = await run(bundled(steps, name));
    assert.equal(outcome.error?.code, code, `${name}: ${outcome.error?.message}`);
    assert.match(outcome.error?.message ?? '', message);
    assert.equal(outcome.tail, name === 'exits' ? 'before\n' : '');
  }
  assert.ok((await run(bundled(steps, 'nothing'))).ok, 'the pool goes on');
});

test('a bundle that cannot be loaded says why', async (t) => {
  const { run } = bench(t);
  const broken = await run(bundled('export const f = ;', 'f'));
  assert.equal(broken.error?.code, 'MODULE_SPAWN');
  assert.match(broken.error?.message ?? '', /could not be loaded: SyntaxError/);
  const missing = await run(bundled('export const f = 1;', 'f', { bundle: () => undefined }));
  assert.match(missing.error?.message ?? '', /the run carries no bundle [0-9a-f]{12} for \.\/steps\.ts/);
});

test('a module whose bundle the node had no room for is handed back, and executed here once there is room', async (t) => {
  const { run, workDir } = bench(t);
  assert.ok((await run(bundled(steps, 'nothing'))).ok);
  const [supervisor] = readdirSync(workDir).filter((name) => name.startsWith('s-'));
  const late = bundled(`${steps}\n// late`, 'pid');
  assert.ok(late.spec.action.type === 'bundle');
  const inTheWay = join(workDir, supervisor!, `${late.spec.action.bundle}.mjs`);
  mkdirSync(inTheWay);
  assert.equal((await run(late)).error?.code, 'NODE_EXHAUSTED');
  rmdirSync(inTheWay);
  const again = await run(bundled(`${steps}\n// late`, 'pid'));
  assert.ok(again.ok, again.error?.message);
});

test('a process is used again, for one execution at a time, and never for another bundle', async (t) => {
  const { run } = bench(t, { maxPooled: 3 });
  const first = await run(bundled(steps, 'pid'));
  const second = await run(bundled(steps, 'pid', { runId: 'r2-c0ffee' as never }));
  assert.equal(first.values['pid'], second.values['pid']);
  assert.equal(second.values['count'], 2);
  const other = await run(bundled(`${steps}\n// another`, 'pid'));
  assert.notEqual(other.values['pid'], first.values['pid']);
  const many = await Promise.all(Array.from({ length: 9 }, () => run(bundled(steps, 'slowPid'))));
  const pids = new Set(many.map((outcome) => outcome.values['value']));
  assert.ok(pids.size >= 2 && pids.size <= 3, `${pids.size} processes`);
});

test('cancel aborts the signal; what does not listen is killed with its children', async (t) => {
  const { run, executor } = bench(t, { graceMs: 300, maxPooled: 2 });
  const polite = bundled(steps, 'polite');
  const politely = run(polite);
  await run(bundled(steps, 'pid'));
  executor.cancel(polite.fence, 'grace', 'MODULE_CANCELLED');
  const cancelled = await politely;
  assert.equal(cancelled.error?.code, 'MODULE_CANCELLED');
  assert.equal(cancelled.tail, 'aborted MODULE_CANCELLED\n');
  const pids = join(temporaryFolder(t), 'pids');
  const stubborn = await run(bundled(steps, 'stubborn', { env: { PIDS: pids }, spec: { timeoutMs: 200 } }));
  assert.equal(stubborn.error?.code, 'MODULE_TIMEOUT');
  assert.ok(stubborn.durationMs >= 450 && stubborn.durationMs < 5_000, `${stubborn.durationMs} ms`);
  const [hostPid = 0, childPid = 0] = readFileSync(pids, 'utf8').split(' ').map(Number);
  assert.deepEqual([lives(hostPid), lives(childPid)], [false, false]);
  assert.ok((await run(bundled(steps, 'pid'))).ok);
});

test('what waits for a process can be cancelled too', async (t) => {
  const { run, executor } = bench(t, { maxPooled: 1, graceMs: 100 });
  const holder = bundled(steps, 'polite');
  const waiter = bundled(steps, 'nothing');
  const held = run(holder);
  const waiting = run(waiter);
  executor.cancel(waiter.fence, 'grace', 'MODULE_CANCELLED');
  assert.equal((await waiting).error?.code, 'MODULE_CANCELLED');
  executor.cancel(holder.fence, 'now', 'NODE_STOPPING');
  assert.equal((await held).error?.code, 'NODE_STOPPING');
  assert.ok((await run(bundled(steps, 'nothing'))).ok);
});

test('more bundles than processes: none starves', async (t) => {
  const { run } = bench(t, { maxPooled: 2 });
  const bundles = Array.from({ length: 5 }, (_, index) => `export const f = () => ({ n: ${index} });`);
  const outcomes = await Promise.all(Array.from({ length: 50 }, (_, index) => run(bundled(bundles[index % 5] ?? '', 'f'))));
  assert.deepEqual(outcomes.map((outcome) => outcome.values['n']), Array.from({ length: 50 }, (_, index) => index % 5));
});

test('idle processes end when the executor stops', async (t) => {
  const { run, executor } = bench(t);
  const pid = Number((await run(bundled(steps, 'pid'))).values['pid']);
  assert.ok(lives(pid));
  await new Promise<void>((resolve) => executor.stop(resolve));
  assert.ok(await until(() => !lives(pid), 1_000));
});

test('functions that wait get more processes than there are cores', async (t) => {
  const { run } = bench(t, { maxPooled: 6 });
  const long = `export const f = async () => { await new Promise((done) => setTimeout(done, 1500)); return process.pid; };`;
  const outcomes = await Promise.all(Array.from({ length: 6 }, () => run(bundled(long, 'f'))));
  const pids = new Set(outcomes.map((outcome) => outcome.values['value']));
  assert.ok(pids.size > Math.min(5, availableParallelism()), `${pids.size} processes`);
});
