import { strict as assert } from 'node:assert';
import test from 'node:test';
import { nodeId } from '../../../src/core/lib/ids.ts';
import { explain } from '../../../src/core/plan/explain.ts';
import { TestCell, failed, module, succeeded } from '../cell/cells.ts';

function cellWith(...modules: Parameters<typeof module>[]): { cell: TestCell; run: number; why: (index: number) => string } {
  const cell = new TestCell();
  const run = cell.submit(modules.map((args) => module(...args)));
  return { cell, run, why: (index) => explain(cell.state, run, index) };
}

test('waits for its needs, saying where those are executed', () => {
  const { cell, run, why } = cellWith(['a'], ['b'], ['c'], ['d', [0, 1, 2]]);
  const session = cell.open('x');
  cell.result(run, 2, cell.claim(run, 2, session), succeeded());
  cell.claim(run, 0, session);
  assert.equal(why(3), 'waits for a (on node-x) and b');
  assert.equal(why(0), 'claimed by node-x');
  assert.equal(why(2), 'succeeded on node-x');
  assert.equal(why(9), '');
});

test('a long list of needs is cut', () => {
  const { why } = cellWith(...Array.from({ length: 8 }, (_, i): Parameters<typeof module> => [`m${i}`]), ['all', [0, 1, 2, 3, 4, 5, 6, 7]]);
  assert.equal(why(8), 'waits for m0, m1, m2, m3 and 4 more');
});

test('no node fits: what nobody has, and the node that lacks least', () => {
  const { cell, why } = cellWith(['a', [], { requires: { labels: ['gpu'], tools: { ffmpeg: '>=6' } } }]);
  assert.equal(why(0), 'no node is connected');
  cell.open('x');
  cell.open('b', { capabilities: { tools: { ffmpeg: '7.0' } } });
  assert.equal(why(0), 'no node has label gpu; nearest: node-b lacks label gpu');
  cell.open('c', { capabilities: { labels: { gpu: '' }, tools: { ffmpeg: '4.4' } } });
  assert.equal(why(0), 'no node has all that it requires; nearest: node-b lacks label gpu');
});

test('too big for every node', () => {
  const { cell, why } = cellWith(['a', [], { requires: { cpu: 16 } }]);
  cell.open('x');
  assert.equal(why(0), 'no node has 16 cpu slots (has 4); nearest: node-x lacks 16 cpu slots (has 4)');
});

test('full, draining, silent, about to be claimed', () => {
  const { cell, run, why } = cellWith(['a'], ['b'], ['gpu', [], { requires: { labels: ['gpu'] } }]);
  const x = cell.open('x', { capabilities: { slots: 1 } });
  assert.equal(why(1), 'about to be claimed');
  assert.equal(explain(cell.state, run, 1, []), 'the only node, node-x, does not answer or offers no slots now');
  cell.claim(run, 0, x);
  assert.equal(why(1), 'the only node, node-x, is full');
  const y = cell.open('y', { capabilities: { slots: 1, labels: { gpu: '' } } });
  cell.claim(run, 1, y);
  assert.equal(why(2), 'the only node that fits, node-y, is full');
  const other = cell.submit([module('c')]);
  assert.equal(explain(cell.state, other, 0), 'all 2 nodes are full');
  for (const node of ['x', 'y']) cell.apply({ type: 'nodeDrain', node: nodeId(node), on: true });
  assert.equal(explain(cell.state, other, 0), 'all 2 nodes are draining');
});

test('a retry, a skipped and a cancelled module', () => {
  const { cell, run, why } = cellWith(['a', [], { retry: { attempts: 2, backoffMs: 12_000 } }], ['b', [0]]);
  const session = cell.open('x');
  cell.result(run, 0, cell.claim(run, 0, session), failed());
  assert.equal(why(0), 'next attempt in 12 s after MODULE_EXIT');
  cell.now += 12_000;
  cell.result(run, 0, cell.claim(run, 0, session), failed());
  assert.deepEqual([why(0), why(1)], ['MODULE_EXIT', 'needs a, which failed']);
  const other = cell.submit([module('c')]);
  cell.apply({ type: 'cancel', run: other, reason: 'no need' });
  assert.equal(explain(cell.state, other, 0), 'the run was cancelled: no need');
});
