/** Following a run: lines, events, the live block, the summary, Ctrl-C, timeouts, a node lost on the way. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { FakeNode, fakeSpec } from '../support/fake-node.ts';
import { TestBed, fourModulesYaml, parseLines } from './harness.ts';

const summary = '\nPipeline Summary\n   Status: Success\n   Duration: 00:00:08\n   Modules: 4\n';

/** The four modules of the example: waves of 2, 4 and 2 seconds. */
function playWaves(api: FakeNode, runId: string): void {
  const on = (node: string) => ({ node, attempt: 1, fence: 4096 });
  api.module(runId, 'FetchData', 'claimed', on('node1'));
  api.module(runId, 'ValidateEnvironment', 'claimed', on('node2'));
  api.now += 2000;
  api.module(runId, 'FetchData', 'succeeded', { durationMs: 2000 });
  api.module(runId, 'ProcessData', 'ready');
  api.module(runId, 'ValidateEnvironment', 'succeeded', { durationMs: 2000 });
  api.module(runId, 'ProcessData', 'claimed', { ...on('node3'), fence: 8192 });
  api.now += 4000;
  api.module(runId, 'ProcessData', 'succeeded', { durationMs: 4000 });
  api.module(runId, 'PublishResults', 'claimed', { ...on('node1'), fence: 12_288 });
  api.now += 2000;
  api.module(runId, 'PublishResults', 'succeeded', { durationMs: 2000 });
  api.finish(runId, 'succeeded');
}

test('run without a terminal: one line a transition, then the summary', async (t) => {
  const bed = new TestBed(t);
  const { api, listener } = await bed.serve();
  writeFileSync(join(bed.home, 'four.yaml'), fourModulesYaml);
  const running = bed.start(['run', 'four.yaml']);
  await running.saw(/4 modules/);
  playWaves(api, '7f01');
  const { code, stdout, stderr } = await running.done;
  assert.equal(stderr, '');
  assert.equal(
    stdout,
    [
      'run 7f01 four-modules: 4 modules',
      '00:00:00 FetchData started on node1',
      '00:00:00 ValidateEnvironment started on node2',
      '00:00:02 FetchData succeeded in 00:00:02 on node1',
      '00:00:02 ValidateEnvironment succeeded in 00:00:02 on node2',
      '00:00:02 ProcessData started on node3',
      '00:00:06 ProcessData succeeded in 00:00:04 on node3',
      '00:00:06 PublishResults started on node1',
      '00:00:08 PublishResults succeeded in 00:00:02 on node1',
      summary + `view: ${listener.url}/api/v1/runs/7f01-5bd1e7c09a4f4e0c8a8f7d2b6e3c1a90`,
      '',
    ].join('\n'),
  );
  assert.equal(code, 0);
});

test('a failed run: exit 1, the end of its output, nothing that steers the terminal', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  const { runId } = await api.submit(fakeSpec());
  const watching = bed.start(['runs', 'watch', '7f01']);
  await watching.saw(/4 modules/);
  api.module(runId, 'FetchData', 'claimed', { node: 'node1', attempt: 1, fence: 1 });
  api.module(runId, 'FetchData', 'ready', { note: 'node1 was lost' });
  api.module(runId, 'FetchData', 'claimed', { node: 'node2', attempt: 2, fence: 2 });
  const error = { code: 'MODULE_EXIT', message: 'exit code 3' };
  api.module(runId, 'FetchData', 'failed', { error, exitCode: 3, note: 'exit code 3', tail: 'line one\n\u001b[31mline two\u001b[0m\u0007\n' });
  api.module(runId, 'ProcessData', 'skipped', { note: 'FetchData failed' });
  api.finish(runId, 'failed', 'FetchData failed');
  const { code, stdout } = await watching.done;
  assert.equal(code, 1);
  const lines = stdout.split('\n');
  assert.deepEqual(lines.slice(1, 9), [
    '00:00:00 FetchData started on node1',
    '00:00:00 FetchData waits again: node1 was lost',
    '00:00:00 FetchData started on node2 (attempt 2)',
    '00:00:00 FetchData failed on node2 (attempt 2): exit code 3',
    '00:00:00 ProcessData skipped: FetchData failed',
    'FAILED FetchData on node2: MODULE_EXIT exit code 3',
    '   | line one',
    '   | line two',
  ]);
  assert.match(stdout, /Status: Failed\n.*\n {3}Modules: 4\n {3}Reason: FetchData failed\n/);
  const folded = await bed.run(['runs', 'watch', '7f01'], { env: { GITHUB_ACTIONS: 'true' } });
  assert.match(folded.stdout, /::group::output of FetchData\nline one\nline two\n::endgroup::/);
});

test('-o jsonl gives the events, -o json the run', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  playWaves(api, (await api.submit(fakeSpec())).runId);
  const events = parseLines((await bed.run(['runs', 'watch', '7f01', '-o', 'jsonl'])).stdout) as unknown as { type: string; module: string; phase: string; sequence: number }[];
  const told = events.map((event) => `${event.type} ${event.module} ${event.phase}`.replace('  ', ' '));
  assert.deepEqual(told.slice(0, 4), ['run queued', 'run running', 'module FetchData claimed', 'module ValidateEnvironment claimed']);
  assert.deepEqual(told.slice(-2), ['module PublishResults succeeded', 'run succeeded']);
  assert.deepEqual(events.map((event) => event.sequence), events.map((event) => event.sequence).toSorted((a, b) => a - b));
  const run = JSON.parse((await bed.run(['runs', 'watch', '7f01', '-o', 'json'])).stdout) as { phase: string };
  assert.equal(run.phase, 'succeeded');
  assert.equal((await bed.run(['runs', 'watch', '7f01', '-o', 'name'])).stdout, '7f01-5bd1e7c09a4f4e0c8a8f7d2b6e3c1a90\n');
});

test('on a terminal one block is repainted and finished modules scroll above', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  const { runId } = await api.submit(fakeSpec());
  const watching = bed.start(['runs', 'watch', '7f01'], { tty: true, env: { NO_COLOR: '1', TERM: 'xterm' } });
  await watching.saw(/0\/4 ░{10} 0% 0 nodes/);
  api.module(runId, 'FetchData', 'claimed', { node: 'node1', attempt: 1, fence: 1 });
  await watching.saw(/● FetchData {2}node1/);
  api.module(runId, 'FetchData', 'succeeded', { durationMs: 2000 });
  await watching.saw(/00:00:00 FetchData succeeded in 00:00:02 on node1/);
  await watching.saw(/1\/4 ▓▓░{8} 25% ETA 3m00s 1 node/);
  api.finish(runId, 'succeeded');
  const { code, stdout } = await watching.done;
  assert.equal(code, 0);
  assert.match(stdout, /Status: Success/);
  assert.doesNotMatch(stdout, /started on/);
});

test('TERM=dumb and CI get plain lines', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  playWaves(api, (await api.submit(fakeSpec())).runId);
  for (const env of [{ TERM: 'dumb' }, { CI: 'true', NO_COLOR: '1' }]) {
    const { stdout } = await bed.run(['runs', 'watch', '7f01'], { tty: true, env });
    assert.match(stdout, /00:00:00 FetchData started on node1\n/);
    assert.equal(stdout.includes('\u001b'), false);
  }
  const coloured = await bed.run(['runs', 'watch', '7f01'], { env: { FORCE_COLOR: '1' } });
  assert.ok(coloured.stdout.includes('\u001b[32mSuccess'));
});

test('Ctrl-C detaches and prints how to watch; the run goes on', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  const { runId } = await api.submit(fakeSpec());
  const watching = bed.start(['runs', 'watch', '7f01']);
  await watching.saw(/4 modules/);
  watching.signal();
  const { code, stderr } = await watching.done;
  assert.equal(code, 130);
  assert.match(stderr, /Detached; the run goes on. Watch it: skein runs watch 7f01\n/);
  assert.equal((await api.run(runId)).phase, 'queued');
  assert.equal(api.watcherCount, 0);
});

test('a second Ctrl-C cancels the run', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  const { runId } = await api.submit(fakeSpec());
  const watching = bed.start(['runs', 'watch', '7f01']);
  await watching.saw(/4 modules/);
  watching.signal();
  await watching.saw(/Detached/);
  watching.signal();
  const { code, stderr } = await watching.done;
  assert.equal(code, 130);
  assert.match(stderr, /Run 7f01 is cancelled\./);
  assert.equal((await api.run(runId)).phase, 'cancelled');
});

test('--timeout is exit 124 and leaves the run alone', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  await api.submit(fakeSpec());
  const { code, stderr } = await bed.run(['runs', 'watch', '7f01', '--timeout', '50ms']);
  assert.equal(code, 124);
  assert.match(stderr, /Not done in time; the run goes on/);
  assert.equal((await api.run('7f01')).phase, 'queued');
});

test('--place-timeout is exit 5 and says why nothing is placed', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  const { runId } = await api.submit(fakeSpec());
  api.module(runId, 'FetchData', 'ready', { note: 'no node has the label gpu' });
  const { code, stdout, stderr } = await bed.run(['runs', 'watch', '7f01', '--place-timeout', '60ms']);
  assert.equal(code, 5);
  assert.match(stdout, /waits: FetchData: no node has the label gpu/);
  assert.match(stderr, /No node can take it: FetchData: no node has the label gpu/);
});

test('a node that answers slowly is asked for the reasons once at a time', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  const { runId } = await api.submit(fakeSpec());
  api.module(runId, 'FetchData', 'ready', { note: 'no node has the label gpu' });
  const answer = await api.explainRun(runId);
  let [open, most] = [0, 0];
  t.mock.method(api, 'explainRun', async () => {
    most = Math.max(most, ++open);
    await new Promise((resolve) => setTimeout(resolve, 500));
    open--;
    return answer;
  });
  const { code, stderr } = await bed.run(['runs', 'watch', '7f01', '--place-timeout', '0s']);
  assert.equal(code, 5, stderr);
  assert.equal(most, 1);
});

test('the same reason a moment later is not said again', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  const { runId } = await api.submit(fakeSpec());
  api.module(runId, 'FetchData', 'ready', { note: 'next attempt in 9 s' });
  const watching = bed.start(['runs', 'watch', '7f01', '--place-timeout', '150ms']);
  await watching.saw(/4 modules/);
  // Something happened, so the first look at the reasons is not the last.
  api.module(runId, 'ValidateEnvironment', 'skipped');
  await watching.saw(/waits: FetchData: next attempt in 9 s/);
  api.module(runId, 'FetchData', 'ready', { note: 'next attempt in 8 s' });
  assert.equal((await watching.done).code, 5);
  assert.equal(watching.stdout().match(/waits:/g)?.length, 1);
  assert.match(watching.stderr(), /No node can take it: FetchData: next attempt in [89] s/);
});

test('a second copy of a module is told, and its events are in jsonl', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  const { runId } = await api.submit(fakeSpec());
  const [lines, data] = [bed.start(['runs', 'watch', '7f01']), bed.start(['runs', 'watch', '7f01', '-o', 'jsonl'])];
  await Promise.all([lines.saw(/4 modules/), data.saw(/queued/)]);
  api.module(runId, 'FetchData', 'claimed', { node: 'node1', attempt: 1, fence: 1 });
  api.copy(runId, 'FetchData', 'node2');
  await Promise.all([lines.saw(/ FetchData: a second copy was started on node2\n/), data.saw(/"type":"copy"/)]);
  api.finish(runId, 'succeeded');
  assert.deepEqual((await Promise.all([lines.done, data.done])).map(({ code }) => code), [0, 0]);
});

test('a run that is paused while it is followed', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  const { runId } = await api.submit(fakeSpec());
  const watching = bed.start(['runs', 'watch', '7f01']);
  await watching.saw(/4 modules/);
  api.now += 1000;
  await api.pause(runId, 'disk is full');
  await watching.saw(/paused \(disk is full\): nothing new is executed until it is resumed\n/);
  await api.resume(runId);
  await watching.saw(/goes on\n/);
  api.finish(runId, 'succeeded');
  assert.equal((await watching.done).code, 0);
});

test('when the node is lost, following goes on at another local one, with nothing said twice', async (t) => {
  const bed = new TestBed(t);
  const api = new FakeNode();
  const first = await bed.serve(api, 0);
  await bed.serve(api, 1);
  const { runId } = await api.submit(fakeSpec());
  const watching = bed.start(['runs', 'watch', '7f01']);
  await watching.saw(/4 modules/);
  api.module(runId, 'FetchData', 'claimed', { node: 'node1', attempt: 1, fence: 1 });
  await watching.saw(/FetchData started/);
  await first.listener.close();
  api.module(runId, 'FetchData', 'succeeded', { durationMs: 1000 });
  await watching.saw(/FetchData succeeded/);
  api.finish(runId, 'succeeded');
  const { code, stdout } = await watching.done;
  assert.equal(code, 0);
  assert.equal(stdout.match(/FetchData started/g)?.length, 1);
  assert.equal(stdout.match(/FetchData succeeded/g)?.length, 1);
});

test('what no event told is read from the whole run at the end', async (t) => {
  const bed = new TestBed(t);
  const api = new FakeNode();
  // A node that gives no history: as after a restart.
  api.watch = () => () => undefined;
  await bed.serve(api);
  const { runId } = await api.submit(fakeSpec());
  playWaves(api, runId);
  const { code, stdout } = await bed.run(['runs', 'watch', '7f01']);
  assert.equal(code, 0);
  assert.match(stdout, /00:00:02 FetchData succeeded in 00:00:02 on node1\n/);
  assert.match(stdout, /00:00:08 PublishResults succeeded in 00:00:02 on node1\n/);
});

test('a run of 5,000 modules: its past and its end come whole, though they come at once', async (t) => {
  const bed = new TestBed(t);
  const api = new FakeNode();
  await bed.serve(api);
  const spec = fakeSpec(Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`module-${i}`, []])), 'wide');
  const { runId } = await api.submit(spec);
  playAll(api, runId);
  const { code, stdout } = await bed.run(['runs', 'watch', '7f01']);
  assert.equal(code, 0);
  assert.equal(stdout.match(/ succeeded in /g)?.length, 5000);
  assert.match(stdout, /Modules: 5000/);
});

/** `play` in one step: module by module would be quadratic in the fake. */
function playAll(api: FakeNode, runId: string): void {
  const common = { runId: runId as (typeof api.events)[number]['runId'], runName: 'wide', at: api.now, node: 'node1', attempt: 1, fence: 1, note: '', printed: false, items: null };
  for (const { name } of api.submitted[0]?.modules ?? []) {
    api.events.push({ ...common, sequence: api.events.length + 1, type: 'module', phase: 'claimed', module: name, durationMs: 0 });
    api.events.push({ ...common, sequence: api.events.length + 1, type: 'module', phase: 'succeeded', module: name, durationMs: 5 });
  }
  api.finish(runId, 'succeeded');
}
