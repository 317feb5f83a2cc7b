/** Goal: each oddity that was met in recorded workflows is survived. One test an oddity. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import test from 'node:test';
import fc from 'fast-check';
import { isModuleName } from '../../../src/pipeline/check-module.ts';
import { moduleNames } from '../../../src/pipeline/import/module-names.ts';
import { failure } from '../helpers.ts';
import { document, imported, needsOf } from './support.ts';

test('tasks of 0 seconds take 1 ms in plans and do nothing: 0 would mean unknown', async () => {
  const { spec, notes } = await imported(document([{ id: 'a', runtimeInSeconds: 0 }, { id: 'b', runtimeInSeconds: 20 }]));
  assert.deepEqual(spec.modules.map(({ durationMs, action }) => [durationMs, action]), [[1, { type: 'run', command: 'true' }], [20_000, { type: 'run', command: 'sleep 20' }]]);
  assert.deepEqual(notes, ['1 task below half a millisecond: planned as 1 ms']);
});

test('tasks without a recorded run time, or without any record, are left to the planner', async () => {
  const text = document([{ id: 'a', runtimeInSeconds: null }, { id: 'b' }]).replace('"runtimeInSeconds":null', '"avgCPU":12');
  const { spec, notes } = await imported(text);
  assert.deepEqual(spec.modules.map(({ durationMs }) => durationMs), [0, 1000]);
  assert.match(notes.join(), /^1 task without a recorded run time/);
  const bare = await imported(JSON.stringify({ workflow: { specification: { tasks: [{ name: 'x', id: 'x1', parents: [], children: [] }] } } }));
  assert.deepEqual(bare.spec.modules.map(({ name, durationMs }) => [name, durationMs]), [['x1', 0]]);
});

test('more than 110 % of a core, empty files, files with slashes, dates that are none, scripts as arguments: not looked at', async () => {
  const text = JSON.parse(document([{ id: 'a', avgCPU: 190.5, command: { program: 'cat <<-END\n  "x": 1\n  END', arguments: ['a\nb', ''] }, memoryInBytes: 0 }], { createdAt: '03-23-21T06:04:36Z' })) as {
    workflow: { specification: Record<string, unknown>; execution: Record<string, unknown> };
  };
  text.workflow.specification['files'] = [{ id: '/nf-core/test/genes.gtf', sizeInBytes: 0 }, { id: 'https://x/y', sizeInBytes: -1 }];
  text.workflow.execution['machines'] = [{ nodeName: 'n', cpu: { coreCount: 1, speedInMHz: 2100, vendor: 'Intel' }, memoryInBytes: null }];
  const { spec } = await imported(JSON.stringify(text));
  assert.deepEqual(spec.modules.map(({ requires: { cpu, memory } }) => [cpu, memory]), [[1, 0]]);
});

test('isolated tasks, several sources and several sinks', async () => {
  const { spec } = await imported(document([{ id: 'alone' }, { id: 'a' }, { id: 'b' }, { id: 'c', parents: ['a', 'b'] }, { id: 'd', parents: ['b'] }]));
  assert.deepEqual(needsOf(spec), { alone: [], a: [], b: [], c: ['a', 'b'], d: ['b'] });
});

test('an edge that only one end tells of, and one that is told of twice', async () => {
  const { spec } = await imported(document([{ id: 'a', children: ['b', 'b'] }, { id: 'b', parents: ['a', 'a'], children: [] }, { id: 'c', parents: ['b'] }]));
  assert.deepEqual(needsOf(spec), { a: [], b: ['a'], c: ['b'] });
});

test('a task with 1,000 parents, in a level that is 1,000 wide', async () => {
  const wide = Array.from({ length: 1000 }, (_, i) => ({ id: `w${i}` }));
  const { spec } = await imported(document([...wide, { id: 'end', parents: wide.map(({ id }) => id) }]));
  assert.equal(spec.modules.at(-1)?.needs.length, 1000);
});

test('ids with signs that no module name has, words of YAML, one name twice after cleaning', async () => {
  const ids = ['a b', 'a#b', 'a_b', '.hidden', '../up', 'x'.repeat(300), 'ünï', '12', '1e3', 'true', 'null', '-', '__proto__', 'NFCORE_RNASEQ.RNASEQ.CAT_5'];
  const { spec } = await imported(document(ids.map((id, i) => ({ id, parents: ids.slice(0, i) }))));
  assert.deepEqual(spec.modules.map(({ name }) => name), ['a_b-2', 'a_b-3', 'a_b', '_.hidden', '_/up', 'x'.repeat(127), '_n_', '12', '1e3', 'true', 'null', '_-', '___proto__', 'NFCORE_RNASEQ.RNASEQ.CAT_5']);
  assert.equal(spec.modules.at(-1)?.needs.length, ids.length - 1);
});

test('whatever the ids are, modules get names of their own that are allowed', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.oneof(fc.string({ unit: 'binary', maxLength: 140 }), fc.string({ unit: fc.constantFrom('a', '.', '#', ' '), minLength: 1, maxLength: 4 })), { minLength: 1, maxLength: 40 }), (ids) => {
      const names = moduleNames(ids);
      assert.equal(new Set(names).size, ids.length);
      for (const [i, name] of names.entries()) {
        assert.ok(isModuleName(name), name);
        if (isModuleName(ids[i] ?? '')) assert.equal(name, ids[i]);
      }
    }),
  );
});

test('up to 1.4: parents by name, else by id; `jobs`; cores; kilobytes; run time under its old name', async () => {
  const task = { type: 'compute', files: [{ link: 'input', name: '/a', size: 0 }], machine: 'mem' };
  const tasks = [
    { ...task, name: 'first', id: 'ID1', runtime: 2, cores: 2, memory: 14_660 },
    { ...task, name: 'second', id: 'ID2', runtime: 3, parents: ['first'], children: ['ID3'] },
    { ...task, name: 'third', id: 'ID3', runtimeInSeconds: 4, parents: ['ID1'], memory: 1, memoryInBytes: 7 },
  ];
  for (const [schemaVersion, key] of [['1.2', 'jobs'], ['1.3', 'tasks'], ['1.4', 'tasks']] as const) {
    const { spec } = await imported(JSON.stringify({ name: 'old', schemaVersion, wms: { name: 'Pegasus' }, workflow: { makespan: 9, [key]: tasks } }));
    assert.deepEqual(needsOf(spec), { first: [], second: ['first'], third: ['first', 'second'] });
    assert.deepEqual(spec.modules.map(({ durationMs, requires: { cpu, memory } }) => [durationMs, cpu, memory]), [[2000, 2, 14_660_000], [3000, 1, 0], [4000, 1, 7]]);
  }
});

test('tasks that share a name are told apart by their ids; a parent that could be either is refused', async () => {
  const tasks = [
    { name: 'fetch', id: 'ID1', runtime: 1 },
    { name: 'fetch', id: 'ID2', runtime: 1 },
    { name: 'join', id: 'ID3', runtime: 1, parents: ['ID1', 'ID2'] },
    { name: 'end', id: 'ID4', runtime: 1, parents: ['join'] },
  ];
  const old = (list: readonly object[]): string => JSON.stringify({ schemaVersion: '1.3', workflow: { tasks: list } });
  assert.deepEqual(needsOf((await imported(old(tasks))).spec), { ID1: [], ID2: [], ID3: ['ID1', 'ID2'], ID4: ['ID3'] });
  await failure(() => imported(old([...tasks, { name: 'x', id: 'ID5', parents: ['fetch'] }])), 'PIPELINE_INVALID');
  // From 1.5 on names need not differ at all; one that does is understood as a parent.
  const split = { specification: { tasks: tasks.map(({ runtime: _runtime, ...task }) => task) }, execution: { tasks: tasks.map(({ id, runtime }) => ({ id, runtimeInSeconds: runtime })) } };
  assert.deepEqual(needsOf((await imported(JSON.stringify({ schemaVersion: '1.5', workflow: split }))).spec), { ID1: [], ID2: [], ID3: ['ID1', 'ID2'], ID4: ['ID3'] });
});

test('1.6: what it has more is not looked at; no version at all', async () => {
  const more = { metrics: { numberOfTasks: 1 } };
  for (const schemaVersion of ['1.6', '1.5-head', undefined, 1.5]) assert.equal((await imported(document([{ id: 'a', ...more }], { schemaVersion }))).spec.modules.length, 1);
});

test('names of workflows that are none, and texts in the first line', async () => {
  for (const [name, expected] of [['', 'workflow'], ['a\nb', 'a b'], ['x'.repeat(300), 'x'.repeat(128)], ['${{ x }}', '$ {{ x }}'], ['half \ud800', 'half \ufffd']] as const) {
    const { spec } = await imported(document([{ id: 'a' }], { name, runtimeSystem: { name: 'two\nlines: [' } }), { file: 'a\n#b.json' });
    assert.equal(spec.name, expected);
  }
});

test('a task that runs for longer than modules may by default gets the time it takes, twice', async () => {
  const { spec } = await imported(document([{ id: 'a', runtimeInSeconds: 900 }, { id: 'b', runtimeInSeconds: 7200 }, { id: 'c', runtimeInSeconds: 24 * 86_400 }]));
  assert.deepEqual(spec.modules.map(({ timeoutMs }) => timeoutMs), [1_800_000, 14_400_000, 24 * 86_400_000]);
});

test('--scale: run times, durations and timeouts shrink together', async () => {
  const { spec } = await imported(document([{ id: 'a', runtimeInSeconds: 12.5 }, { id: 'b', runtimeInSeconds: 0.000_1 }]), { scale: 0.01 });
  assert.deepEqual(spec.modules.map(({ durationMs, action }) => [durationMs, action.type === 'run' && action.command]), [[125, 'sleep 0.125'], [1, 'sleep 0.000001']]);
});

test('--burn: every recorded core is kept busy for the run time, and nothing is left behind', async () => {
  const { spec } = await imported(document([{ id: 'a', coreCount: 2, runtimeInSeconds: 0.05 }, { id: 'b', runtimeInSeconds: 0 }]), { burn: true });
  const [burning, idle] = spec.modules.map(({ action }) => (action.type === 'run' ? action.command : ''));
  assert.equal(spec.modules[0]?.requires.cpu, 2);
  assert.equal(idle, 'true');
  for (const shell of ['bash -eo pipefail -c', 'sh -e -c']) {
    const [program = '', ...flags] = shell.split(' ');
    const started = performance.now();
    // `times` tells of the shell's children only when they were waited for, which is also the proof that they ended.
    const out = execFileSync(program, [...flags, `${burning}; for i in $p; do wait $i || true; done; times`], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    assert.ok(performance.now() - started >= 50);
    const [minutes = '', seconds = ''] = /^(\d+)m([\d.]+)s/.exec(out.trim().split('\n').at(-1) ?? '')?.slice(1) ?? [];
    assert.ok(Number(minutes) * 60 + Number(seconds) > 0, `${shell}: ${out}`);
  }
});
