/** Goal: a workflow that another engine recorded is imported, planned and submitted with three commands. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { TestBed } from './harness.ts';

const workflow = JSON.stringify({
  name: 'diamond',
  schemaVersion: '1.5',
  workflow: {
    specification: { tasks: [{ name: 'a', id: 'a', parents: [], children: ['b', 'c'] }, { name: 'b', id: 'b', parents: ['a'] }, { name: 'c', id: 'c', parents: ['a'] }, { name: 'd', id: 'd', parents: ['b', 'c'] }] },
    execution: { tasks: ['a', 'b', 'c', 'd'].map((id, i) => ({ id, runtimeInSeconds: i, coreCount: 1, memoryInBytes: 1024 })) },
  },
});

const half = `# Imported from wf.json: WfFormat 1.5; run times × 0.5
name: "diamond"
modules:
  a:
    run: "true"
    duration: 1ms
    requires: { memory: 1024B }
  b:
    run: "sleep 0.5"
    duration: 500ms
    needs: [a]
    requires: { memory: 1024B }
  c:
    run: "sleep 1"
    duration: 1000ms
    needs: [a]
    requires: { memory: 1024B }
  d:
    run: "sleep 1.5"
    duration: 1500ms
    needs: [b, c]
    requires: { memory: 1024B }
`;

test('pipeline import writes to standard output, or to a file that is not replaced unasked', async (t) => {
  const bed = new TestBed(t);
  writeFileSync(join(bed.home, 'wf.json'), workflow);
  const note = 'note: 1 task below half a millisecond: planned as 1 ms\n';
  assert.deepEqual(await bed.run(['pipeline', 'import', 'wf.json', '--scale', '0.5']), { code: 0, stdout: half, stderr: `Imported 4 tasks with 4 needs\n${note}` });
  const toFile = ['pipeline', 'import', 'wf.json', '--scale', '0.5', '--out', 'pipeline.yaml'];
  assert.deepEqual(await bed.run(toFile), { code: 0, stdout: '', stderr: `Imported 4 tasks with 4 needs into pipeline.yaml\n${note}` });
  const out = join(bed.home, 'pipeline.yaml');
  assert.equal(readFileSync(out, 'utf8'), half);
  writeFileSync(out, 'mine');
  const again = await bed.run(toFile);
  assert.equal(again.code, 2);
  assert.match(again.stderr, /OPTION_INVALID: --out pipeline\.yaml: the file exists\nhint: .*--force/);
  assert.equal(readFileSync(out, 'utf8'), 'mine');
  assert.equal((await bed.run([...toFile, '--force'])).code, 0);
  assert.equal(readFileSync(out, 'utf8'), half);
});

test('what was imported is valid, can be planned, and is submitted', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  const imported = await bed.run(['pipeline', 'import', '-', '--burn', '--out', 'pipeline.yaml'], { stdin: workflow });
  assert.equal(imported.code, 0, imported.stderr);
  assert.equal((await bed.run(['pipeline', 'validate', 'pipeline.yaml'])).stdout, 'pipeline.yaml is valid: diamond, 4 modules\n');
  assert.match((await bed.run(['pipeline', 'plan', 'pipeline.yaml'])).stdout, /Wave 2: b and c run in parallel after a\n[^]*Critical path: a → c → d/);
  assert.match((await bed.run(['pipeline', 'plan', 'pipeline.yaml', '--workers', '2'])).stdout, /^On 2 workers with 1 cpu slot each: 5 s planned, 1\.00 × the lower bound of 5 s$/m);
  const plan = JSON.parse((await bed.run(['pipeline', 'plan', 'pipeline.yaml', '--slots', '4', '--memory', '1KiB', '--json'])).stdout) as { schedule: Record<string, unknown> };
  assert.deepEqual([plan.schedule['workers'], plan.schedule['slots'], plan.schedule['lowerBoundMs'], plan.schedule['makespanMs']], [1, 4, 5001, 6001]);
  for (const flags of [['--workers', '0'], ['--workers', '1.5'], ['--slots', '5000'], ['--memory', '12']]) {
    const { code, stderr } = await bed.run(['pipeline', 'plan', 'pipeline.yaml', ...flags]);
    assert.equal(code, 2);
    assert.match(stderr, /OPTION_INVALID: .*it must be a/);
  }
  assert.equal((await bed.run(['run', '-d', 'pipeline.yaml'])).code, 0);
  assert.deepEqual(api.submitted.map(({ name, modules }) => [name, modules.map(({ durationMs }) => durationMs)]), [['diamond', [1, 1000, 2000, 3000]]]);
});

test('mistakes: no file, no text, a scale that is none, a folder that is not there', async (t) => {
  const bed = new TestBed(t);
  writeFileSync(join(bed.home, 'wf.json'), workflow);
  writeFileSync(join(bed.home, 'bytes'), Buffer.from([0x7b, 0xff, 0xfe]));
  writeFileSync(join(bed.home, 'bad.json'), workflow.replace('"parents":["a"]', '"parents":["x"]'));
  for (const [argv, pattern] of [
    [['none.json'], /PIPELINE_INVALID: none\.json: no such file/],
    [['bytes'], /PIPELINE_INVALID: bytes: the file is not UTF-8 text/],
    [['bad.json'], /bad\.json:1:\d+ task `b`: the parent `x` does not exist[^]*allowed: the id of a task[^]*hint: .*docs\/pipelines\.md/],
    [['wf.json', '--scale', 'half'], /OPTION_INVALID: .*--scale <factor>.*it must be a number above 0/],
    [['wf.json', '--scale', '1e12'], /OPTION_INVALID: The scale must be a number from 0\.000001 to 1000000/],
    [['wf.json', '--out', 'no/such/folder.yaml'], /OPTION_INVALID: --out no\/such\/folder\.yaml cannot be written: ENOENT/],
  ] as const) {
    const { code, stdout, stderr } = await bed.run(['pipeline', 'import', ...argv]);
    assert.deepEqual([code, stdout], [2, ''], stderr);
    assert.match(stderr, pattern);
  }
});
