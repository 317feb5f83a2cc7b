/** What stopped executions printed: it changes nothing of how a module ended, and is kept once, with the run. */
import { strict as assert } from 'node:assert';
import test from 'node:test';
import { DECLINED_WAIT_MS, SUMMARY_TAILS_LENGTH_MAX, TAIL_LENGTH_MAX } from '../../../src/core/cell/limits.ts';
import type { LogRef, Outcome } from '../../../src/core/cell/types.ts';
import type { Cid } from '../../../src/core/lib/ids.ts';
import { TestCell, failed, module, succeeded } from './cells.ts';

const log: LogRef = { cid: 'bafkreilog' as Cid, size: 5000, cut: 0, cutAt: 0 };

function stopped(code: string, tail = 'half way\n'): Outcome {
  return { ...failed(code), tail, log };
}

test('of a run that was cancelled the output of what was stopped is kept, once, and goes with the run', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([module('x'), module('y')]);
  const fence = cell.claim(run, 0, session);
  cell.apply({ type: 'cancel', run, reason: '' });
  const before = cell.state.finishedBytes;
  for (let again = 0; again < 2; again++) assert.equal(cell.result(run, 0, fence, stopped('MODULE_CANCELLED')), 'duplicate');
  const { phase, outcome, executions, note } = cell.module(run, 0);
  assert.deepEqual([phase, outcome, note], ['cancelled', null, 'the run was cancelled']);
  assert.deepEqual(executions, [{ fence, attempt: 1, nodeId: 'a', code: 'MODULE_CANCELLED', tail: 'half way\n', log }]);
  assert.equal(cell.state.finishedBytes, before + 'half way\n'.length);
  assert.deepEqual(cell.events, []);
  cell.apply({ type: 'retire', runs: [run] });
  assert.equal(cell.state.finishedBytes, 0);
});

test('one that had just succeeded when its run was cancelled is heard too; others are not', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([module('x'), module('y')]);
  const fence = cell.claim(run, 0, session);
  const [unclaimed, ended] = [cell.module(run, 1), cell.module(run, 0)];
  cell.apply({ type: 'cancel', run, reason: '' });
  assert.equal(cell.result(run, 0, fence + 1, stopped('MODULE_CANCELLED')), 'duplicate');
  assert.equal(cell.result(run, 0, fence, stopped('MODULE_CANCELLED'), { generation: 2 }), 'duplicate');
  assert.equal(cell.result(run, 1, 0, stopped('MODULE_CANCELLED')), 'duplicate');
  assert.deepEqual([ended.executions, unclaimed.executions], [[], []]);
  assert.equal(cell.result(run, 0, fence, { ...succeeded(), tail: 'x'.repeat(TAIL_LENGTH_MAX + 50) }), 'duplicate');
  assert.deepEqual(ended.executions.map(({ code, tail }) => [code, tail.length]), [['MODULE_CANCELLED', TAIL_LENGTH_MAX]]);
});

test('one that printed nothing leaves nothing, and the output of one that counts is not kept twice', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([module('x'), module('y')]);
  const fences = [0, 1].map((at) => cell.claim(run, at, session));
  assert.equal(cell.result(run, 1, fences[1]!, stopped('MODULE_EXIT')), 'accepted');
  cell.apply({ type: 'cancel', run, reason: '' });
  cell.result(run, 0, fences[0]!, { ...failed('MODULE_CANCELLED'), tail: '' });
  cell.result(run, 1, fences[1]!, stopped('MODULE_EXIT'));
  assert.deepEqual([0, 1].map((at) => cell.module(run, at).executions), [[], []]);
});

for (const code of ['NODE_STOPPING', 'MODULE_FENCED', 'NODE_EXHAUSTED']) {
  test(`what a module printed before it was handed back with ${code} is kept beside what counts`, () => {
    const cell = new TestCell();
    const [a, b] = [cell.open('a'), cell.open('b')];
    const run = cell.submit([module('x')]);
    const first = cell.claim(run, 0, a);
    assert.equal(cell.result(run, 0, first, stopped(code)), 'accepted');
    assert.deepEqual([cell.module(run, 0).phase, cell.module(run, 0).failures], ['ready', 0]);
    cell.now += DECLINED_WAIT_MS;
    const second = cell.claim(run, 0, b);
    assert.equal(cell.result(run, 0, second, succeeded()), 'accepted');
    assert.deepEqual(cell.module(run, 0).executions, [{ fence: first, attempt: 1, nodeId: 'a', code, tail: 'half way\n', log }]);
  });
}

test('what was believed to be lost with its node is known when the node tells it, also when another one executes the module by then', () => {
  for (const again of [false, true]) {
    const cell = new TestCell();
    const [a, b] = [cell.open('a'), cell.open('b')];
    const run = cell.submit([module('x', [], { effectful: true })]);
    const first = cell.claim(run, 0, a);
    cell.apply({ type: 'sessionExpire', session: a, reason: 'silent' });
    const lost = { fence: first, attempt: 1, nodeId: 'a' };
    assert.deepEqual(cell.module(run, 0).executions, [{ ...lost, code: '', tail: '', log: null }]);
    if (again) cell.claim(run, 0, b);
    for (let twice = 0; twice < 2; twice++) cell.result(run, 0, first, stopped('MODULE_FENCED'));
    assert.deepEqual(cell.module(run, 0).executions, [{ ...lost, code: 'MODULE_FENCED', tail: 'half way\n', log }]);
    assert.deepEqual([cell.module(run, 0).losses, cell.module(run, 0).phase], [1, again ? 'claimed' : 'ready']);
    // Whoever only claims to have executed it is not heard.
    cell.result(run, 0, first + 1, stopped('MODULE_FENCED', 'nonsense'));
    assert.equal(cell.module(run, 0).executions.length, 1);
  }
});

test('short outputs of finished runs have their bound, long ones are blobs and stay', () => {
  const cell = new TestCell();
  const session = cell.open('a', { capabilities: { slots: 1000 } });
  const count = Math.ceil(SUMMARY_TAILS_LENGTH_MAX / TAIL_LENGTH_MAX) + 2;
  const run = cell.submit(Array.from({ length: count }, (_, i) => module(`m${i}`)));
  const fences = Array.from({ length: count }, (_, at) => cell.claim(run, at, session));
  cell.apply({ type: 'cancel', run, reason: '' });
  for (const [at, fence] of fences.entries()) cell.result(run, at, fence, stopped('MODULE_CANCELLED', 'x'.repeat(TAIL_LENGTH_MAX)));
  const { tailsLength, modules } = cell.state.runs.get(run)!;
  assert.ok(tailsLength <= SUMMARY_TAILS_LENGTH_MAX && tailsLength > SUMMARY_TAILS_LENGTH_MAX - 2 * TAIL_LENGTH_MAX, String(tailsLength));
  assert.ok(modules.every(({ executions: [only] }) => only?.log?.cid === log.cid));
});
