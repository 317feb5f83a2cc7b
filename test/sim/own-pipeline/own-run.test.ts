/** Goal: somebody sees what a partition does to their own pipeline: how much later it ends, what was executed again. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { parseArguments } from '../../../sim/arguments.ts';
import { EXIT_OK, EXIT_PENDING, EXIT_USAGE } from '../../../sim/exit-codes.ts';
import { runPipeline } from '../../../sim/own-pipeline/main.ts';

const PIPELINE = `name: encode
modules:
  split: { duration: 1s, run: ffmpeg }
  left: { needs: [split], duration: 4s, run: ffmpeg }
  right: { needs: [split], duration: 4s, run: ffmpeg, effectful: true }
  join: { needs: [left, right], run: ffmpeg }
`;

interface Came {
  readonly exitCode: number;
  readonly lines: readonly string[];
  /** Text after the label of this line. */
  readonly row: (label: string) => string;
}

async function run(t: TestContext, ...argv: readonly string[]): Promise<Came> {
  const folder = mkdtempSync(path.join(tmpdir(), 'skein-sim-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'pipeline.yaml');
  writeFileSync(file, PIPELINE);
  const args = parseArguments(['--pipeline', file, ...argv]);
  assert.ok(args.pipeline !== undefined);
  const lines: string[] = [];
  const exitCode = await runPipeline(args, args.pipeline, (line) => lines.push(line));
  return { exitCode, lines, row: (label) => lines.find((line) => line.startsWith(`${label} `))?.slice(11) ?? '' };
}

test('without faults: as long as its critical path', async (t) => {
  const { exitCode, row } = await run(t);
  assert.equal(exitCode, EXIT_OK);
  assert.match(row('pipeline'), /^encode: 4 modules on 5 nodes with 2 cpu each/);
  assert.match(row('note'), /^1 of 4 modules do not declare a duration: 1 s each/);
  // Executions vary by a fifth.
  assert.match(row('result'), /^✓ succeeded after [5-7]\.\d+ s$/);
  assert.equal(row('modules'), '4 of 4 recorded, none twice; 4 executions, none repeated');
});

test('the leader cut off with one other, then healed: later, and every result recorded once', async (t) => {
  const { exitCode, row } = await run(t, '--at', '2s cut leader,n5|n2,n3,n4', '--at', '10s', 'heal');
  assert.equal(exitCode, EXIT_OK);
  assert.match(row('result'), /^✓ succeeded after \d+\.\d+ s; without faults [5-7]\.\d+ s \(\+\d/);
  assert.match(row('modules'), /^4 of 4 recorded, none twice; /);
  assert.match(row('leaders'), /^n\d to 2\.\d+ s, nobody for \d+.*to the end; without a leader /);
});

test('a majority that never comes back: it says so, and why', async (t) => {
  const { exitCode, row, lines } = await run(t, '--at', '2s kill n1,n2,n3', '--limit', '20s', '--trace');
  assert.equal(exitCode, EXIT_PENDING);
  assert.match(row('result'), /^○ has not ended: \d of 4 modules open; nobody leads; n1 down, n2 down, n3 down$/);
  // Times count from the submission.
  assert.ok(lines.some((line) => /^ {4}2\.0000 s {2}\S{5} {2}fault {4}n1 {5}is killed$/.test(line)), lines.join('\n'));
});

test('the same seed and script give the same lines', async (t) => {
  const argv = ['--at', '1s kill leader for 2s', '--at', '3s cut n4|n5 for 4s', '--seed', '9', '--trace'];
  const [first, second] = [await run(t, ...argv), await run(t, ...argv)];
  assert.deepEqual(first.lines, second.lines);
  assert.ok(first.lines.length > 20);
});

test('what does not fit is refused before anything is simulated', async (t) => {
  const errors: string[] = [];
  t.mock.method(process.stderr, 'write', (text: string) => errors.push(text) > 0);
  for (const argv of [['--at', '2s kill n6'], ['--duration', 'splitt=3s'], ['--script', 'no-such-file'], ['-p', 'crf=1'], ['--nodes', '3', '--at', '1s cut d']]) assert.equal((await run(t, ...argv)).exitCode, EXIT_USAGE);
  assert.match(errors[0] ?? '', /^--at '2s kill n6': there is no node "n6"/);
  assert.match(errors[1] ?? '', /^--duration splitt=…: the pipeline has no module of this name, did you mean split\?/);
  assert.match(errors[2] ?? '', /^--script no-such-file: there is no such file/);
  assert.match(errors[3] ?? '', /unknown parameter `crf`/);
  assert.match(errors[4] ?? '', /There are n1 to n3 \(or a to c\)/);
});
