/** Goal: what takes files that nobody has who is there is not given to anybody, and stands in nobody's way; within a moment when somebody is. */
import { strict as assert } from 'node:assert';
import test from 'node:test';
import type { Outcome } from '../../../src/core/cell/types.ts';
import { nodeId, type Cid, type RunNumber, type SessionId } from '../../../src/core/lib/ids.ts';
import { explain } from '../../../src/core/plan/explain.ts';
import { INPUTS_LOOKED_MS } from '../../../src/core/plan/limits.ts';
import { module, succeeded, type ModuleSketch } from '../cell/cells.ts';
import { list, over } from '../cell/foreach-cells.ts';
import { names, PlannedCell } from './planned-cell.ts';

const makes: ModuleSketch = { files: { inputs: [], outputs: [{ name: 'o', pattern: 'o' }] } };
const takes = (...from: number[]): ModuleSketch => ({ files: { inputs: from.map((at) => ({ variable: `IN${at}`, module: at, output: 'o' })), outputs: [] } });
const files: NonNullable<Outcome['files']> = { o: { kind: 'file', cid: 'x' as Cid, name: 'o', size: 1, count: 1 } };

/** Two have made files, on a and on b; of what follows one takes both, one the second, one none. */
function made(): { cell: PlannedCell; run: RunNumber; sessions: SessionId[] } {
  const cell = new PlannedCell();
  const sessions = ['a', 'b', 'c'].map((name) => cell.open(name, { capabilities: { slots: 8 } }));
  const run = cell.submit([module('first', [], makes), module('second', [], makes), module('both', [0, 1], { ...takes(0, 1), durationMs: 9000 }), module('one', [1], takes(1)), module('none', [0, 1])]);
  for (const at of [0, 1]) {
    const fence = cell.claim(run, at, sessions[at]!);
    assert.equal(cell.result(run, at, fence, { ...succeeded(), files }, { holders: [nodeId(['a', 'b'][at]!)] }), 'accepted');
  }
  return { cell, run, sessions };
}

test('a node goes with an input: only what takes it waits, and says for whom; with its node it is claimed', () => {
  const { cell, run, sessions } = made();
  cell.apply({ type: 'sessionExpire', session: sessions[0]!, reason: 'silent' });
  assert.deepEqual(names(cell, cell.claimAll()), ['one', 'none']);
  assert.equal(explain(cell.state, run, 2), 'needs files of first, and node-a, which has them, is not there; if nobody comes back, first runs again');
  assert.equal(cell.planner.nextWakeAt(cell.now), cell.now + INPUTS_LOOKED_MS);
  assert.equal(cell.planner.queuedCount, 1, 'it is not forgotten');
  cell.now += INPUTS_LOOKED_MS;
  assert.deepEqual(cell.claimAll(), []);
  cell.open('a', { capabilities: { slots: 8 } });
  assert.deepEqual(cell.claimAll(), [], 'looked at a moment ago');
  cell.now += INPUTS_LOOKED_MS;
  assert.deepEqual(names(cell, cell.claimAll()), ['both']);
  assert.equal(cell.planner.nextWakeAt(cell.now), Infinity);
});

test('somebody else turns out to have it', () => {
  const { cell, run, sessions } = made();
  cell.apply({ type: 'sessionExpire', session: sessions[0]!, reason: 'silent' });
  cell.claimAll();
  cell.apply({ type: 'holders', items: [{ run, module: 0, generation: 1, node: nodeId('c'), on: true }] });
  cell.now += INPUTS_LOOKED_MS;
  assert.deepEqual(names(cell, cell.claimAll()), ['both']);
});

test('it is made again, and taken then', () => {
  const { cell, run, sessions } = made();
  cell.apply({ type: 'sessionExpire', session: sessions[0]!, reason: 'silent' });
  cell.claimAll();
  cell.apply({ type: 'invalidate', items: [{ run, module: 0, generation: 1 }] });
  assert.deepEqual(names(cell, cell.claimAll()), ['first']);
  const { fence, session } = cell.state.runs.get(run)!.modules[0]!;
  assert.equal(cell.result(run, 0, fence, { ...succeeded(), files }, { generation: 2, holders: [cell.state.sessions.get(session)!.nodeId] }), 'accepted');
  cell.now += INPUTS_LOOKED_MS;
  assert.deepEqual(names(cell, cell.claimAll()), ['both']);
});

test('of a list of files each item waits for its own', () => {
  const cell = new PlannedCell();
  const sessions = ['a', 'b', 'c'].map((name) => cell.open(name, { capabilities: { slots: 8 } }));
  const run = cell.submit([module('list', [], { ...makes, ...over(list('x', 'y')) }), module('each', [0], over({ type: 'files', module: 0, output: 'o' }))]);
  const { modules } = cell.state.runs.get(run)!;
  for (const [at, session] of [sessions[0]!, sessions[1]!].entries()) {
    const item = modules.findIndex((record) => record.template === 0 && record.item === at);
    const fence = cell.claim(run, item, session);
    const digests = { o: new Uint8Array(16) };
    assert.equal(cell.result(run, item, fence, { ...succeeded(), files, digests }, { holders: [nodeId(['a', 'b'][at]!)] }), 'accepted');
  }
  cell.apply({ type: 'sessionExpire', session: sessions[0]!, reason: 'silent' });
  const claimed = cell.claimAll().map((claim) => modules[claim.module]!);
  assert.deepEqual(claimed.map(({ template, item }) => [template, item]), [[1, 1]]);
});
