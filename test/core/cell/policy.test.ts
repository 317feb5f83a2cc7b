/** Pauses, limits, parallelism and barriers: each rule by itself. The model in oracle.test.ts has all of them at once. */
import { strict as assert } from 'node:assert';
import test from 'node:test';
import { claimProblem } from '../../../src/core/cell/claims.ts';
import { holdersOf } from '../../../src/core/cell/seats.ts';
import type { SessionId, RunNumber } from '../../../src/core/lib/ids.ts';
import { TestCell, failed, module, succeeded, type ModuleSketch } from './cells.ts';

const nas: ModuleSketch = { policy: { limits: [{ key: 'nas', max: 1 }] } };

function problem(cell: TestCell, run: RunNumber, index: number, session: SessionId): string {
  return claimProblem(cell.state, cell.module(run, index), cell.state.sessions.get(session));
}

test('a paused run: nothing new is claimed, what is claimed goes on, resumed it is what it was', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([module('x'), module('y', [0]), module('z')]);
  cell.apply({ type: 'runPause', run, on: true, reason: 'wait' });
  assert.deepEqual(cell.events, [{ type: 'runPaused', run, runId: cell.state.runs.get(run)!.runId, on: true, at: cell.now }]);
  assert.equal(problem(cell, run, 0, session), 'the run is paused');
  cell.apply({ type: 'runPause', run, on: false, reason: '' });
  assert.equal(cell.phase(run), 'queued', 'nothing was claimed before');
  const fence = cell.claim(run, 0, session);
  cell.now += 10;
  cell.apply({ type: 'runPause', run, on: true, reason: 'the disk is full' });
  assert.deepEqual([cell.phase(run), cell.state.runs.get(run)!.paused], ['paused', { reason: 'the disk is full', at: cell.now }]);
  cell.apply({ type: 'runPause', run, on: true, reason: 'another' });
  assert.deepEqual([cell.events, cell.state.runs.get(run)!.paused?.reason], [[], 'the disk is full']);
  assert.equal(cell.result(run, 0, fence, succeeded()), 'accepted');
  assert.deepEqual([cell.module(run, 1).phase, cell.claim(run, 1, session)], ['ready', 0]);
  cell.apply({ type: 'runPause', run, on: false, reason: '' });
  assert.equal(cell.phase(run), 'running');
  assert.ok(cell.claim(run, 1, session) > 0);
});

test('a paused run ends by its last result, or by Cancel, and keeps no pause', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const [one, two] = [cell.submit([module('x')]), cell.submit([module('x')])];
  const fence = cell.claim(one, 0, session);
  for (const run of [one, two]) cell.apply({ type: 'runPause', run, on: true, reason: '' });
  cell.result(one, 0, fence, succeeded());
  cell.apply({ type: 'cancel', run: two, reason: '' });
  assert.deepEqual([one, two].map((run) => [cell.phase(run), cell.state.runs.get(run)!.paused]), [['succeeded', null], ['cancelled', null]]);
  assert.equal(cell.refusal({ type: 'runPause', run: one, on: true, reason: '' }), 'RUN_FINAL');
  assert.equal(cell.refusal({ type: 'runPause', run: 12_345, on: true, reason: '' }), 'RUN_NOT_FOUND');
});

test('what a returning node still executes is its own again, whatever is paused', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([module('x')]);
  const fence = cell.claim(run, 0, session);
  cell.apply({ type: 'sessionExpire', session, reason: 'silent' });
  cell.apply({ type: 'runPause', run, on: true, reason: '' });
  cell.apply({ type: 'queuePause', on: true, reason: 'maintenance' });
  const back = cell.open('a', { running: [{ run, module: 0, fence }] });
  assert.deepEqual([cell.module(run, 0).session, cell.phase(run)], [back, 'paused']);
});

test('a paused queue: no claim of any run, until it is resumed', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([module('x')]);
  cell.apply({ type: 'queuePause', on: true, reason: 'maintenance' });
  assert.deepEqual(cell.events, [{ type: 'queuePaused', on: true, at: cell.now }]);
  assert.deepEqual([problem(cell, run, 0, session), cell.claim(run, 0, session)], ['the queue is paused', 0]);
  cell.apply({ type: 'queuePause', on: true, reason: 'again' });
  assert.deepEqual([cell.events, cell.state.queuePaused?.reason], [[], 'maintenance']);
  cell.apply({ type: 'queuePause', on: false, reason: '' });
  assert.ok(cell.claim(run, 0, session) > 0);
});

test('a limit holds across runs, within one batch, and until the result', () => {
  const cell = new TestCell();
  const [a, b] = [cell.open('a'), cell.open('b')];
  const two = { policy: { limits: [{ key: 'nas', max: 2 }] } };
  const first = cell.submit([module('x', [], nas), module('y', [], two), module('free')]);
  const second = cell.submit([module('x', [], nas), module('y', [], two)]);
  const fences = cell.claims([{ run: first, module: 0, session: a }, { run: second, module: 0, session: b }, { run: second, module: 1, session: b }, { run: first, module: 1, session: a }, { run: first, module: 2, session: a }]);
  assert.deepEqual(fences.map((fence) => fence > 0), [true, false, true, false, true]);
  assert.equal(problem(cell, second, 0, b), 'limit nas has no room');
  assert.deepEqual(holdersOf(cell.state, 'nas').map(({ run, module: index, session }) => [run, index, session]), [[first, 0, a], [second, 1, b]]);
  cell.result(first, 0, fences[0]!, failed());
  cell.result(second, 1, fences[2]!, succeeded());
  assert.deepEqual([holdersOf(cell.state, 'nas'), problem(cell, second, 0, b)], [[], '']);
});

test('whoever is only told to stop holds its limit until its node says that it has', () => {
  for (const how of ['result', 'decline', 'session'] as const) {
    const cell = new TestCell();
    const [a, b] = [cell.open('a'), cell.open('b')];
    const run = cell.submit([module('x', [], nas)]);
    const other = cell.submit([module('y', [], nas)]);
    const fence = cell.claim(run, 0, a);
    cell.apply({ type: 'cancel', run, reason: '' });
    cell.apply({ type: 'retire', runs: [run] });
    assert.equal(cell.claim(other, 0, b), 0, 'it may still write');
    cell.apply({ type: 'release', claims: [{ run, module: 0, fence }], reason: 'lost' });
    assert.equal(cell.claim(other, 0, b), 0, 'a dead socket proves nothing');
    if (how === 'result') cell.apply({ type: 'results', jitter: 0, items: [{ run, module: 0, generation: 1, fence, inputsHash: '', outcome: failed('MODULE_CANCELLED') }] });
    if (how === 'decline') cell.apply({ type: 'release', claims: [{ run, module: 0, fence }], reason: 'declined' });
    if (how === 'session') cell.apply({ type: 'sessionExpire', session: a, reason: 'silent' });
    assert.ok(cell.claim(other, 0, b) > 0, how);
    assert.equal(cell.state.ending.size, 0);
  }
});

test('a node that comes back while it still stops something goes on holding the limit', () => {
  const cell = new TestCell();
  const [a, b] = [cell.open('a'), cell.open('b')];
  void a;
  const run = cell.submit([module('x', [], nas)]);
  const other = cell.submit([module('y', [], nas)]);
  const fence = cell.claim(run, 0, a);
  cell.apply({ type: 'cancel', run, reason: '' });
  cell.open('a', { running: [{ run, module: 0, fence }] });
  assert.equal(cell.claim(other, 0, b), 0);
  cell.open('a');
  assert.ok(cell.claim(other, 0, b) > 0, 'it does not name it any more');
});

test('a limited module is not claimed again before the session of its node has ended', () => {
  const cell = new TestCell();
  const [a, b] = [cell.open('a'), cell.open('b')];
  const run = cell.submit([module('x', [], nas)]);
  const fence = cell.claim(run, 0, a);
  cell.apply({ type: 'release', claims: [{ run, module: 0, fence }], reason: 'lost' });
  assert.equal(cell.module(run, 0).session, a);
  cell.apply({ type: 'sessionExpire', session: a, reason: 'silent' });
  const again = cell.claim(run, 0, b);
  assert.ok(again > fence);
  // The first execution was done before it was killed: that counts, and the second is told to stop.
  assert.equal(cell.result(run, 0, fence, succeeded()), 'accepted');
  assert.deepEqual(holdersOf(cell.state, 'nas').map((seat) => seat.fence), [again]);
});

test('a claim whose limit was given to another meanwhile is not taken back', () => {
  const cell = new TestCell();
  const [a, b] = [cell.open('a'), cell.open('b')];
  const run = cell.submit([module('x', [], nas), module('y', [], nas)]);
  const fence = cell.claim(run, 0, a);
  cell.apply({ type: 'sessionExpire', session: a, reason: 'silent' });
  cell.claim(run, 1, b);
  cell.open('a', { running: [{ run, module: 0, fence }] });
  assert.deepEqual([cell.module(run, 0).phase, cell.module(run, 1).phase], ['ready', 'claimed']);
  assert.equal(cell.result(run, 0, fence, succeeded()), 'accepted', 'its result counts all the same');
});

test('a leader that gives up waiting for a limited module keeps its limit, and its next attempt waits for it', () => {
  const cell = new TestCell();
  const [a, b] = [cell.open('a'), cell.open('b')];
  const run = cell.submit([module('x', [], { ...nas, timeoutMs: 1_000, retry: { attempts: 2, backoffMs: 0 } })]);
  const fence = cell.claim(run, 0, a);
  cell.apply({ type: 'release', claims: [{ run, module: 0, fence }], reason: 'timeout' });
  assert.deepEqual([cell.module(run, 0).phase, problem(cell, run, 0, b)], ['ready', 'limit nas has no room']);
  assert.equal(cell.result(run, 0, fence, failed('MODULE_TIMEOUT')), 'duplicate');
  assert.ok(cell.claim(run, 0, b) > 0);
});

test('max-parallel bounds the claims of one run', () => {
  const cell = new TestCell();
  const session = cell.open('a', { capabilities: { slots: 10 } });
  const run = cell.submit(Array.from({ length: 4 }, (_, i) => module(`m${i}`)), undefined, 'pipeline', { parallelMax: 2 });
  const fences = cell.claims([0, 1, 2].map((index) => ({ run, module: index, session })));
  assert.deepEqual(fences.map((fence) => fence > 0), [true, true, false]);
  assert.equal(problem(cell, run, 2, session), 'the run executes 2 modules already');
  cell.result(run, 0, fences[0]!, succeeded());
  assert.ok(cell.claim(run, 2, session) > 0);
});

test('barrier: a wave begins when all earlier ones have ended, however they did', () => {
  const cell = new TestCell();
  const session = cell.open('a', { capabilities: { slots: 10 } });
  //  fast → next → last      slow → skipped
  const run = cell.submit([module('fast'), module('slow'), module('next', [0]), module('skipped', [1]), module('last', [2])], undefined, 'pipeline', { barrier: 'wave' });
  const [fast, slow] = cell.claims([0, 1].map((index) => ({ run, module: index, session })));
  cell.result(run, 0, fast!, succeeded());
  assert.deepEqual([cell.module(run, 2).phase, cell.module(run, 2).waitingOn], ['waiting', 0]);
  cell.result(run, 1, slow!, failed());
  assert.deepEqual([2, 3, 4].map((index) => cell.module(run, index).phase), ['ready', 'skipped', 'waiting']);
  cell.result(run, 2, cell.claim(run, 2, session), succeeded());
  assert.equal(cell.module(run, 4).phase, 'ready');
  cell.apply({ type: 'cancel', run, reason: '' });
  assert.equal(cell.events.some((event) => event.type === 'module' && event.phase === 'ready'), false, 'nothing becomes ready on its way out');
});
