/** The life of a run: Submit, retries, failure of branches, Cancel, summary, Retire, Close. */
import { strict as assert } from 'node:assert';
import test from 'node:test';
import { findRun, runsNewestFirst } from '../../../src/core/cell/accessors.ts';
import { apply } from '../../../src/core/cell/cell.ts';
import { retirable } from '../../../src/core/cell/finish.ts';
import { learnedDurationMs } from '../../../src/core/cell/learned.ts';
import * as limits from '../../../src/core/cell/limits.ts';
import { createCell } from '../../../src/core/cell/state.ts';
import type { Command, ModuleSpec, RunSpec } from '../../../src/core/cell/types.ts';
import { cellId, nodeId } from '../../../src/core/lib/ids.ts';
import { TestCell, failed, hooks, module, spec, start, succeeded } from './cells.ts';

test('a module starts when its own needs are done; there is no barrier', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([module('a'), module('b'), module('c', [0]), module('d', [0, 1])]);
  cell.result(run, 0, cell.claim(run, 0, session), succeeded());
  assert.deepEqual(
    cell.state.runs.get(run)!.modules.map(({ phase }) => phase),
    ['succeeded', 'ready', 'ready', 'waiting'],
  );
});

test('a run is queued until its first claim, and succeeded when all its modules are', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([module('a'), module('b', [0])]);
  assert.equal(cell.phase(run), 'queued');
  cell.now += 10;
  cell.result(run, 0, cell.claim(run, 0, session), succeeded());
  assert.equal(cell.phase(run), 'running');
  cell.now += 10;
  cell.result(run, 1, cell.claim(run, 1, session), succeeded());
  const { phase, submittedAt, startedAt, finishedAt, reason } = cell.state.runs.get(run)!;
  assert.deepEqual([phase, submittedAt, startedAt, finishedAt, reason], ['succeeded', start, start + 10, start + 20, '']);
  assert.deepEqual(cell.events.at(-1), { type: 'runFinal', run, runId: cell.state.runs.get(run)!.runId, phase: 'succeeded', at: start + 20 });
});

test('a failed module skips its descendants, independent branches go on, and the run fails at the end', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([module('a'), module('b'), module('c', [0]), module('d', [2, 1]), module('e', [1])]);
  cell.result(run, 0, cell.claim(run, 0, session), failed());
  assert.deepEqual(
    cell.state.runs.get(run)!.modules.map(({ phase }) => phase),
    ['failed', 'ready', 'skipped', 'skipped', 'waiting'],
  );
  assert.equal(cell.module(run, 3).note, 'needs a, which failed');
  cell.result(run, 1, cell.claim(run, 1, session), succeeded());
  assert.equal(cell.phase(run), 'running');
  cell.result(run, 4, cell.claim(run, 4, session), succeeded());
  assert.deepEqual([cell.phase(run), cell.state.runs.get(run)!.reason], ['failed', 'a failed: MODULE_EXIT']);
});

test('retry: backoff × factor, capped, in whole ms; not to be claimed before', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([module('a', [], { retry: { attempts: 5, backoffMs: 1_000, factor: 3, capMs: 8_000 } })]);
  const waits: number[] = [];
  for (let attempt = 1; attempt <= 4; attempt++) {
    const fence = cell.claim(run, 0, session);
    assert.equal(cell.module(run, 0).attempt, attempt);
    cell.result(run, 0, fence, failed());
    waits.push(cell.module(run, 0).notBefore - cell.now);
    cell.now += waits.at(-1)! - 1;
    assert.equal(cell.claim(run, 0, session), 0, 'one ms early');
    cell.now += 1;
  }
  assert.deepEqual(waits, [1_000, 3_000, 8_000, 8_000]);
  cell.result(run, 0, cell.claim(run, 0, session), failed());
  assert.equal(cell.phase(run), 'failed');
});

test('jitter spreads the wait over [0.5, 1.5) of itself, differently per module and per entry', () => {
  const cell = new TestCell();
  const session = cell.open('a', { capabilities: { slots: 200 } });
  const run = cell.submit(Array.from({ length: 100 }, (_, i) => module(`m${i}`, [], { retry: { attempts: 2, backoffMs: 10_000, jitter: true } })));
  const items = Array.from({ length: 100 }, (_, index) => ({ run, module: index, generation: 1, fence: cell.claim(run, index, session), inputsHash: '', outcome: failed() }));
  cell.apply({ type: 'results', jitter: 0.25, items });
  const waits = items.map(({ module: index }) => cell.module(run, index).notBefore - cell.now);
  assert.ok(waits.every((wait) => wait >= 5_000 && wait < 15_001));
  assert.ok(new Set(waits).size > 90);
  const mean = waits.reduce((sum, wait) => sum + wait, 0) / waits.length;
  assert.ok(mean > 8_500 && mean < 11_500, `mean ${mean}`);
});

test('Cancel ends every open module, tells who executes, and refuses a second time', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([module('a'), module('b'), module('c', [0])]);
  cell.result(run, 0, cell.claim(run, 0, session), succeeded());
  const fence = cell.claim(run, 1, session);
  cell.apply({ type: 'cancel', run, reason: 'not needed' });
  assert.deepEqual(cell.events[0], { type: 'claimEnded', run, module: 1, fence, session, why: 'cancelled' });
  const record = cell.state.runs.get(run)!;
  assert.deepEqual([record.phase, record.reason, record.modules.map(({ phase }) => phase).join()], ['cancelled', 'not needed', 'succeeded,cancelled,cancelled']);
  assert.deepEqual([cell.claim(run, 1, session), cell.claim(run, 2, session)], [0, 0]);
  assert.equal(cell.refusal({ type: 'cancel', run, reason: '' }), 'RUN_FINAL');
  assert.equal(cell.refusal({ type: 'cancel', run: 12_345, reason: '' }), 'RUN_NOT_FOUND');
});

test('a finished run is a summary: names, needs and results stay, commands go', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([module('a', [], { action: { type: 'run', command: 'make all' }, env: { A: 'b' } }), module('b', [0])]);
  cell.result(run, 0, cell.claim(run, 0, session), succeeded({ out: 1 }));
  assert.equal(cell.state.runs.get(run)!.spec.modules[0]!.env['A'], 'b');
  cell.result(run, 1, cell.claim(run, 1, session), failed());
  const record = cell.state.runs.get(run)!;
  assert.deepEqual([record.summary, record.spec.modules.map(({ name, needs }) => [name, needs])], [true, [['a', []], ['b', [0]]]]);
  assert.deepEqual([record.spec.modules[0]!.action, record.spec.modules[0]!.env], [{ type: 'run', command: '' }, {}]);
  assert.deepEqual([record.modules[0]!.outcome?.values, record.modules[0]!.nodeId, record.modules[1]!.outcome?.tail], [{ out: 1 }, 'a', 'last words']);
});

test('a summary is bounded: tails of failed modules stay before those of succeeded ones', () => {
  const cell = new TestCell();
  const session = cell.open('a', { capabilities: { slots: 600 } });
  const run = cell.submit(Array.from({ length: 600 }, (_, i) => module(`m${i}`)));
  const outcome = { ...succeeded({ v: 'x'.repeat(4_000) }), tail: 't'.repeat(2_000) };
  for (let i = 0; i < 600; i++) cell.result(run, i, cell.claim(run, i, session), i < 500 ? outcome : { ...failed(), tail: 't'.repeat(2_000) });
  const record = cell.state.runs.get(run)!;
  assert.ok(record.valuesBytes <= limits.SUMMARY_VALUES_BYTES_MAX && record.valuesBytes > limits.SUMMARY_VALUES_BYTES_MAX - 5_000);
  assert.ok(record.tailsLength <= limits.SUMMARY_TAILS_LENGTH_MAX);
  assert.ok(record.modules.slice(500).every((m) => m.outcome?.tail.length === 2_000));
  assert.ok(record.modules.slice(0, 500).some((m) => m.outcome?.tail === ''));
});

test('Retire removes finished runs and never a live one', () => {
  const cell = new TestCell();
  const live = cell.submit([module('a')]);
  const done = cell.submit([module('a')]);
  cell.apply({ type: 'cancel', run: done, reason: '' });
  cell.apply({ type: 'retire', runs: [live, done, 777, NaN] });
  assert.deepEqual([...cell.state.runs.keys()], [live]);
  assert.deepEqual(cell.events.map((event) => event.type), ['runRetired']);
  assert.equal(cell.state.finishedModules, 0);
});

test('retirable: by age and by number, oldest first', () => {
  const cell = new TestCell();
  const runs: number[] = [];
  for (let i = 0; i < 3; i++) {
    cell.now += 1_000;
    runs.push(cell.submit([module('a')]));
    cell.apply({ type: 'cancel', run: runs[i]!, reason: '' });
  }
  assert.deepEqual(retirable(cell.state, cell.now), []);
  assert.deepEqual(retirable(cell.state, start + 2_000 + limits.FINISHED_AGE_MAX_MS + 1), runs.slice(0, 2));
  cell.state.finishedModules = limits.FINISHED_MODULES_MAX + 1;
  assert.deepEqual(retirable(cell.state, cell.now), runs.slice(0, 1));
});

const module0 = module('a');
const badSpecs: readonly (readonly [string, string, RunSpec])[] = [
  ['no modules', 'PIPELINE_INVALID', spec([])],
  ['no name', 'PIPELINE_INVALID', spec([module0], '')],
  ['a cycle', 'PIPELINE_INVALID', spec([module('a', [1]), module('b', [0])])],
  ['a module that needs itself', 'PIPELINE_INVALID', spec([module('a', [0])])],
  ['a need that is not there', 'PIPELINE_INVALID', spec([module('a', [7])])],
  ['a need that is no position', 'PIPELINE_INVALID', spec([module('a'), module('b', [0.5])])],
  ['a need twice', 'PIPELINE_INVALID', spec([module('a'), module('b', [0, 0])])],
  ['one name twice', 'PIPELINE_INVALID', spec([module('a'), module('a')])],
  ['too many modules', 'LIMIT_EXCEEDED', spec(Array.from({ length: limits.MODULES_PER_RUN_MAX + 1 }, () => module0))],
  ['a long command', 'REQUEST_TOO_LARGE', spec([module('a', [], { action: { type: 'run', command: 'x'.repeat(limits.COMMAND_LENGTH_MAX + 1) } })])],
  ['a long name', 'REQUEST_TOO_LARGE', spec([module('x'.repeat(limits.NAME_LENGTH_MAX + 1))])],
  ['half a surrogate pair', 'PIPELINE_INVALID', spec([module('\ud800')])],
  ['cpu that is no number', 'PIPELINE_INVALID', spec([module('a', [], { requires: { cpu: NaN } })])],
  ['negative memory', 'PIPELINE_INVALID', spec([module('a', [], { requires: { memory: -1 } })])],
  ['endless backoff', 'PIPELINE_INVALID', spec([module('a', [], { retry: { backoffMs: Infinity } })])],
  ['half an attempt', 'PIPELINE_INVALID', spec([module('a', [], { retry: { attempts: 1.5 } })])],
  ['params that are no JSON', 'PARAM_INVALID', { ...spec([module0]), params: { p: NaN } }],
];

for (const [what, code, bad] of badSpecs) {
  test(`Submit refuses ${what} with ${code}`, () => {
    const cell = new TestCell();
    assert.equal(cell.refusal({ type: 'submit', requestKey: 'k', spec: bad }), code);
    assert.deepEqual([cell.state.runs.size, cell.state.requests.size, cell.state.established], [0, 0, false]);
    assert.equal(cell.refusal({ type: 'submit', requestKey: 'k', spec: spec([module0]) }), '', 'the key can be used again');
  });
}

test('too many live modules are refused until some end', () => {
  const cell = new TestCell();
  cell.submit([module0]);
  cell.state.liveModules = limits.LIVE_MODULES_MAX;
  assert.equal(cell.refusal({ type: 'submit', requestKey: 'x', spec: spec([module0]) }), 'LIMIT_EXCEEDED');
});

test('Close: one-way, not for an established cell, and nothing is accepted afterwards', () => {
  const established = new TestCell();
  established.submit([module0]);
  assert.equal(established.refusal({ type: 'close', senior: cellId('bb') }), 'REQUEST_INVALID');
  const cell = new TestCell();
  const session = cell.open('a');
  assert.equal(cell.refusal({ type: 'close', senior: cellId('') }), 'REQUEST_INVALID');
  assert.equal(cell.refusal({ type: 'close', senior: cellId('bb') }), '');
  const refused = [
    { type: 'submit', requestKey: 'k', spec: spec([module0]) },
    { type: 'submitPart', requestKey: 'k', part: 0, parts: 1, bytes: new Uint8Array(1) },
    { type: 'claimBatch', claims: [] },
    { type: 'close', senior: cellId('cc') },
  ] as const;
  for (const command of refused) assert.equal(cell.refusal(command), 'CELL_CLOSED', command.type);
  assert.equal(cell.refusal({ type: 'sessionExpire', session, reason: 'left' }), '', 'what is there may end');
  assert.equal(cell.state.closedFor, 'bb');
});

test('before Genesis everything else is refused; there is one Genesis', () => {
  const cell = new TestCell(false);
  assert.equal(cell.refusal({ type: 'submit', requestKey: 'k', spec: spec([module0]) }), 'REQUEST_INVALID');
  const genesis: Command = { type: 'genesis', cellId: cellId('aa'), clusterName: 'c', createdAt: start, founder: nodeId('n') };
  assert.equal(cell.refusal(genesis), '');
  assert.equal(cell.refusal({ ...genesis, cellId: cellId('bb') }), 'REQUEST_INVALID');
  assert.equal(cell.state.cellId, 'aa');
});

test('an entry applied twice, or out of order, is a bug', () => {
  const state = createCell(hooks);
  const genesis: Command = { type: 'genesis', cellId: cellId('aa'), clusterName: 'c', createdAt: start, founder: nodeId('n') };
  apply(state, 5, genesis);
  for (const index of [5, 4, 5.5, NaN]) assert.throws(() => apply(state, index, genesis), /cannot follow/);
});

test('durations of successes are learned per pipeline and module, as an average', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const once = (durationMs: number, ok = true): void => {
    const run = cell.submit([module('m')], undefined, 'p');
    cell.result(run, 0, cell.claim(run, 0, session), ok ? succeeded({}, durationMs) : failed());
  };
  assert.equal(learnedDurationMs(cell.state, 'p', 'm'), undefined);
  once(100);
  once(200);
  once(0, false);
  assert.equal(learnedDurationMs(cell.state, 'p', 'm'), 125);
  for (let i = 0; i < limits.LEARNED_PIPELINES_MAX; i++) cell.submit([module0], undefined, `other-${i}`);
  assert.equal(learnedDurationMs(cell.state, 'p', 'm'), undefined, 'the oldest pipeline is forgotten');
  assert.equal(cell.state.learned.size, limits.LEARNED_PIPELINES_MAX);
});

test('runs are listed newest first, and found by id, short id or unique prefix', () => {
  const cell = new TestCell();
  const runs = Array.from({ length: 40 }, () => cell.submit([module0]));
  assert.deepEqual(Array.from(runsNewestFirst(cell.state), (run) => run.number), runs.toReversed());
  const short = cell.state.runs.get(runs[3]!)!.shortId;
  const { runId } = cell.state.runs.get(runs[3]!)!;
  for (const text of [runId, short, ` ${short.toUpperCase()} `, runId.slice(0, short.length + 4)]) assert.equal(findRun(cell.state, text)?.number, runs[3], text);
  const firsts = runs.map((run) => cell.state.runs.get(run)!.shortId[0]!);
  const shared = firsts.find((letter, i) => firsts.indexOf(letter) !== i)!;
  assert.equal(findRun(cell.state, shared), undefined, 'a prefix of two');
  for (const none of ['', '-', 'zzzzzz', `${short}-ffff`, '!', '0'.repeat(500)]) assert.equal(findRun(cell.state, none), undefined, none);
});

test('100,000 modules are accepted and cancelled', () => {
  const cell = new TestCell();
  const modules: ModuleSpec[] = Array.from({ length: 100_000 }, (_, i) => module(`m${i}`, i < 100 ? [] : [i - 100]));
  const run = cell.submit(modules);
  assert.equal(cell.state.liveModules, 100_000);
  cell.apply({ type: 'cancel', run, reason: '' });
  assert.deepEqual([cell.phase(run), cell.state.liveModules], ['cancelled', 0]);
});
