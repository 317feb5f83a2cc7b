/** How long a module, and a run, may still take: what is said counts, then what was measured, then nothing is claimed. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { moduleEtaMs, runEtaMs } from '../../../src/core/plan/eta.ts';
import type { RunRecord } from '../../../src/core/cell/state.ts';
import { module, succeeded, TestCell } from '../cell/cells.ts';

function took(durationMs: number): ReturnType<typeof succeeded> {
  return { ...succeeded(), durationMs };
}

/** A run of the same pipeline before: a and b, and c after both. */
function learned(slots: number): { cell: TestCell; session: number; run: RunRecord } {
  const cell = new TestCell();
  const session = cell.open('x', { capabilities: { slots } });
  const graph = [module('a'), module('b'), module('c', [0, 1])];
  const before = cell.submit(graph);
  for (const [index, ms] of [10_000, 4_000, 6_000].entries()) cell.result(before, index, cell.claim(before, index, session), took(ms));
  const run = cell.submit(graph);
  return { cell, session, run: cell.state.runs.get(run)! };
}

test('a run takes its longest path, or its work over the slots, whichever is longer', () => {
  const wide = learned(4);
  assert.equal(runEtaMs(wide.cell.state, wide.run, wide.cell.now, () => undefined), 16_000);
  const narrow = learned(1);
  assert.equal(runEtaMs(narrow.cell.state, narrow.run, narrow.cell.now, () => undefined), 20_000);
});

test('of what runs the elapsed time counts; what it says of itself counts more; an overdue one promises nothing', () => {
  const { cell, session, run } = learned(4);
  const fence = cell.claim(run.number, 0, session);
  cell.now += 3_000;
  const eta = (fraction?: number | null): number | null => moduleEtaMs(cell.state, run.modules[0]!, cell.now, fraction);
  assert.equal(eta(), 7_000);
  assert.equal(eta(null), 7_000);
  assert.equal(eta(0), 7_000);
  assert.equal(eta(0.75), 1_000);
  assert.equal(runEtaMs(cell.state, run, cell.now, () => undefined), 13_000);
  assert.equal(runEtaMs(cell.state, run, cell.now, (asked) => (asked === fence ? 0.75 : undefined)), 10_000, 'b is the longest path now');
  cell.now += 20_000;
  assert.equal(eta(), null);
  assert.equal(eta(0.5), 23_000);
});

test('a pipeline that never ran has no estimate until one of its modules says something', () => {
  const cell = new TestCell();
  const session = cell.open('x', { capabilities: { slots: 4 } });
  const run = cell.state.runs.get(cell.submit([module('a'), module('b')]))!;
  assert.equal(runEtaMs(cell.state, run, cell.now, () => undefined), null);
  const fence = cell.claim(run.number, 0, session);
  cell.now += 2_000;
  assert.equal(moduleEtaMs(cell.state, run.modules[0]!, cell.now, undefined), null);
  assert.equal(runEtaMs(cell.state, run, cell.now, (asked) => (asked === fence ? 0.2 : undefined)), 8_000);
});
