/** The same for claims, results, requests and states. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { RunRecord } from '../../../src/core/cell/state.ts';
import type { CellEvent, Command, ModulePhase, Outcome, Reply } from '../../../src/core/cell/types.ts';
import { fenceOf, nodeId, type RunId } from '../../../src/core/lib/ids.ts';
import { outputOf } from '../../../sim/behaviour.ts';
import { ClaimChecker } from '../../../sim/checkers/claims.ts';
import { RequestChecker } from '../../../sim/checkers/requests.ts';
import { StateChecker } from '../../../sim/checkers/state.ts';
import type { Applied } from '../../../sim/checkers/checker.ts';
import { Ledger } from '../../../sim/ledger.ts';
import { CELL, entry, FakeNode, FakeWorld, Reports } from './fakes.ts';

const RUN = 'run1-cell' as RunId;
const F1 = fenceOf(10, 0);
const F2 = fenceOf(20, 0);

class Story {
  readonly reports = new Reports();
  readonly ledger = new Ledger();
  readonly world = new FakeWorld();
  readonly claims = new ClaimChecker(this.reports.report, this.ledger, this.world);
  readonly node = new FakeNode('a');
  #index = 1;

  constructor() {
    this.event({ type: 'sessionOpened', session: 1, node: nodeId('a') });
    this.event({ type: 'sessionOpened', session: 2, node: nodeId('b') });
  }

  applied(events: readonly CellEvent[], command?: Command, reply?: Reply): void {
    this.#index += 1;
    const applied: Applied = { node: this.node, cell: CELL, entry: entry(this.#index, 1), command, reply, events, first: true };
    this.claims.applied(applied);
  }

  event(event: CellEvent): void {
    this.applied([event]);
  }

  module(phase: ModulePhase, fence = 0, session = 0): void {
    this.event({ type: 'module', run: 5, runId: RUN, module: 0, phase, fence, session, attempt: 1, at: 0, note: '' });
  }

  hedge(on: boolean, fence: number, session: number): void {
    this.event({ type: 'hedge', run: 5, runId: RUN, module: 0, on, fence, session, at: 0, note: '' });
  }

  result(fence: number, ok: boolean): void {
    const outcome: Outcome = { ok, values: {}, error: null, exitCode: 0, tail: '', startedAt: 0, durationMs: 1 };
    const item = { run: 5, module: 0, generation: 0, fence, inputsHash: '', outcome };
    this.applied([], { type: 'results', now: 0, jitter: 0, items: [item] }, { type: 'results', verdicts: ['accepted'] });
  }
}

test('S16: a second copy has a fence and a node of its own, stands beside a first one, and takes its place', () => {
  const good = new Story();
  good.module('claimed', F1, 1);
  good.hedge(true, F2, 2);
  good.hedge(false, F1, 1);
  good.event({ type: 'sessionOpened', session: 3, node: nodeId('b') });
  good.module('claimed', F2, 3);
  good.module('succeeded', F2);
  good.reports.none();
  assert.deepEqual([good.claims.claims, good.claims.hedges], [1, 1]);
  for (const [fence, session] of [[F2, 1], [F1, 2]] as const) {
    const story = new Story();
    story.module('claimed', F1, 1);
    story.hedge(true, fence, session);
    story.reports.only('S16');
  }
  const third = new Story();
  third.module('claimed', F1, 1);
  third.hedge(true, F2, 2);
  third.hedge(true, fenceOf(30, 0), 2);
  third.reports.only('S16');
  const alone = new Story();
  alone.hedge(true, F2, 2);
  alone.reports.only('S16');
});

test('S16: two live claims, or a fence that goes back', () => {
  const good = new Story();
  good.module('claimed', F1, 1);
  good.module('ready', F1);
  good.module('claimed', F2, 2);
  good.reports.none();
  assert.equal(good.claims.claimsAgain, 1);
  const two = new Story();
  two.module('claimed', F1, 1);
  two.module('claimed', F2, 2);
  two.reports.only('S16');
  const back = new Story();
  back.module('claimed', F2, 1);
  back.module('ready', F2);
  back.module('claimed', F1, 2);
  back.reports.only('S16');
  const stolen = new Story();
  stolen.module('claimed', F1, 1);
  stolen.module('claimed', F1, 2);
  stolen.reports.only('S16');
});

test('S17: a worker starts without a committed claim, or under the claim of another', () => {
  const story = new Story();
  story.module('claimed', F1, 1);
  story.claims.started(story.node, 1, F1);
  story.reports.none();
  story.claims.started(new FakeNode('b'), 2, F1);
  story.reports.only('S17');
  const early = new Story();
  early.claims.started(early.node, 1, F2);
  early.reports.only('S17');
});

test('S18: final is not final, or a result is recorded twice', () => {
  const story = new Story();
  story.module('claimed', F1, 1);
  story.module('failed', F1);
  story.reports.none();
  story.module('ready', F1);
  story.reports.only('S18');
  const twice = new Story();
  twice.module('claimed', F1, 1);
  twice.result(F1, true);
  twice.reports.none();
  twice.result(F1, true);
  twice.reports.only('S18');
  const failure = new Story();
  failure.module('claimed', F1, 1);
  failure.result(F1, false);
  failure.module('ready', F1);
  failure.module('claimed', F2, 1);
  failure.result(F2, false);
  failure.reports.none();
  failure.result(F2, false);
  failure.reports.only('S18');
  const run = new Story();
  run.event({ type: 'runFinal', run: 5, runId: RUN, phase: 'failed', at: 0 });
  run.reports.none();
  run.event({ type: 'runFinal', run: 5, runId: RUN, phase: 'succeeded', at: 0 });
  run.reports.only('S18');
});

/** A run of two modules, the second of which needs the first. */
function withRun(story: Story, parentPhase: ModulePhase, sum: number): void {
  const module = (name: string, needs: readonly number[]): unknown => ({ name, needs, effectful: false });
  const run = { number: 5, spec: { modules: [module('m', [1]), module('parent', [])] }, modules: [] as unknown[], expansions: new Map() };
  const record = (phase: ModulePhase, value: number, index: number): unknown => ({ run, phase, index, template: index, item: -1, outcome: { values: { sum: value } }, reusedFrom: 0 });
  run.modules.push(record('succeeded', sum, 0), record(parentPhase, 7, 1));
  story.node.state.runs.set(5, run as unknown as RunRecord);
}

test('S19: claimed before its needs are done, or recorded from other inputs', () => {
  const good = new Story();
  withRun(good, 'succeeded', outputOf('m', { parent: { sum: 7 } }));
  good.module('claimed', F1, 1);
  const execution = { node: nodeId('a'), runId: RUN, module: 0, name: 'm', fence: F1, generation: 0, attempt: 1, effectful: false, limits: [], startedAt: 0 };
  good.ledger.close(good.ledger.open(execution), 'finished', true, 1);
  good.module('succeeded', F1);
  good.reports.none();
  const early = new Story();
  withRun(early, 'claimed', 0);
  early.module('claimed', F1, 1);
  early.reports.only('S19');
  const wrong = new Story();
  withRun(wrong, 'succeeded', outputOf('m', { parent: { sum: 8 } }));
  wrong.ledger.close(wrong.ledger.open(execution), 'finished', true, 1);
  wrong.module('succeeded', F1);
  wrong.reports.only('S19');
});

/** A run of a list with two items, 1 and 2, as modules 1 and 2. */
function withItems(story: Story, sums: readonly number[]): void {
  const foreach = { source: { type: 'list', values: [1, 2] }, failFast: true, parallelMax: 0 };
  const spec = { modules: [{ name: 'm', needs: [], effectful: false, foreach }] };
  const run = { number: 5, spec, modules: [] as unknown[], expansions: new Map([[0, { template: 0, first: 1, count: 2 }]]), summary: false };
  const values = [{}, ...sums.map((sum) => ({ sum }))];
  run.modules.push(...values.map((own, index) => ({ run, phase: 'succeeded', index, template: 0, item: index - 1, outcome: { values: own }, reusedFrom: 0 })));
  story.node.state.runs.set(5, run as unknown as RunRecord);
  story.event({ type: 'runSubmitted', run: 5, runId: RUN, at: 0 });
  for (const [index, sum] of sums.entries()) {
    const execution = { node: nodeId('a'), runId: RUN, module: index + 1, name: `m[${index}]`, fence: fenceOf(10, index), generation: 0, attempt: 1, effectful: false, limits: [], startedAt: sum };
    story.ledger.close(story.ledger.open(execution), 'finished', true, 1);
    story.event({ type: 'module', run: 5, runId: RUN, module: index + 1, phase: 'succeeded', fence: fenceOf(10, index), session: 0, attempt: 1, at: 0, note: '' });
  }
}

test('S19: the result of an item comes from that item', () => {
  const good = new Story();
  withItems(good, [outputOf('m', {}, 1), outputOf('m[1]', {}, 2)]);
  good.reports.none();
  assert.equal(good.claims.items, 2);
  // The module itself is executed by nobody.
  good.module('succeeded');
  good.reports.none();
  const swapped = new Story();
  withItems(swapped, [outputOf('m', {}, 1), outputOf('m', {}, 1)]);
  swapped.reports.only('S19');
});

test('S18: a success that nobody executed', () => {
  const story = new Story();
  withRun(story, 'succeeded', outputOf('m', { parent: { sum: 7 } }));
  story.module('claimed', F1, 1);
  story.reports.none();
  story.module('succeeded', F1);
  story.reports.only('S18');
});

test('S20: an effectful module is executed twice at once', () => {
  const story = new Story();
  const execution = { node: nodeId('a'), runId: RUN, module: 0, name: 'm', fence: F1, generation: 0, attempt: 1, effectful: true, limits: [], startedAt: 0 };
  const first = story.ledger.open(execution);
  story.ledger.close(first, 'stopped', false, 1);
  const second = story.ledger.open({ ...execution, fence: F2 });
  story.reports.none();
  story.ledger.open({ ...execution, node: nodeId('b'), fence: fenceOf(30, 0) });
  story.reports.only('S20');
  assert.equal(second.end, 'running');
});

test('S20: what clocks that differ and machines that sleep do is counted, not reported', () => {
  const execution = { node: nodeId('a'), runId: RUN, module: 0, name: 'm', fence: F1, generation: 0, attempt: 1, effectful: true, limits: [], startedAt: 9000 };
  const story = (change: (world: FakeWorld) => void): Story => {
    const overlapping = new Story();
    change(overlapping.world);
    overlapping.ledger.open(execution);
    overlapping.ledger.open({ ...execution, node: nodeId('b'), fence: F2, startedAt: 10_000 });
    return overlapping;
  };
  const excused = [
    story(({ clocks }) => clocks.rateChanged(nodeId('a'), 0.85, 0)),
    story(({ clocks }) => clocks.rateChanged(nodeId('b'), 1.15, 9500)),
    story(({ clocks }) => clocks.fellAsleep(nodeId('a'), 8000)),
    story(({ clocks }) => {
      clocks.fellAsleep(nodeId('a'), 8000);
      clocks.wokeUp(nodeId('a'), 9500);
    }),
  ];
  for (const { reports, claims } of excused) {
    reports.none();
    assert.equal(claims.overlapsExcused, 1);
  }
  story(({ clocks }) => clocks.rateChanged(nodeId('a'), 0.95, 0)).reports.only('S20');
  story(({ clocks }) => {
    clocks.rateChanged(nodeId('a'), 0.5, 0);
    clocks.rateChanged(nodeId('a'), 1, 5000);
  }).reports.only('S20');
  story(({ clocks }) => {
    clocks.fellAsleep(nodeId('a'), 9200);
    clocks.wokeUp(nodeId('a'), 9700);
  }).reports.only('S20');
  story(({ clocks }) => {
    clocks.fellAsleep(nodeId('a'), 1000);
    clocks.wokeUp(nodeId('a'), 8000);
  }).reports.only('S20');
});

test('S22: a claim after the run was cancelled', () => {
  const story = new Story();
  story.event({ type: 'runFinal', run: 5, runId: RUN, phase: 'cancelled', at: 0 });
  story.reports.none();
  story.module('claimed', F1, 1);
  story.reports.only('S22');
});

test('S21: one request key, two runs; a client is told two things; what it was told is lost', () => {
  const submit = (story: RequestChecker, runId: string, duplicate: boolean): void => {
    const command: Command = { type: 'submit', now: 0, requestKey: 'k', spec: { name: 'p', params: {}, env: {}, modules: [], bundles: {} } };
    const reply: Reply = { type: 'run', run: 5, runId: runId as RunId, duplicate };
    story.applied({ node: new FakeNode('a'), cell: CELL, entry: entry(2, 1), command, reply, events: [], first: true });
  };
  const reports = new Reports();
  const good = new RequestChecker(reports.report);
  submit(good, 'r1', false);
  submit(good, 'r1', true);
  good.answered('k', 'r1' as RunId);
  good.answered('k', 'r1' as RunId);
  reports.none();
  submit(good, 'r2', true);
  reports.only('S21');
  const told = new Reports();
  const client = new RequestChecker(told.report);
  client.answered('k', `r1-${CELL}` as RunId);
  // Twins in two cells are linked when the cells meet.
  client.answered('k', 'r1-anotherCell' as RunId);
  client.answered('k', `r1-${CELL}` as RunId);
  told.none();
  client.answered('k', `r2-${CELL}` as RunId);
  told.only('S21');
  const lost = new Reports();
  const end = new RequestChecker(lost.report);
  end.answered('k', `r1-${CELL}` as RunId);
  end.answered('l', 'r1-anotherCell' as RunId);
  end.finish([new FakeNode('a')]);
  lost.only('S21');
  assert.equal(lost.all.length, 1);
});

test('S15: two replicas differ at the same index', () => {
  const reports = new Reports();
  const checker = new StateChecker(reports.report);
  const [a, b] = [new FakeNode('a'), new FakeNode('b')];
  checker.compareAll([a, b]);
  reports.none();
  b.state.now = 1;
  checker.compareAll([b]);
  reports.only('S15');
});
