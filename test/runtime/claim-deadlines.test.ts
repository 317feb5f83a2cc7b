/** Goal: a claim that outlived its module's timeout is found once, also by a leader that was elected in the meantime. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { ClaimDeadlines } from '../../src/runtime/claim-deadlines.ts';
import { module, TestCell } from '../core/cell/cells.ts';

const MARGIN_MS = 15_000;

test('late claims, each once; modules without timeout never', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([module('a', [], { timeoutMs: 1_000 }), module('b', [], { timeoutMs: 0 })]);
  const fence = cell.claim(run, 0, session);
  cell.claim(run, 1, session);
  const deadlines = new ClaimDeadlines();
  deadlines.rebuild(cell.state);
  const { startedAt } = cell.state.runs.get(run)!.modules[0]!;
  assert.deepEqual(deadlines.due(cell.state, startedAt + 999 + MARGIN_MS), []);
  assert.deepEqual(deadlines.due(cell.state, startedAt + 1_000 + MARGIN_MS), [{ run, module: 0, fence }]);
  assert.deepEqual(deadlines.due(cell.state, Number.MAX_SAFE_INTEGER), []);
});

test('a claim that ended in time is not late', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([module('a', [], { timeoutMs: 1_000 })]);
  const fence = cell.claim(run, 0, session);
  const deadlines = new ClaimDeadlines();
  deadlines.claimed(cell.state, run, 0, fence, cell.now);
  cell.apply({ type: 'cancel', run, reason: '' });
  assert.deepEqual(deadlines.due(cell.state, Number.MAX_SAFE_INTEGER), []);
});
