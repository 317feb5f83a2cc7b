/** Goal: every recorded workflow at hand becomes a pipeline that is accepted, with the graph and the run times that others counted in it. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { outline } from '../../../src/core/plan/schedule.ts';
import { imported, needsOf, readFixture, references, skip } from './support.ts';

test('all visible graphs: tasks, edges, run times and critical path are those of the reference, there and back', { skip }, async (t) => {
  const all = references();
  assert.ok(all.length >= 20);
  for (const [name, reference] of all) {
    await t.test(name, async () => {
      const { spec, notes } = await imported(readFixture(name));
      assert.equal(spec.modules.length, reference.tasks);
      assert.equal(spec.modules.reduce((sum, { needs }) => sum + needs.length, 0), reference.edges);
      // Declared durations are whole milliseconds, and at least one.
      const slackMs = spec.modules.length;
      const sumMs = spec.modules.reduce((sum, { durationMs }) => sum + durationMs, 0);
      assert.ok(Math.abs(sumMs - reference.sumRuntime * 1000) <= slackMs, `${sumMs} ms of ${reference.sumRuntime} s`);
      const { criticalPath, criticalPathMs } = outline(spec.modules);
      assert.ok(Math.abs(criticalPathMs - reference.criticalPath * 1000) <= criticalPath.length, `${criticalPathMs} ms of ${reference.criticalPath} s`);
      assert.equal(spec.modules.filter(({ durationMs }) => durationMs === 0).length, reference.noRuntime);
      assert.equal(notes.some((note) => note.includes('half a millisecond')), reference.zeroRuntime > 0, notes.join());
    });
  }
});

test('the same workflow in schema 1.3, 1.4 and 1.5 is the same pipeline', { skip }, async () => {
  const [old, newer, recent] = await Promise.all(
    ['wfinstances-old-format/montage-2mass-005d-001.v1.3.json', 'wfinstances-old-format/montage-2mass-005d-001.v1.4.json', 'wfinstances/montage-chameleon-2mass-005d-001.json'].map((name) => imported(readFixture(name))),
  );
  assert.deepEqual(old?.spec, newer?.spec);
  // Kilobytes of 1.3 are thousands of bytes, as 1.4 and 1.5 say themselves.
  assert.deepEqual(old?.spec.modules.map(({ requires }) => requires.memory), recent?.spec.modules.map(({ requires }) => requires.memory));
  assert.ok((old?.spec.modules[0]?.requires.memory ?? 0) > 1_000_000);
  assert.deepEqual(old && needsOf(old.spec), recent && needsOf(recent.spec));
});

test('cores and memory are asked for as recorded, nothing where nothing was recorded', { skip }, async () => {
  for (const name of ['wfinstances/blast-chameleon-small-001.json', 'wfinstances/seismology-chameleon-100p-001.json', 'real-builds/lua-build.wfformat.json']) {
    const { workflow } = JSON.parse(readFixture(name)) as { workflow: { execution: { tasks: { coreCount?: number; memoryInBytes?: number }[] } } };
    const { spec } = await imported(readFixture(name));
    assert.deepEqual(
      spec.modules.map(({ requires: { cpu, memory } }) => [cpu, memory]),
      workflow.execution.tasks.map(({ coreCount = 1, memoryInBytes = 0 }) => [coreCount, memoryInBytes]),
      name,
    );
  }
});
