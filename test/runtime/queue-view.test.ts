/** Goal: the view of the queue counts what is there, and names what is paused, what waits longest and who holds what. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { nodeId } from '../../src/core/lib/ids.ts';
import { queueView } from '../../src/runtime/queue-view.ts';
import { module, start, succeeded, TestCell, type ModuleSketch } from '../core/cell/cells.ts';

const own = (priority: number): ModuleSketch => ({ policy: { priority, limits: [], hedgeFactor: 0 } });
const holds = (...limits: { key: string; max: number }[]): ModuleSketch => ({ policy: { priority: 0, limits, hedgeFactor: 0 } });

test('an empty queue', () => {
  assert.deepEqual(queueView(new TestCell().state, start), {
    paused: null,
    runs: 0,
    pausedRunsCount: 0,
    pausedRuns: [],
    modules: { waiting: 0, ready: 0, claimed: 0 },
    priorities: [],
    oldest: null,
    slots: { total: 0, used: 0, free: 0 },
    limits: [],
    limitsCount: 0,
  });
});

test('modules by priority, their own or that of their run; ended ones do not count', () => {
  const cell = new TestCell();
  const x = cell.open('x');
  const plain = cell.submit([module('a'), module('b', [0])]);
  cell.submit([module('c'), module('d', [], own(10)), module('e', [1], own(1))], undefined, 'p', { priority: 8 });
  const done = cell.submit([module('z')]);
  cell.result(done, 0, cell.claim(done, 0, x), succeeded());
  cell.claim(plain, 0, x);
  const view = queueView(cell.state, cell.now);
  assert.deepEqual([view.runs, view.modules], [2, { waiting: 2, ready: 2, claimed: 1 }]);
  assert.deepEqual(view.priorities, [
    { priority: 10, waiting: 0, ready: 1, claimed: 0 },
    { priority: 8, waiting: 0, ready: 1, claimed: 0 },
    { priority: 5, waiting: 1, ready: 0, claimed: 1 },
    { priority: 1, waiting: 1, ready: 0, claimed: 0 },
  ]);
});

test('the oldest is the one that has been ready longest, not the one of the oldest run', () => {
  const cell = new TestCell();
  const x = cell.open('x');
  const first = cell.submit([module('a'), module('b', [0])]);
  cell.now += 1_000;
  cell.submit([module('c')]);
  cell.now += 1_000;
  cell.result(first, 0, cell.claim(first, 0, x), succeeded());
  assert.deepEqual([queueView(cell.state, cell.now).oldest?.module, queueView(cell.state, cell.now).oldest?.since], ['c', start + 1_000]);
});

test('slots: a drained node offers nothing beyond what it executes', () => {
  const cell = new TestCell();
  const x = cell.open('x');
  cell.open('y');
  const run = cell.submit([module('a', [], { requires: { cpu: 1.5 } })]);
  cell.claim(run, 0, x);
  assert.deepEqual(queueView(cell.state, cell.now).slots, { total: 8, used: 1.5, free: 6.5 });
  for (const node of ['x', 'y']) cell.apply({ type: 'nodeDrain', node: nodeId(node), on: true });
  assert.deepEqual(queueView(cell.state, cell.now).slots, { total: 1.5, used: 1.5, free: 0 });
});

test('pauses and limits, with who holds them, also when the run is gone', () => {
  const cell = new TestCell();
  const x = cell.open('x');
  const run = cell.submit([module('a', [], holds({ key: 'nas', max: 1 }, { key: 'licences', max: 3 })), module('b', [], holds({ key: 'licences', max: 2 })), module('c')]);
  cell.claim(run, 0, x);
  cell.claim(run, 1, x);
  cell.now += 5_000;
  cell.apply({ type: 'runPause', run, on: true, reason: 'why not' });
  cell.apply({ type: 'queuePause', on: true, reason: '' });
  const { shortId, runId } = cell.state.runs.get(run)!;
  const view = queueView(cell.state, cell.now);
  assert.deepEqual([view.paused, view.pausedRuns, view.pausedRunsCount], [{ reason: '', at: cell.now }, [{ runId, shortId, name: 'pipeline', paused: { reason: 'why not', at: cell.now } }], 1]);
  const holder = (name: string): object => ({ runId, module: name, node: 'node-x', text: `run ${shortId}/${name} on node-x for 5 s` });
  assert.deepEqual([view.limits, view.limitsCount], [[
    { key: 'licences', max: 3, held: 2, holders: [holder('a'), holder('b')] },
    { key: 'nas', max: 1, held: 1, holders: [holder('a')] },
  ], 2]);
  cell.apply({ type: 'cancel', run, reason: '' });
  cell.apply({ type: 'retire', runs: [run] });
  assert.equal(cell.state.runs.has(run), false);
  assert.deepEqual(queueView(cell.state, cell.now).limits[1], { key: 'nas', max: 0, held: 1, holders: [{ runId: '', module: '', node: 'node-x', text: 'a run that is gone, on node-x, until it has stopped there' }] });
});
