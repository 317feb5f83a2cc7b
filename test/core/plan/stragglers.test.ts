/** Second copies: of what, when, where, and when not. */
import { strict as assert } from 'node:assert';
import test from 'node:test';
import type { ClaimItem } from '../../../src/core/cell/types.ts';
import { Foresight } from '../../../src/core/plan/foresight.ts';
import { Planner } from '../../../src/core/plan/planner.ts';
import { Stragglers } from '../../../src/core/plan/stragglers.ts';
import { Unapplied } from '../../../src/core/plan/unapplied.ts';
import { failed, module, succeeded, type ModuleSketch } from '../cell/cells.ts';
import { offers, PlannedCell } from './planned-cell.ts';

const slow: ModuleSketch = { durationMs: 4_000, policy: { hedgeFactor: 2 } };

class Hedged extends PlannedCell {
  hedges(planner = this.planner): ClaimItem[] {
    return planner.planHedges(this.state, this.now, offers(this.state), 100);
  }

  /** Plans, proposes, applies, settles. */
  hedgeAll(): ClaimItem[] {
    assert.deepEqual(this.plan(), [], 'nothing that is ready could be placed');
    const items = this.hedges();
    this.planner.proposed(items);
    const reply = this.apply({ type: 'hedgeBatch', claims: items });
    assert.ok(reply.type === 'claims' && reply.fences.every((fence) => fence > 0), JSON.stringify(reply));
    this.planner.settled(this.state, items);
    return items;
  }
}

/** One module of the run, executed on the first of two nodes. */
function started(sketch: ModuleSketch = slow, slots = 1): { cell: Hedged; run: number } {
  const cell = new Hedged();
  cell.open('a', { capabilities: { slots, labels: { gpu: '' } } });
  const run = cell.submit([module('x', [], sketch)]);
  cell.claimAll();
  assert.equal(cell.module(run, 0).phase, 'claimed');
  cell.open('b', { capabilities: { slots } });
  return { cell, run };
}

test('a copy is made when factor × prediction has passed, not before, and the planner says when that is', () => {
  const { cell, run } = started();
  const at = cell.now + 8_000;
  assert.equal(cell.planner.nextWakeAt(cell.now), at);
  cell.now = at - 1;
  assert.deepEqual(cell.hedges(), []);
  cell.now = at;
  const [a, b] = [...cell.state.sessions.keys()];
  assert.ok(a !== undefined);
  assert.deepEqual(cell.hedgeAll(), [{ run, module: 0, session: b }]);
  assert.deepEqual([cell.hedges(), cell.planner.nextWakeAt(cell.now)], [[], Infinity]);
});

test('predicted is what was declared, else what was learned; else there is no copy; at least a second must have passed', () => {
  const { cell } = started({ policy: { hedgeFactor: 2 } });
  assert.equal(cell.planner.nextWakeAt(cell.now), Infinity);
  const [a] = [...cell.state.sessions.keys()];
  const item = { run: [...cell.state.runs.keys()][0]!, module: 0, session: a! };
  cell.result(item.run, 0, cell.module(item.run, 0).fence, succeeded({}, 3_000));
  cell.submit([module('x', [], { policy: { hedgeFactor: 2 } })]);
  cell.claimAll();
  assert.equal(cell.planner.nextWakeAt(cell.now), cell.now + 6_000, 'learned from the first run');
  const short = started({ durationMs: 20, policy: { hedgeFactor: 3 } }).cell;
  assert.equal(short.planner.nextWakeAt(short.now), short.now + 1_000);
  const unasked = started({ durationMs: 4_000 }).cell;
  assert.equal(unasked.planner.nextWakeAt(unasked.now), Infinity);
});

test('only on another node that fits and is idle after all ready work; as soon as there is one', () => {
  const { cell, run } = started({ ...slow, requires: { labels: ['gpu'] } });
  cell.now += 60_000;
  assert.deepEqual(cell.hedges(), [], 'the other node does not fit');
  cell.open('c', { capabilities: { slots: 1, labels: { gpu: '' } } });
  cell.apply({ type: 'queuePause', on: true, reason: '' });
  assert.deepEqual(cell.hedges(), []);
  cell.apply({ type: 'queuePause', on: false, reason: '' });
  cell.apply({ type: 'runPause', run, on: true, reason: '' });
  assert.deepEqual(cell.hedges(), []);
  cell.apply({ type: 'runPause', run, on: false, reason: '' });
  assert.equal(cell.hedgeAll().length, 1);
});

test('a result in sight, an end, a copy that is on its way: no copy; one that came to nothing is not made again', () => {
  const { cell, run } = started();
  cell.now += 60_000;
  const end = { run, module: 0, generation: 1, fence: cell.module(run, 0).fence, inputsHash: '', outcome: failed() };
  cell.planner.foresee(cell.state, [end]);
  assert.deepEqual(cell.hedges(), []);
  cell.planner.heardOf(cell.state, [end]);
  const items = cell.hedges();
  cell.planner.proposed(items);
  assert.equal(items.length, 1);
  assert.deepEqual(cell.hedges(), []);
  cell.submit([module('y', [], { durationMs: 1 })]);
  assert.deepEqual(cell.plan(), [], 'the copy holds its room until it is settled');
  cell.planner.settled(cell.state, items);
  assert.equal(cell.claimAll().length, 1);
  assert.deepEqual(cell.hedges(), []);
});

test('both copies count for max-parallel and hold their room; the one that is left is not copied again', () => {
  const cell = new Hedged();
  cell.open('a', { capabilities: { slots: 1 } });
  const tight = cell.submit([module('x', [], slow), module('z')], undefined, 'pipeline', { parallelMax: 2 });
  cell.claimAll();
  cell.open('b', { capabilities: { slots: 1 } });
  assert.equal(cell.claimAll().length, 1, 'z');
  cell.open('c', { capabilities: { slots: 1 } });
  cell.now += 60_000;
  assert.deepEqual(cell.hedges(), [], 'x and z are all that the run may execute');
  cell.result(tight, 1, cell.module(tight, 1).fence, succeeded());
  assert.equal(cell.hedgeAll().length, 1);
  const { fence, hedge } = cell.module(tight, 0);
  cell.result(tight, 0, fence, failed());
  assert.equal(cell.module(tight, 0).fence, hedge?.fence);
  assert.equal(cell.planner.nextWakeAt(cell.now), Infinity);
  cell.now += 60_000;
  assert.deepEqual(cell.hedges(), []);
});

test('a new leader watches what it finds', () => {
  const { cell } = started();
  const fresh = new Planner();
  fresh.rebuild(cell.state);
  while (fresh.busy) fresh.advance();
  cell.now += 8_000;
  assert.deepEqual(cell.hedges(fresh), cell.hedges());
});

test('modules that have ended are not watched until they would have been late', () => {
  const cell = new PlannedCell();
  const session = cell.open('a');
  const unapplied = new Unapplied();
  const stragglers = new Stragglers(unapplied, new Foresight(unapplied));
  const run = cell.submit(Array.from({ length: 3_000 }, (_, i) => module(`m${i}`, [], { durationMs: 3_600_000, policy: { hedgeFactor: 2 } })));
  let most = 0;
  for (let i = 0; i < 3_000; i++) {
    const fence = cell.claim(run, i, session);
    stragglers.watch(cell.state, cell.module(run, i));
    if (i % 100 !== 0) cell.result(run, i, fence, succeeded());
    else cell.apply({ type: 'release', claims: [{ run, module: i, fence }], reason: 'released' });
    most = Math.max(most, stragglers.size);
  }
  assert.ok(most <= 1_000, `${most} entries`);
  assert.equal(stragglers.nextAt(), Infinity);
});
