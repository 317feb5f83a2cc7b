/** Goal: benches that need no cluster work, tiny; and planned makespans over three nodes keep to the published schedule. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { planAll, workloads } from '../bench/makespan.bench.ts';
import { describeFiles, madeCases, planFiles } from '../bench/makespan-files.ts';
import { describePlan, measurePlan } from '../bench/plan.bench.ts';

test('bench plan: every shape is planned, in more slices where there is more to look at', async () => {
  const figures = await measurePlan([300, 12_000], 1);
  assert.equal(figures.length, 8);
  for (const { modules, planner, reducer, needs, shape } of figures) {
    if (modules === 300) assert.equal(planner.count, 1, shape);
    else assert.ok(planner.count >= 3 && planner.count <= 12, `${shape}: ${planner.count} slices for ${modules} modules, ${needs} needs`);
    assert.ok(reducer.count >= modules / 1000 && reducer.count <= 2 + modules / 100, `${shape}: the reducer takes ${reducer.count} pieces for ${modules} modules`);
  }
  assert.match(describePlan(figures), /^plan of 300 modules, flat \(0 needs\)$[^]*^ {2}memory: -?\d+ bytes a module in the planner, -?\d+ in the state$/m);
});

test('bench makespan, planned: 4 and 16 slots over three nodes', (t) => {
  const rows = planAll(workloads());
  if (rows.length === 0) return t.skip('the recorded workflows are not at hand');
  assert.ok(rows.length >= 34);
  for (const { graph, slots, plannedOverLb, plannedOverHlfet } of rows) {
    assert.ok(plannedOverLb >= 1 - 1e-3 && plannedOverHlfet <= 1.1, `${graph} on ${slots}`);
  }
  const mean = rows.reduce((sum, { plannedOverHlfet }) => sum + plannedOverHlfet, 0) / rows.length;
  assert.ok(mean <= 1.02, `${mean}`);
});

test('bench makespan, with files: a planner that knows the network beats one that does not', () => {
  const rows = planFiles(madeCases(), [4, 16]);
  for (const { graph, slots, plannedOverBlind, plannedMovedMib, blindMovedMib } of rows) assert.ok(plannedOverBlind <= 1.01 && plannedMovedMib <= blindMovedMib, `${graph} on ${slots}`);
  assert.ok(rows.filter(({ plannedOverBlind }) => plannedOverBlind < 0.7).length >= 4);
  assert.match(describeFiles(rows).at(-1)!, /^ {2}planned over blind: mean 0\.\d+, worst 1\.00\d$/);
});
