import { strict as assert } from 'node:assert';
import test from 'node:test';
import * as fc from 'fast-check';
import { apply } from '../../../src/core/cell/cell.ts';
import { claimProblem } from '../../../src/core/cell/claims.ts';
import { createCell, isRunFinal } from '../../../src/core/cell/state.ts';
import type { ClaimItem, ResultItem } from '../../../src/core/cell/types.ts';
import { nodeId, type SessionId } from '../../../src/core/lib/ids.ts';
import { Planner } from '../../../src/core/plan/planner.ts';
import { TestCell, cellName, failed, hooks, module, start, succeeded, type ModuleSketch } from '../cell/cells.ts';
import { RandomLog, steps } from '../cell/random-log.ts';
import { names, offers, PlannedCell } from './planned-cell.ts';

test('longest remaining path first, then the older run, then file order', () => {
  const cell = new PlannedCell();
  cell.open('a', { capabilities: { slots: 10 } });
  cell.submit([module('short', [], { durationMs: 10 }), module('long', [], { durationMs: 500 }), module('chain', [], { durationMs: 100 }), module('rest', [2], { durationMs: 900 }), module('tie', [], { durationMs: 10 })]);
  assert.deepEqual(names(cell, cell.plan()), ['chain', 'long', 'short', 'tie']);
  // Between two runs of one priority: each has as much as the other, and where that says nothing the same order.
  cell.submit([module('other', [], { durationMs: 500 }), module('last', [], { durationMs: 10 })]);
  assert.deepEqual(names(cell, cell.plan()), ['chain', 'other', 'long', 'last', 'short', 'tie']);
});

test('durations: declared, else learned, else the average of the siblings, else 1 s', () => {
  const cell = new PlannedCell();
  const session = cell.open('a', { capabilities: { slots: 10 } });
  const first = cell.submit([module('m')]);
  cell.result(first, 0, cell.claim(first, 0, session), succeeded({}, 7_000));
  cell.submit([module('unknown'), module('m'), module('declared', [], { durationMs: 8_000 }), module('little', [], { durationMs: 1 })]);
  assert.deepEqual(names(cell, cell.plan()), ['declared', 'm', 'unknown', 'little']);
  const other = new PlannedCell();
  other.open('a', { capabilities: { slots: 10 } });
  other.submit([module('nothing known'), module('nor here')]);
  other.submit([module('declared', [], { durationMs: 1_001 }), module('less', [], { durationMs: 999 })]);
  assert.deepEqual(names(other, other.plan()), ['declared', 'nothing known', 'nor here', 'less']);
});

test('the least used node first, then the lower load, then the older session', () => {
  const cell = new PlannedCell();
  const [a, b, c] = ['a', 'b', 'c'].map((node) => cell.open(node, { capabilities: { slots: 2 } })) as [SessionId, SessionId, SessionId];
  cell.submit(Array.from({ length: 6 }, (_, i) => module(`m${i}`)));
  const sessions = [
    { session: a, slots: 2, load: 0.5 },
    { session: b, slots: 2, load: 0.1 },
    { session: c, slots: 2, load: 0.5 },
  ];
  assert.deepEqual(
    cell.plan(sessions).map((item) => item.session),
    [b, a, c, b, a, c],
  );
});

test('a node offers at most what it says now; a silent, stopping or draining one gets nothing', () => {
  const cell = new PlannedCell();
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((node) => cell.open(node, { capabilities: { slots: 4 } })) as [SessionId, SessionId, SessionId, SessionId];
  cell.submit(Array.from({ length: 20 }, (_, i) => module(`m${i}`)));
  cell.apply({ type: 'nodeDrain', node: nodeId('c'), on: true });
  const items = cell.plan([
    { session: a, slots: 1, load: 0 },
    { session: b, slots: 0, load: 0 },
    { session: c, slots: 4, load: 0 },
    { session: 12_345, slots: 4, load: 0 },
  ]);
  assert.deepEqual([items.map((item) => item.session), d > 0], [[a], true]);
});

test('modules that no node can take do not stand in the way of others', () => {
  const cell = new PlannedCell();
  cell.open('a');
  const gpu: ModuleSketch = { requires: { labels: ['gpu'] }, durationMs: 99_000 };
  cell.submit([...Array.from({ length: 50 }, (_, i) => module(`g${i}`, [], gpu)), module('big', [], { requires: { cpu: 4 }, durationMs: 50 }), module('small', [], { durationMs: 100 })]);
  assert.deepEqual(names(cell, cell.claimAll()), ['small'], 'big needs the slot that small took');
  cell.open('b', { capabilities: { gpus: ['RTX'] } });
  assert.deepEqual(names(cell, cell.claimAll()), ['g0', 'g1', 'g2', 'g3']);
});

test('proposed claims count as taken until they are settled', () => {
  const cell = new PlannedCell();
  cell.open('a', { capabilities: { slots: 3 } });
  cell.submit(Array.from({ length: 5 }, (_, i) => module(`m${i}`)));
  const first = cell.plan(undefined, 2);
  cell.planner.proposed(first);
  const second = cell.plan();
  assert.deepEqual([names(cell, first), names(cell, second)], [['m0', 'm1'], ['m2']]);
  cell.planner.proposed(second);
  cell.planner.settled(cell.state, first);
  assert.deepEqual(names(cell, cell.plan()), ['m0', 'm1'], 'they were lost on the way, so they are planned again');
});

test('a plan that is not proposed is taken back at the next call', () => {
  const cell = new PlannedCell();
  cell.open('a');
  cell.submit(Array.from({ length: 9 }, (_, i) => module(`m${i}`)));
  assert.deepEqual(names(cell, cell.plan()), names(cell, cell.plan()));
});

test('a module that was claimed meanwhile, or whose run ended, is not planned', () => {
  const cell = new PlannedCell();
  const session = cell.open('a', { capabilities: { slots: 1 } });
  const run = cell.submit([module('x')]);
  const fence = cell.claim(run, 0, session);
  cell.apply({ type: 'sessionExpire', session, reason: 'silent' });
  cell.open('a', { running: [{ run, module: 0, fence }] });
  cell.open('b');
  assert.deepEqual(cell.plan(), []);
  const other = cell.submit([module('y'), module('gpu', [], { requires: { labels: ['gpu'] } })]);
  cell.apply({ type: 'cancel', run: other, reason: '' });
  assert.deepEqual([cell.plan(), cell.planner.queuedCount], [[], 0]);
});

test('a module that waited for its retry while its node came back and was lost waits no longer than it says', () => {
  const cell = new PlannedCell();
  const session = cell.open('a');
  const run = cell.submit([module('x')]);
  const fence = cell.claim(run, 0, session);
  cell.apply({ type: 'release', claims: [{ run, module: 0, fence }], reason: 'declined' });
  assert.deepEqual(cell.plan(), [], 'it was declined a moment ago');
  const returned = cell.open('a', { running: [{ run, module: 0, fence }] });
  cell.apply({ type: 'sessionExpire', session: returned, reason: 'silent' });
  cell.open('b');
  assert.deepEqual(names(cell, cell.plan()), ['x']);
});

test('a retry wakes the planner when it is due, not before', () => {
  const cell = new PlannedCell();
  const session = cell.open('a');
  const run = cell.submit([module('x', [], { retry: { attempts: 3, backoffMs: 4_000 } })]);
  assert.equal(cell.planner.nextWakeAt(cell.now), cell.now, 'a run came that nobody looked at');
  cell.planner.advance();
  assert.equal(cell.planner.nextWakeAt(cell.now), Infinity);
  cell.claimAll();
  cell.result(run, 0, cell.module(run, 0).fence, failed());
  assert.equal(cell.planner.nextWakeAt(cell.now), start + 4_000);
  cell.now += 3_999;
  assert.deepEqual(cell.plan(), []);
  cell.now += 1;
  assert.equal(cell.claimAll().length, 1);
  assert.equal(cell.planner.nextWakeAt(cell.now), Infinity);
  assert.equal(cell.module(run, 0).session, session);
  cell.result(run, 0, cell.module(run, 0).fence, failed());
  cell.apply({ type: 'cancel', run, reason: '' });
  assert.equal(cell.planner.nextWakeAt(cell.now), Infinity, 'a retry of an ended run wakes nobody');
});

test('reset forgets, rebuild starts over from the state', () => {
  const cell = new PlannedCell();
  cell.open('a');
  cell.submit([module('x'), module('y', [0])]);
  cell.planner.proposed(cell.plan());
  cell.planner.reset();
  assert.deepEqual([cell.plan(), cell.planner.queuedCount], [[], 0]);
  cell.planner.rebuild(cell.state);
  assert.deepEqual(names(cell, cell.plan()), ['x']);
});

test('a plan is granted as a whole, leaves nothing that could be claimed, and every run ends, in slices of any size', () => {
  fc.assert(
    fc.property(steps(80), fc.constantFrom(undefined, 1, 5, 40), fc.boolean(), (list, stepsPerSlice, policies) => {
      const state = createCell(hooks);
      const planner = new Planner(stepsPerSlice);
      let index = 1;
      const enter = (command: Parameters<typeof apply>[2]): ReturnType<typeof apply>['reply'] => {
        const { reply, events } = apply(state, ++index, command);
        planner.onEvents(state, events);
        return reply;
      };
      enter({ type: 'genesis', cellId: cellName, clusterName: 'test', createdAt: start, founder: nodeId('a') });
      const log = new RandomLog(policies);
      for (const [i, step] of list.entries()) {
        enter(log.next(state, step));
        if (i % 5 === 0) round(i % 10 === 0);
      }
      function round(lost: boolean): ClaimItem[] {
        const items = planner.plan(state, state.now, offers(state), 1_000);
        planner.proposed(items);
        if (!lost && state.closedFor === '') {
          const reply = enter({ type: 'claimBatch', now: state.now, claims: items });
          assert.ok(reply.type === 'claims' && reply.fences.every((fence) => fence !== 0), JSON.stringify(reply));
        }
        planner.settled(state, items);
        if (lost || planner.busy) return items;
        for (const run of state.runs.values()) {
          for (const record of run.modules) for (const session of state.sessions.values()) assert.notEqual(claimProblem(state, record, session), '', 'a claim was possible and not planned');
        }
        return items;
      }
      if (state.closedFor !== '') return;
      // Healthy from here on: a node that can do everything, results that come back.
      for (const node of 'abcd') enter({ type: 'nodeDrain', now: state.now, node: nodeId(node), on: false });
      enter({ type: 'queuePause', now: state.now, on: false, reason: '' });
      for (const run of state.runs.values()) if (run.paused !== null) enter({ type: 'runPause', now: state.now, run: run.number, on: false, reason: '' });
      enter({ type: 'release', now: state.now, claims: [...state.ending.values()], reason: 'declined' });
      const boss = new TestCell();
      boss.open('a');
      const capabilities = { ...boss.state.sessions.values().next().value!.capabilities, labels: { gpu: '' } };
      enter({ type: 'sessionOpen', now: state.now, node: nodeId('a'), member: '', bootId: 'healthy', name: 'a', capabilities, running: [] });
      for (let now = state.now, rounds = 0; [...state.runs.values()].some((run) => !isRunFinal(run.phase)); now += 1_000) {
        enter({ type: 'nodeDrain', now, node: nodeId('z'), on: false });
        round(false);
        const claims = [...state.sessions.values()].flatMap((session) => [...session.claims.values()]);
        const items = claims.map((record): ResultItem => ({ run: record.run.number, module: record.index, generation: 1, fence: record.fence, inputsHash: '', outcome: succeeded() }));
        enter({ type: 'results', now, jitter: 0.5, items });
        assert.ok(++rounds < 1_000, 'L2: every run ends while a worker lives');
      }
      assert.equal(planner.queuedCount, 0);
    }),
    { numRuns: 200 },
  );
});

/** Modules in layers of 50, each below two of the layer before, as long as their position says. */
function layered(count: number): ReturnType<typeof module>[] {
  return Array.from({ length: count }, (_, i) => module(`m${i}`, i < 50 ? [] : [i - 50, i - 50 - (i % 50) + ((i + 1) % 50)], { durationMs: 1 + ((i * 7_919) % 101) }));
}

test('a large run is looked at in slices, which hold up nobody: small runs are claimed meanwhile', () => {
  const cell = new PlannedCell();
  cell.open('a', { capabilities: { slots: 3 } });
  cell.submit(layered(20_000));
  cell.submit([module('small')]);
  assert.deepEqual(names(cell, cell.plan()), ['small']);
  let slices = 1;
  for (; cell.planner.busy && slices < 100; slices++) cell.plan();
  assert.ok(slices >= 4 && slices < 20, `${slices} slices`);
  // Everything is known now, and a module of the large run goes first by what lies behind it.
  const run = [...cell.state.runs.values()][0]!;
  const first = cell.plan();
  assert.deepEqual([first.length, first[0]!.run], [3, run.number]);
});

test('work on a large run is taken up where it was left, whatever happened meanwhile: the same plan as of one that looks now', () => {
  for (const steps of [50, 300, 3_000]) {
    const cell = new PlannedCell();
    cell.open('a', { capabilities: { slots: 2 } });
    const run = cell.submit(layered(400));
    // Claims and results of another leader's time, told to a planner that is still looking at the run.
    const planner = new Planner(steps);
    planner.rebuild(cell.state);
    for (let turn = 0; turn < 40; turn++) {
      const items = cell.claimAll();
      planner.onEvents(cell.state, cell.events);
      for (const { module: index } of items) {
        cell.result(run, index, cell.module(run, index).fence, succeeded());
        planner.onEvents(cell.state, cell.events);
      }
      planner.advance();
    }
    while (planner.busy) planner.advance();
    const fresh = new Planner();
    fresh.rebuild(cell.state);
    while (fresh.busy) fresh.advance();
    const wide = offers(cell.state).map((offer) => ({ ...offer, slots: 2 }));
    assert.deepEqual(planner.plan(cell.state, cell.now, wide, 1_000), fresh.plan(cell.state, cell.now, wide, 1_000));
    assert.equal(planner.queuedCount, fresh.queuedCount);
  }
});

test('a run that ends while it is looked at is forgotten', () => {
  const cell = new PlannedCell();
  cell.open('a');
  const large = cell.submit(layered(20_000));
  cell.plan();
  cell.plan();
  assert.ok(cell.planner.busy);
  cell.apply({ type: 'cancel', run: large, reason: '' });
  assert.deepEqual([cell.planner.busy, cell.planner.queuedCount, cell.plan()], [false, 0, []]);
});
