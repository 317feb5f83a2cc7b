/** Who is served when not everybody can be: priorities, fair shares, aging, limits, parallelism, barriers, pauses. */
import { strict as assert } from 'node:assert';
import test from 'node:test';
import * as fc from 'fast-check';
import type { ClaimItem, ModuleSpec, RunPolicy } from '../../../src/core/cell/types.ts';
import type { RunNumber } from '../../../src/core/lib/ids.ts';
import { AGING_STEP_MS } from '../../../src/core/plan/levels.ts';
import { Planner } from '../../../src/core/plan/planner.ts';
import { module, succeeded } from '../cell/cells.ts';
import { names, offers, PlannedCell } from './planned-cell.ts';

const many = (count: number, prefix: string, sketch: Parameters<typeof module>[2] = {}): ModuleSpec[] => Array.from({ length: count }, (_, i) => module(`${prefix}${i}`, [], sketch));

function submit(cell: PlannedCell, modules: readonly ModuleSpec[], policy: Partial<RunPolicy> = {}): RunNumber {
  return cell.submit(modules, undefined, 'pipeline', policy);
}

/** Ends these claims. */
function finish(cell: PlannedCell, items: readonly ClaimItem[]): void {
  for (const { run, module: index } of items) cell.result(run, index, cell.module(run, index).fence, succeeded());
}

test('the higher priority first, however long the paths of others; that of a module goes before that of its run', () => {
  const cell = new PlannedCell();
  cell.open('a', { capabilities: { slots: 10 } });
  submit(cell, many(2, 'low', { durationMs: 99_000 }), { priority: 1 });
  submit(cell, [...many(2, 'ordinary'), module('urgent', [], { policy: { priority: 9 } }), module('idle', [], { policy: { priority: 1 } })]);
  submit(cell, many(2, 'high'), { priority: 8 });
  assert.deepEqual(names(cell, cell.plan()), ['urgent', 'high0', 'high1', 'ordinary0', 'ordinary1', 'low0', 'low1', 'idle']);
});

test('runs of one priority have equal shares of the cpu, not equal numbers of modules', () => {
  const cell = new PlannedCell();
  cell.open('a', { capabilities: { slots: 12 } });
  const wide = submit(cell, many(9, 'wide', { requires: { cpu: 3 }, durationMs: 9_000 }));
  const narrow = submit(cell, many(90, 'narrow'));
  const of = (run: RunNumber): number => cell.state.runs.get(run)!.milliCpuUsed;
  for (let turn = 0; turn < 5; turn++) {
    const items = cell.claimAll();
    assert.deepEqual([of(wide), of(narrow)], [6_000, 6_000], `turn ${turn}`);
    // What one of them gives back goes to the one that has less then, whoever that is.
    finish(cell, items.filter((item) => item.run === (turn % 2 === 0 ? narrow : wide)));
  }
});

test('a run that comes later is not behind all that is ready already', () => {
  const cell = new PlannedCell();
  cell.open('a', { capabilities: { slots: 4 } });
  submit(cell, many(100, 'old', { durationMs: 60_000 }));
  finish(cell, cell.claimAll().slice(0, 2));
  submit(cell, many(2, 'new', { durationMs: 1 }));
  assert.deepEqual(names(cell, cell.claimAll()), ['new0', 'new1'], 'it has no cpu, the other has two slots');
});

test('whoever is given nothing rises by one every 30 s, and falls back when it is served', () => {
  const cell = new PlannedCell();
  cell.open('a', { capabilities: { slots: 1 } });
  submit(cell, many(9, 'low'), { priority: 3 });
  cell.plan();
  cell.now += 4 * AGING_STEP_MS - 1;
  submit(cell, many(9, 'high'), { priority: 7 });
  assert.deepEqual(names(cell, cell.plan()), ['high0'], '3 and 3 steps are less than 7');
  cell.now += 1_001;
  const items = cell.claimAll();
  assert.deepEqual(names(cell, items), ['low0'], 'as high as the other, and older');
  finish(cell, items);
  assert.deepEqual(names(cell, cell.plan()), ['high0'], 'it was served, so it waits anew');
});

/** A stream of work of the highest priority that never ends, with paths that are longer than all others. */
class Stream {
  private readonly cell: PlannedCell;
  private count = 0;

  constructor(cell: PlannedCell) {
    this.cell = cell;
  }

  add(modules: number): void {
    this.cell.submit(many(modules, `stream${this.count++}-`, { durationMs: 1_000_000 }), undefined, 'stream', { priority: 10 });
  }
}

/** Seconds of log time until something of the run is claimed, each slot being free once a second. */
function secondsUntilServed(cell: PlannedCell, run: RunNumber, stream: Stream, boundMs: number): number {
  for (let seconds = 0; seconds * 1_000 <= boundMs; seconds++) {
    stream.add(3);
    const items = cell.claimAll();
    if (items.some((item) => item.run === run)) return seconds;
    finish(cell, items);
    cell.apply({ type: 'retire', runs: [...cell.state.finished.keys()] });
    cell.now += 1_000;
  }
  return Infinity;
}

test('no starvation: under an endless stream of the highest priority every run is served after 11 - p steps and its turn', () => {
  for (const priority of [1, 5, 10]) {
    const cell = new PlannedCell();
    cell.open('a', { capabilities: { slots: 1 } });
    const stream = new Stream(cell);
    stream.add(2);
    const run = submit(cell, many(2, 'patient', { durationMs: 1 }), { priority });
    const boundMs = (10 - priority + 1) * AGING_STEP_MS;
    const seconds = secondsUntilServed(cell, run, stream, 2 * boundMs);
    assert.ok(seconds >= boundMs / 1_000, `priority ${priority}: strict until then, ${seconds} s`);
    // Levels are looked at once a second, and nobody has waited longer.
    assert.ok(seconds <= boundMs / 1_000 + 1, `priority ${priority}: ${seconds} s, the bound is ${boundMs / 1_000} s and its turn`);
  }
});

test('every queue is served before any that became overdue after it, whatever comes', () => {
  const arrivals = fc.array(fc.record({ priority: fc.integer({ min: 1, max: 10 }), modules: fc.integer({ min: 1, max: 3 }), gapMs: fc.integer({ min: 0, max: 5_000 }), durationMs: fc.integer({ min: 1, max: 9_999 }) }), { minLength: 5, maxLength: 40 });
  fc.assert(
    fc.property(arrivals, fc.integer({ min: 1, max: 3 }), (list, slots) => {
      const cell = new PlannedCell();
      cell.open('a', { capabilities: { slots } });
      const served = new Map<RunNumber, number>();
      const waiting = new Map<RunNumber, { readonly priority: number; since: number; left: number }>();
      const turn = (): void => {
        while (cell.planner.busy) cell.planner.advance();
        const items = cell.claimAll();
        const risenAt = ({ priority, since }: { readonly priority: number; readonly since: number }): number => since + (11 - priority) * AGING_STEP_MS;
        for (const { run } of items) {
          const own = waiting.get(run)!;
          // Levels are looked at once a second.
          for (const [other, them] of waiting) {
            if (other !== run && them.left > 0 && risenAt(them) + 1_000 <= cell.now) assert.ok(risenAt(own) <= cell.now && own.since <= them.since, `run ${run} was served before ${other}`);
          }
          own.since = cell.now;
          own.left--;
          served.set(run, cell.now);
        }
        finish(cell, items);
      };
      for (const { priority, modules, gapMs, durationMs } of list) {
        const run = submit(cell, many(modules, 'm', { durationMs }), { priority });
        waiting.set(run, { priority, since: cell.now, left: modules });
        cell.now += gapMs;
        // One of ten seconds has a slot to give.
        if (cell.now % 10 === 0) turn();
      }
      for (let rounds = 0; [...waiting.values()].some(({ left }) => left > 0); rounds++) {
        cell.now += 7_001;
        turn();
        assert.ok(rounds < 1_000, 'all are served');
      }
      assert.equal(served.size, list.length);
    }),
    { numRuns: 60 },
  );
});

test('limits: as many as there is room for, and what waits for one does not stand in the way of others', () => {
  const cell = new PlannedCell();
  cell.open('a', { capabilities: { slots: 20 } });
  const nas = (max: number): Parameters<typeof module>[2] => ({ policy: { limits: [{ key: 'nas', max }] }, durationMs: 9_000 });
  const run = submit(cell, [...many(3, 'one', nas(1)), ...many(3, 'three', nas(3)), ...many(2, 'free')]);
  const first = cell.plan();
  assert.deepEqual(names(cell, first), ['one0', 'three0', 'three1', 'free0', 'free1']);
  cell.planner.proposed(first);
  assert.deepEqual(cell.plan(), [], 'those on their way hold it');
  assert.ok(cell.claims(first).every((fence) => fence !== 0));
  cell.planner.settled(cell.state, first);
  const end = { run, module: 3, generation: 1, fence: cell.module(run, 3).fence, inputsHash: '', outcome: succeeded() };
  cell.planner.foresee(cell.state, [end]);
  const next = cell.plan();
  assert.deepEqual(names(cell, next), ['three2'], 'the key is free behind the result');
  cell.planner.proposed(next);
  cell.apply({ type: 'results', jitter: 0, items: [end] });
  cell.planner.heardOf(cell.state, [end]);
  assert.ok(cell.claims(next).every((fence) => fence !== 0));
  cell.planner.settled(cell.state, next);
  assert.deepEqual(cell.plan(), []);
});

test('what a run that ended had on its way holds no limit afterwards', () => {
  const cell = new PlannedCell();
  cell.open('a');
  const nas: Parameters<typeof module>[2] = { policy: { limits: [{ key: 'nas', max: 1 }] } };
  const run = submit(cell, many(1, 'x', nas));
  const items = cell.plan();
  cell.planner.proposed(items);
  cell.apply({ type: 'cancel', run, reason: '' });
  cell.claims(items);
  cell.planner.settled(cell.state, items);
  submit(cell, many(1, 'y', nas));
  assert.deepEqual(names(cell, cell.claimAll()), ['y0']);
});

test('max-parallel: the slots that a run may not have go to others, also those on their way', () => {
  const cell = new PlannedCell();
  cell.open('a', { capabilities: { slots: 6 } });
  const run = submit(cell, many(9, 'tight', { durationMs: 9_000 }), { parallelMax: 2, priority: 9 });
  submit(cell, many(9, 'wide'), { priority: 2 });
  const first = cell.plan(undefined, 4);
  assert.deepEqual(names(cell, first), ['tight0', 'tight1', 'wide0', 'wide1']);
  cell.planner.proposed(first);
  assert.deepEqual(names(cell, cell.plan()), ['wide2', 'wide3']);
  cell.claims(first);
  cell.planner.settled(cell.state, first);
  finish(cell, first.slice(0, 1));
  assert.deepEqual(names(cell, cell.plan()), ['tight2', 'wide2', 'wide3']);
  assert.equal(cell.state.runs.get(run)!.phase, 'running');
});

test('paused runs are passed over, also with modules that become ready or due meanwhile; resumed they wait from then on', () => {
  const cell = new PlannedCell();
  cell.open('a', { capabilities: { slots: 2 } });
  const run = submit(cell, [module('x'), module('y', [0])], { priority: 9 });
  finish(cell, cell.claimAll(undefined, 1));
  cell.apply({ type: 'runPause', run, on: true, reason: '' });
  const other = submit(cell, many(6, 'other'), { priority: 9 });
  assert.deepEqual(names(cell, cell.claimAll()), ['other0', 'other1']);
  cell.now += 20 * AGING_STEP_MS;
  cell.apply({ type: 'runPause', run, on: false, reason: '' });
  finish(cell, [{ run: other, module: 0, session: 0 }]);
  assert.deepEqual(names(cell, cell.claimAll()), ['other2'], 'a pause is not waiting');
  finish(cell, [{ run: other, module: 1, session: 0 }, { run: other, module: 2, session: 0 }]);
  assert.deepEqual(names(cell, cell.claimAll()), ['other3', 'y'].toSorted((a, b) => (a === 'y' ? -1 : b === 'y' ? 1 : 0)));
});

test('a paused queue gives nothing, and goes on where it was', () => {
  const cell = new PlannedCell();
  cell.open('a', { capabilities: { slots: 1 } });
  submit(cell, many(2, 'low'), { priority: 1 });
  cell.apply({ type: 'queuePause', on: true, reason: '' });
  submit(cell, many(2, 'high'), { priority: 10 });
  assert.deepEqual(cell.plan(), []);
  cell.now += 20 * AGING_STEP_MS;
  cell.apply({ type: 'queuePause', on: false, reason: '' });
  assert.deepEqual(names(cell, cell.plan()), ['high0'], 'nobody has waited');
});

test('a barrier is not foreseen: the next wave is claimed when the last result of the one before is applied', () => {
  const cell = new PlannedCell();
  cell.open('a', { capabilities: { slots: 4 } });
  const run = submit(cell, [module('a'), module('b'), module('c', [0])], { barrier: 'wave' });
  const items = cell.claimAll();
  assert.deepEqual(names(cell, items), ['a', 'b']);
  const results = items.map((item) => ({ run, module: item.module, generation: 1, fence: cell.module(run, item.module).fence, inputsHash: '', outcome: succeeded() }));
  cell.planner.foresee(cell.state, results);
  assert.deepEqual(cell.plan(), []);
  cell.apply({ type: 'results', jitter: 0, items: results });
  assert.deepEqual(names(cell, cell.plan()), ['c']);
});

test('a planner that starts over from the state goes on with shares, limits and pauses', () => {
  const cell = new PlannedCell();
  cell.open('a', { capabilities: { slots: 9 } });
  submit(cell, many(9, 'first'), { parallelMax: 3 });
  submit(cell, many(9, 'second'));
  const paused = submit(cell, many(9, 'third'));
  cell.apply({ type: 'runPause', run: paused, on: true, reason: '' });
  cell.claimAll(undefined, 5);
  const fresh = new Planner();
  fresh.rebuild(cell.state);
  while (fresh.busy) fresh.advance();
  assert.deepEqual(fresh.plan(cell.state, cell.now, offers(cell.state), 100), cell.plan());
});
