/** `skein logs`: one module as it printed, several with their names in front, what is lost and what runs again. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { SkeinError } from '../../src/errors.ts';
import type { LogEvent } from '../../src/runtime/api.ts';
import { FakeNode, fakeSpec } from '../support/fake-node.ts';
import { parseLines, TestBed } from './harness.ts';

function printed(fence: number, attempt: number, node: string, ...chunks: (string | Uint8Array)[]): LogEvent[] {
  const events: LogEvent[] = [{ type: 'execution', fence, attempt, node, nodeId: `${node}-id` as never, running: false }];
  let offset = 0;
  for (const chunk of chunks) {
    const bytes = Buffer.from(chunk);
    events.push({ type: 'output', fence, attempt, offset, next: offset + bytes.length, bytes });
    offset += bytes.length;
  }
  return events;
}

async function bed(t: TestContext): Promise<{ bed: TestBed; api: FakeNode; runId: string }> {
  const made = new TestBed(t);
  const { api } = await made.serve();
  const { runId } = await api.submit(fakeSpec({ split: [], encode: ['split'] }, 'transcode'));
  return { bed: made, api, runId };
}

test('of one module the bytes come as they are, to the last', async (t) => {
  const { bed: cli, api, runId } = await bed(t);
  api.printed.set('split', printed(8, 1, 'node1', '\u001b[31mred\u001b[0m\nhalf a ', 'line, ü, and the end'));
  const expected = '\u001b[31mred\u001b[0m\nhalf a line, ü, and the end';
  assert.deepEqual(await cli.run(['logs', runId, 'split']), { code: 0, stdout: expected, stderr: '' });
  assert.deepEqual(await cli.run(['module', 'logs', runId, 'split']), { code: 0, stdout: expected, stderr: '' });
});

test('attempts and what was lost are told beside the output', async (t) => {
  const { bed: cli, api, runId } = await bed(t);
  api.printed.set('split', [
    { type: 'lost', fence: 8, attempt: 1, node: 'node3', why: 'node' },
    ...printed(16, 1, 'node1', 'first\n'),
    ...printed(24, 2, 'node2', 'second\n'),
    { type: 'lost', fence: 24, attempt: 2, node: 'node2', why: 'dropped' },
  ]);
  const { stdout, stderr } = await cli.run(['logs', runId, 'split']);
  assert.equal(stdout, 'first\nsecond\n');
  assert.equal(stderr, '--- the log of attempt 1 was lost with node node3\n--- attempt 2 on node2\n--- attempt 2 was stopped on node2: the rest of its log is not kept\n');
  assert.equal((await cli.run(['logs', runId, 'split', '--attempt', '2'])).stdout, 'second\n');
});

test('--tail gives the last lines, also of one that does not end in a line', async (t) => {
  const { bed: cli, api, runId } = await bed(t);
  api.printed.set('split', printed(8, 1, 'node1', 'a\nb\n', 'c\nd\nha', 'lf'));
  assert.equal((await cli.run(['logs', runId, 'split', '--tail', '2'])).stdout, 'c\nd\nhalf');
  assert.equal((await cli.run(['logs', runId, 'split', '--tail', '0'])).stdout, '');
  assert.equal((await cli.run(['logs', runId, 'split', '--tail', '9'])).stdout, 'a\nb\nc\nd\nhalf');
  assert.equal((await cli.run(['logs', runId, 'split', '--tail', '4'])).stdout, 'a\nb\nc\nd\nhalf');
  assert.equal((await cli.run(['logs', runId, 'split', '--tail', '3'])).stdout, 'b\nc\nd\nhalf');
});

test('all modules of a run: those that printed, whole lines, names in front, colours only where somebody sees them', async (t) => {
  const { bed: cli, api, runId } = await bed(t);
  api.play(runId);
  api.module(runId, 'split', 'succeeded', { tail: 'x' });
  api.module(runId, 'encode', 'succeeded', { tail: 'x' });
  api.printed.set('split', printed(8, 1, 'node1', 'one\ntw', 'o\n'));
  api.printed.set('encode', printed(9, 1, 'node1', 'no end'));
  const plain = 'split  | one\nsplit  | two\nencode | no end\n';
  assert.deepEqual(await cli.run(['logs', runId]), { code: 0, stdout: plain, stderr: '' });
  const coloured = (await cli.run(['logs', runId], { tty: true })).stdout;
  assert.ok(coloured.includes('\u001b[36msplit ') && coloured.includes('\u001b[32mencode'), coloured);
  assert.equal((await cli.run(['logs', runId], { tty: true, env: { NO_COLOR: '1' } })).stdout, plain);
  const events = parseLines((await cli.run(['logs', runId, '-o', 'jsonl'])).stdout) as { module: string; type: string; text?: string }[];
  assert.deepEqual(events.filter(({ type }) => type === 'output').map(({ module, text }) => [module, text]), [['split', 'one\ntw'], ['split', 'o\n'], ['encode', 'no end']]);
});

test('following ends with the run, and the exit code tells how it ended', async (t) => {
  const { bed: cli, api, runId } = await bed(t);
  api.printed.set('split', printed(8, 1, 'node1', 'hello\n'));
  const follow = cli.start(['logs', '-f', runId]);
  api.module(runId, 'split', 'claimed', { node: 'node1', attempt: 1, fence: 8 });
  await follow.saw(/split {2}\| hello\n/);
  api.module(runId, 'split', 'failed', { tail: 'hello\n' });
  api.finish(runId, 'failed', 'split failed');
  assert.equal((await follow.done).code, 1);
  assert.equal((await cli.run(['logs', '-f', runId, 'split'])).code, 1);
});

test('run --logs shows what modules print between what becomes of them, then the summary without it', async (t) => {
  const { bed: cli, api } = await bed(t);
  writeFileSync(join(cli.home, 'p.yaml'), 'name: talk\nmodules: { split: { run: a }, encode: { run: b, needs: [split] } }\n');
  for (const argv of [['run', 'p.yaml', '--logs'], ['runs', 'watch', '7f02', '--logs'], ['runs', 'rerun', '7f02', '--logs']]) {
    const follow = cli.start(argv, { tty: true, env: { NO_COLOR: '1' } });
    await follow.saw(/2 modules/);
    if (argv[1] !== 'watch') {
      const runId = argv[0] === 'run' ? '7f02' : '7f03';
      api.printed.set('split', printed(8, 1, 'node1', 'hello\nhalf'));
      api.printed.set('encode', []);
      api.module(runId, 'split', 'claimed', { node: 'node1', attempt: 1, fence: 8 });
      await follow.saw(/split {2}\| half\n/);
      api.module(runId, 'split', 'failed', { tail: 'hello\nhalf', error: { code: 'MODULE_EXIT', message: 'exit code 3' }, note: 'exit code 3' });
      api.finish(runId, 'failed', 'split failed');
    }
    const { code, stdout, stderr } = await follow.done;
    assert.equal(code, 1, stderr);
    assert.match(stdout, /00:00:00 split started on node1\n[^]*split {2}\| hello\nsplit {2}\| half\n/);
    assert.match(stdout, /\nFAILED split on node1: MODULE_EXIT exit code 3\n\nPipeline Summary\n/);
    assert.equal(stdout.split('hello').length, 2);
  }
});

test('run --logs for programs: the events of run and logs; where there is no place for logs it is refused', async (t) => {
  const { bed: cli, api, runId } = await bed(t);
  api.printed.set('split', printed(8, 1, 'node1', 'hello\n'));
  api.module(runId, 'split', 'succeeded', { tail: 'hello\n' });
  api.finish(runId, 'succeeded');
  const events = parseLines((await cli.run(['runs', 'watch', runId, '--logs', '-o', 'jsonl'])).stdout) as { type: string; module?: string; text?: string }[];
  assert.deepEqual(events.map(({ type }) => type).toSorted(), ['end', 'execution', 'module', 'output', 'run', 'run']);
  assert.deepEqual(events.find(({ type }) => type === 'output')?.text, 'hello\n');
  for (const [argv, says] of [[['-d'], /--logs and --detach exclude each other/], [['-o', 'json'], /--logs does not go with -o json.*allowed: table, wide, jsonl/]] as const) {
    const refused = await cli.run(['run', 'none.yaml', '--logs', ...argv]);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, says);
  }
});

test('of a cancelled run those modules are shown that had begun, though no result of them counts', async (t) => {
  const { bed: cli, api, runId } = await bed(t);
  api.module(runId, 'split', 'cancelled', { attempt: 1, earlierExecutions: 1 });
  api.module(runId, 'encode', 'cancelled');
  api.finish(runId, 'cancelled');
  for (const name of ['split', 'encode']) api.printed.set(name, printed(8, 1, 'node1', `${name} was here\n`));
  assert.equal((await cli.run(['logs', runId])).stdout, 'split  | split was here\n');
});

test('a log that cannot be read ends no run, and hides no other log', async (t) => {
  const { bed: cli, api, runId } = await bed(t);
  for (const name of ['split', 'encode']) api.module(runId, name, 'succeeded', { tail: 'x' });
  api.finish(runId, 'succeeded');
  api.printed.set('encode', printed(9, 1, 'node1', 'fine\n'));
  const log = api.log.bind(api);
  api.log = async function* (run, module, options) {
    if (module === 'split') throw new SkeinError('BLOB_NOT_FOUND', 'no node has it');
    yield* log(run, module, options);
  };
  const all = await cli.run(['logs', runId]);
  assert.deepEqual([all.code, all.stdout], [2, 'encode | fine\n']);
  assert.match(all.stderr, /^error BLOB_NOT_FOUND: the log of split: no node has it\n/);
  const run = await cli.run(['runs', 'watch', runId, '--logs']);
  assert.equal(run.code, 0);
  assert.match(run.stdout, /encode \| fine\n[^]*Status: Success/);
  assert.match(run.stderr, /BLOB_NOT_FOUND: the log of split: no node has it/);
});

test('Ctrl-C ends it; a module that is not there is an error', async (t) => {
  const { bed: cli, api, runId } = await bed(t);
  const follow = cli.start(['logs', '-f', runId]);
  api.printed.set('split', printed(8, 1, 'node1', 'hello\n'));
  api.module(runId, 'split', 'claimed', { node: 'node1', attempt: 1, fence: 8 });
  await follow.saw(/hello/);
  follow.signal();
  assert.equal((await follow.done).code, 130);
  const wrong = await cli.run(['logs', runId, 'joint']);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /MODULE_NOT_FOUND/);
});

test('what modules say of their progress shows where runs are shown, with an estimate', async (t) => {
  const { bed: cli, api, runId } = await bed(t);
  api.module(runId, 'split', 'claimed', { node: 'node1', attempt: 1, fence: 8 });
  api.progressNow = { etaMs: 250_000, modules: [{ module: 'split', fraction: 0.42, message: 'packing', etaMs: 90_000 }] };
  assert.match((await cli.run(['module', 'list', runId])).stdout, /PROGRESS +NOTE\nsplit .* 42% packing \(1m30s left\)/);
  assert.match((await cli.run(['runs', 'view', runId])).stdout, /42% packing/);
  assert.match((await cli.run(['module', 'explain', runId, 'split'])).stdout, /^split \(claimed\): about to be claimed\n {2}progress: 42% packing \(1m30s left\)\n/);
  const said = { fraction: 0.42, message: 'packing', etaMs: 90_000 };
  const read = async (...argv: string[]): Promise<unknown> => JSON.parse((await cli.run([...argv, '-o', 'json'])).stdout) as unknown;
  assert.deepEqual(((await read('module', 'explain', runId, 'split')) as { progress: unknown }).progress, said);
  assert.equal(((await read('module', 'explain', runId, 'encode')) as { progress: unknown }).progress, null);
  assert.deepEqual(((await read('module', 'list', runId)) as { modules: { progress: unknown }[] }).modules.map(({ progress }) => progress), [said, null]);
  const whole = (await read('runs', 'view', runId)) as { etaMs: number; moduleList: { progress: unknown }[] };
  assert.deepEqual([whole.etaMs, whole.moduleList.map(({ progress }) => progress)], [250_000, [said, null]]);
  const watch = cli.start(['runs', 'watch', runId], { tty: true });
  await watch.saw(/0\/2 .*21%.* ETA 4m10s[^]*split .*42% packing/);
  api.module(runId, 'split', 'succeeded', {});
  api.module(runId, 'encode', 'succeeded', {});
  api.finish(runId, 'succeeded');
  assert.equal((await watch.done).code, 0);
  api.progressNow = { etaMs: null, modules: [] };
  assert.doesNotMatch((await cli.run(['module', 'list', runId])).stdout, /PROGRESS/);
});
