/** What people see of the state. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { nodeWork, runView } from '../../src/runtime/views.ts';
import { module, succeeded, TestCell } from '../core/cell/cells.ts';

test('a module names the execution whose result was recorded, even if another one was claimed after it', () => {
  const cell = new TestCell();
  const [first, second] = [cell.open('a'), cell.open('b')];
  const run = cell.submit([module('one')]);
  const earlier = cell.claim(run, 0, first);
  cell.apply({ type: 'release', claims: [{ run, module: 0, fence: earlier }], reason: 'lost' });
  const later = cell.claim(run, 0, second);
  assert.equal(cell.result(run, 0, earlier, succeeded()), 'accepted');
  const [view] = runView(cell.state, cell.state.runs.get(run)!, () => '').moduleList;
  assert.ok(earlier < later);
  assert.deepEqual([view?.fence, view?.node], [earlier, 'node-a']);
});

test('both copies of a hedged module are seen: with the module, and with their nodes since each began', () => {
  const cell = new TestCell();
  const [first, second] = [cell.open('a'), cell.open('b')];
  const run = cell.submit([module('one', [], { policy: { priority: 0, limits: [], hedgeFactor: 2 } })]);
  cell.claim(run, 0, first);
  cell.now += 5_000;
  cell.apply({ type: 'hedgeBatch', claims: [{ run, module: 0, session: second }] });
  const [view] = runView(cell.state, cell.state.runs.get(run)!, () => '').moduleList;
  assert.deepEqual([view?.node, view?.startedAt, view?.copy?.node, view?.copy?.startedAt], ['node-a', cell.now - 5_000, 'node-b', cell.now]);
  assert.deepEqual(['a', 'b', 'c'].map((node) => nodeWork(cell.state, node).modules.map(({ module: name, startedAt }) => [name, startedAt])), [[['one', cell.now - 5_000]], [['one', cell.now]], []]);
});
