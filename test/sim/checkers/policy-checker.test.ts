/** Limits, pauses, max-parallel and barriers: each checker fires on a violation made by hand, and not on the same done right. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { RunRecord } from '../../../src/core/cell/state.ts';
import type { CellEvent, Limit, ModulePhase, ModuleSpec, RunPolicy } from '../../../src/core/cell/types.ts';
import { fenceOf, nodeId, type RunId } from '../../../src/core/lib/ids.ts';
import { PolicyChecker } from '../../../sim/checkers/policies.ts';
import { Ledger, type ExecutionRecord } from '../../../sim/ledger.ts';
import { modulesOf } from '../../../sim/stage.ts';
import { CELL, entry, FakeNode, FakeWorld, Reports } from './fakes.ts';

const ORDINARY: RunPolicy = { priority: 5, parallelMax: 0, barrier: 'none' };

class Story {
  readonly reports = new Reports();
  readonly ledger = new Ledger();
  readonly world = new FakeWorld();
  readonly checker = new PolicyChecker(this.reports.report, this.ledger, this.world);
  readonly node = new FakeNode('a');
  #index = 1;

  event(event: CellEvent, first = true): void {
    this.#index += 1;
    this.checker.applied({ node: this.node, cell: CELL, entry: entry(this.#index, 1), command: undefined, reply: undefined, events: [event], first });
  }

  /** A run of so many modules. @param needs by module. */
  run(number: number, limits: readonly Limit[], policy: RunPolicy = ORDINARY, needs: readonly (readonly number[])[] = [[], [], []]): void {
    const modules = needs.map((list) => modulesOf(1, { kind: 'ok', durationMs: 1 }, { needs: list, policy: { priority: 0, limits, hedgeFactor: 0 } })[0]!);
    this.node.state.runs.set(number, { spec: { modules, policy } } as unknown as RunRecord);
  }

  module(run: number, module: number, phase: ModulePhase, fence = 0, session = 1): void {
    this.event({ type: 'module', run, runId: `r${run}-x` as RunId, module, phase, fence, session, attempt: 1, at: 0, note: '' });
  }

  /** Claimed in the order of the modules. */
  execution(module: number, node: string, limits: readonly Limit[], startedAt = 0, runId = 'r5-x'): ExecutionRecord {
    return this.ledger.open({ node: nodeId(node), runId: runId as RunId, module, name: `m${module}`, fence: fenceOf(10, module), generation: 0, attempt: 1, effectful: false, limits, startedAt });
  }
}

const [F1, F2, F3] = [fenceOf(10, 0), fenceOf(20, 0), fenceOf(30, 0)];
const PRINTER: readonly Limit[] = [{ key: 'printer', max: 1 }];
const TWO: readonly Limit[] = [{ key: 'printer', max: 2 }];

test('S28: one claim more than a limit allows, of the same run or of another', () => {
  const story = new Story();
  story.run(5, TWO);
  story.run(6, PRINTER);
  story.module(5, 0, 'claimed', F1);
  story.module(5, 1, 'claimed', F2);
  story.module(5, 0, 'succeeded', F1);
  story.module(5, 1, 'ready', F2);
  story.module(6, 0, 'claimed', F3);
  story.module(6, 0, 'claimed', F3, 2);
  story.reports.none();
  story.module(6, 1, 'claimed', fenceOf(40, 0));
  story.reports.only('S28');
  const back = new Story();
  back.run(5, PRINTER);
  back.module(5, 0, 'claimed', F1);
  back.module(5, 0, 'ready', F1);
  back.module(5, 1, 'claimed', F2);
  back.reports.none();
  back.module(5, 0, 'claimed', F1, 2);
  back.reports.only('S28');
  // Who goes on in a new session has not left its seat, though others that allow more sit beside it by now.
  const stays = new Story();
  stays.run(5, PRINTER);
  stays.run(6, TWO);
  stays.module(5, 0, 'claimed', F1);
  stays.module(6, 0, 'claimed', F2);
  stays.module(5, 0, 'claimed', F1, 2);
  stays.reports.none();
  stays.module(6, 1, 'claimed', F3);
  stays.reports.only('S28');
});

test('S28: more executions under way than a limit allows; not in another cell, nor where clocks keep no promise', () => {
  const story = new Story();
  const first = story.execution(0, 'a', PRINTER);
  story.execution(1, 'b', PRINTER, 0, 'r7-anotherCell');
  story.ledger.close(first, 'stopped', false, 1);
  story.execution(1, 'b', PRINTER, 2);
  story.reports.none();
  story.execution(2, 'a', PRINTER, 3);
  story.reports.only('S28');
  const drifting = new Story();
  drifting.world.clocks.rateChanged(nodeId('a'), 0.8, 0);
  drifting.execution(0, 'a', PRINTER);
  drifting.execution(1, 'b', PRINTER, 2);
  drifting.reports.none();
  assert.equal(drifting.checker.crowdsExcused, 1);
});

test('S28: who was claimed later and allows more may begin earlier', () => {
  const story = new Story();
  story.execution(1, 'b', TWO);
  story.execution(0, 'a', PRINTER, 1);
  story.reports.none();
  story.execution(2, 'a', TWO, 2);
  story.reports.only('S28');
  const early = new Story();
  early.execution(1, 'b', PRINTER);
  early.reports.none();
  early.execution(0, 'a', PRINTER, 1);
  early.reports.only('S28');
});

test('S29: a claim while the run is paused, or the queue; not one that came back', () => {
  for (const pause of [{ type: 'runPaused', run: 5, runId: 'r5-x' as RunId, on: true, at: 0 }, { type: 'queuePaused', on: true, at: 0 }] as const) {
    const story = new Story();
    story.run(5, []);
    story.run(6, []);
    story.module(5, 0, 'claimed', F1);
    story.event(pause);
    story.module(5, 0, 'claimed', F1, 2);
    story.event({ ...pause, on: false });
    story.module(5, 1, 'claimed', F2);
    story.event(pause);
    // A replica that applies later does not pause it once more.
    story.event({ ...pause, on: false });
    story.event(pause, false);
    story.module(5, 2, 'claimed', F3);
    story.event(pause);
    if (pause.type === 'runPaused') story.module(6, 0, 'claimed', fenceOf(35, 0));
    story.reports.none();
    story.module(5, 0, 'ready', F1);
    story.module(5, 0, 'claimed', fenceOf(40, 0));
    story.reports.only('S29');
  }
});

test('S30: one claim more than a run allows at a time; those that come back do not count', () => {
  const story = new Story();
  story.run(5, [], { ...ORDINARY, parallelMax: 1 });
  story.module(5, 0, 'claimed', F1);
  story.module(5, 0, 'ready', F1);
  story.module(5, 1, 'claimed', F2);
  story.module(5, 0, 'claimed', F1, 2);
  story.module(5, 0, 'succeeded', F1);
  story.reports.none();
  assert.equal(story.checker.judged, 2);
  story.module(5, 2, 'claimed', F3);
  story.reports.only('S30');
});

test('S29, S30: a second copy is a claim, too, until one of both ends', () => {
  const copy = (story: Story, on: boolean, fence: number): void => story.event({ type: 'hedge', run: 5, runId: 'r5-x' as RunId, module: 0, on, fence, session: 2, at: 0, note: '' });
  const parallel = new Story();
  parallel.run(5, [], { ...ORDINARY, parallelMax: 2 });
  parallel.module(5, 0, 'claimed', F1);
  copy(parallel, true, F2);
  copy(parallel, true, F2);
  copy(parallel, false, F1);
  parallel.module(5, 0, 'claimed', F2, 3);
  parallel.module(5, 1, 'claimed', F3);
  parallel.reports.none();
  copy(parallel, true, fenceOf(40, 0));
  parallel.reports.only('S30');
  const crowded = new Story();
  crowded.run(5, [], { ...ORDINARY, parallelMax: 2 });
  crowded.module(5, 0, 'claimed', F1);
  copy(crowded, true, F2);
  crowded.reports.none();
  crowded.module(5, 1, 'claimed', F3);
  crowded.reports.only('S30');
  const paused = new Story();
  paused.run(5, []);
  paused.module(5, 0, 'claimed', F1);
  paused.event({ type: 'queuePaused', on: true, at: 0 });
  paused.reports.none();
  copy(paused, true, F2);
  paused.reports.only('S29');
});

test('S30: items of one list, second copies among them', () => {
  const story = new Story();
  story.run(5, []);
  const spec = story.node.state.runs.get(5)!.spec.modules as ModuleSpec[];
  spec[2] = { ...spec[2]!, foreach: { source: { type: 'list', values: [1, 2, 3] }, failFast: true, parallelMax: 2 } };
  story.event({ type: 'expanded', run: 5, runId: 'r5-x' as RunId, module: 2, first: 3, count: 3, at: 0 });
  story.module(5, 0, 'claimed', F1);
  story.module(5, 3, 'claimed', F2);
  const copy = (on: boolean): void => story.event({ type: 'hedge', run: 5, runId: 'r5-x' as RunId, module: 3, on, fence: F3, session: 2, at: 0, note: '' });
  copy(true);
  copy(false);
  story.module(5, 4, 'claimed', fenceOf(40, 0));
  story.module(5, 3, 'succeeded', F2);
  story.module(5, 5, 'claimed', fenceOf(50, 0));
  story.reports.none();
  story.module(5, 3, 'claimed', fenceOf(60, 0));
  story.reports.only('S30');
});

test('S31: a module of a later wave, though its own needs are done', () => {
  const needs = [[2], [], [1], []];
  const play = (story: Story, slow: ModulePhase): void => {
    story.module(5, 1, 'claimed', F1);
    story.module(5, 1, 'succeeded', F1);
    story.module(5, 3, slow, F2);
    story.module(5, 2, 'claimed', F3);
  };
  for (const slow of ['succeeded', 'failed', 'skipped', 'cancelled'] as const) {
    const story = new Story();
    story.run(5, [], { ...ORDINARY, barrier: 'wave' }, needs);
    play(story, slow);
    story.reports.none();
  }
  for (const slow of ['claimed', 'ready', 'waiting'] as const) {
    const story = new Story();
    story.run(5, [], { ...ORDINARY, barrier: 'wave' }, needs);
    play(story, slow);
    story.reports.only('S31');
  }
  const free = new Story();
  free.run(5, [], ORDINARY, needs);
  play(free, 'claimed');
  free.reports.none();
});
