/**
 * Modules with large inputs go where they are done first: the wait for room, plus what has to come over what the node
 * receives in a second. They may wait for a node without room, but nobody else does so for them, and not for long.
 */
import { strict as assert } from 'node:assert';
import test from 'node:test';
import type { FilesRef, ModuleSpec, Outcome, ResultItem } from '../../../src/core/cell/types.ts';
import { inputsHashOf } from '../../../src/core/cell/inputs.ts';
import { moduleAt } from '../../../src/core/cell/state.ts';
import { nodeId, type Cid, type RunNumber, type SessionId } from '../../../src/core/lib/ids.ts';
import { Explainer, type Explanation } from '../../../src/core/plan/explain.ts';
import { BYTES_PER_SECOND_UNKNOWN, HOLDER_LOOK_MS, HOLDER_WAIT_MS_MAX, HOLDER_WAITS_MAX } from '../../../src/core/plan/limits.ts';
import { module, succeeded } from '../cell/cells.ts';
import { offers, PlannedCell } from './planned-cell.ts';

const MIB = 1024 * 1024;
let files = 0;
const file = (size: number): FilesRef => ({ kind: 'file', cid: `file-${++files}` as Cid, name: 'f', size, count: 1 });
const maker = (name: string): ModuleSpec => module(name, [], { files: { inputs: [], outputs: [{ name: 'f', pattern: 'f' }] } });
const taker = (name: string, needs: readonly number[]): ModuleSpec => module(name, needs, { files: { inputs: needs.map((need) => ({ variable: `F${need}`, module: need, output: 'f' })), outputs: [] } });
const left = (size: number): Outcome => ({ ...succeeded(), files: { f: file(size) } });

function made(cell: PlannedCell, run: RunNumber, index: number, session: SessionId, node: string, size: number): void {
  assert.equal(cell.result(run, index, cell.claim(run, index, session), left(size), { holders: [nodeId(node)] }), 'accepted');
}

/** Three nodes of which `a` is the least used and `c` the most. */
function lab(): { cell: PlannedCell; sessions: Record<'a' | 'b' | 'c', SessionId> } {
  const cell = new PlannedCell();
  const sessions = { a: cell.open('a', { capabilities: { slots: 8 } }), b: cell.open('b', { capabilities: { slots: 4 } }), c: cell.open('c', { capabilities: { slots: 3 } }) };
  const filler = cell.submit([module('filler', [], { durationMs: 60_000 })]);
  cell.claim(filler, 0, sessions.c);
  return { cell, sessions };
}

test('the node that has the most of the inputs gets the module; of several the one with most room', () => {
  const { cell, sessions } = lab();
  const run = cell.submit([maker('x'), maker('y'), taker('both', [0, 1]), taker('second', [0, 1])]);
  made(cell, run, 0, sessions.b, 'b', 10 * MIB);
  made(cell, run, 1, sessions.c, 'c', 30 * MIB);
  assert.deepEqual(cell.plan().map((item) => item.session), [sessions.c, sessions.c]);
});

test('where it had better not wait for room it goes elsewhere, and little goes anywhere', () => {
  const { cell, sessions } = lab();
  const run = cell.submit([maker('x'), ...['one', 'two', 'three'].map((name) => ({ ...taker(name, [0]), durationMs: 60_000 }))]);
  made(cell, run, 0, sessions.c, 'c', 100 * MIB);
  assert.deepEqual(cell.plan().map((item) => item.session), [sessions.c, sessions.c, sessions.a]);
  const small = lab();
  const other = small.cell.submit([maker('x'), taker('one', [0])]);
  made(small.cell, other, 0, small.sessions.c, 'c', MIB);
  assert.deepEqual(small.cell.plan().map((item) => item.session), [small.sessions.a]);
});

/** Node c has a file that takes so long to bring to b, and is full for a second. Node b is idle. */
function busy(moveMs: number, durationsMs: readonly number[]): { cell: PlannedCell; sessions: Record<'b' | 'c', SessionId>; run: RunNumber } {
  const cell = new PlannedCell();
  const sessions = { b: cell.open('b', { capabilities: { slots: 2 } }), c: cell.open('c', { capabilities: { slots: 1 } }) };
  const run = cell.submit([maker('x'), ...durationsMs.map((durationMs, at) => ({ ...taker(`t${at}`, [0]), durationMs }))]);
  made(cell, run, 0, sessions.c, 'c', (BYTES_PER_SECOND_UNKNOWN * moveMs) / 1000);
  cell.claim(cell.submit([module('filler', [], { durationMs: 1_000 })]), 0, sessions.c);
  return { cell, sessions, run };
}

const placed = (cell: PlannedCell, session: SessionId): string[] => cell.plan().filter((item) => item.session === session).map((item) => cell.state.runs.get(item.run)!.spec.modules[item.module]!.name);

test('it waits for a holder without room while that takes less time than to bring the file elsewhere', () => {
  for (const [moveMs, waits] of [[900, false], [1_000, false], [1_100, true]] as const) {
    const { cell, sessions } = busy(moveMs, [10]);
    assert.deepEqual(placed(cell, sessions.b), waits ? [] : ['t0'], `${moveMs} ms`);
    assert.equal(cell.planner.nextWakeAt(cell.now), waits ? cell.now + HOLDER_LOOK_MS : Infinity);
  }
});

test('those that wait already count: the second one waits for the first', () => {
  const { cell, sessions } = busy(5_000, [6_000, 2_000, 1_000]);
  // Longest first: t0 after 1 s, and nobody else before 7 s; t2 finds the file where t1 brings it.
  assert.deepEqual(placed(cell, sessions.b), ['t1', 't2']);
});

test('what others can use does not stand idle for it', () => {
  const { cell, sessions, run } = busy(60_000, [10, 20]);
  const other = cell.submit([module('a', [], { durationMs: 5 }), module('b', [], { durationMs: 5 }), module('c', [], { durationMs: 5 })]);
  assert.deepEqual(cell.claimAll().map((item) => [item.run, item.session]), [[other, sessions.b], [other, sessions.b]]);
  assert.deepEqual([0, 1].map((at) => cell.module(run, 1 + at).phase), ['ready', 'ready']);
});

test('who waits has its turn when there is room, before those that come after it', () => {
  const { cell, sessions } = busy(60_000, [10, 20]);
  assert.deepEqual(cell.plan(), []);
  const filler = [...cell.state.sessions.get(sessions.c)!.claims.values()][0]!;
  cell.result(filler.run.number, 0, filler.fence, succeeded());
  cell.submit([module('late', [], { durationMs: 1 })]);
  assert.deepEqual(placed(cell, sessions.c), ['t1']);
});

test('who takes longer than predicted is waited for as long again as it is late, at most', () => {
  const { cell, sessions } = busy(3_000, [10]);
  const [from] = [cell.now];
  for (const [afterMs, waits] of [[900, true], [2_000, true], [3_900, true], [4_001, false]] as const) {
    cell.now = from + afterMs;
    assert.deepEqual(placed(cell, sessions.b), waits ? [] : ['t0'], `after ${afterMs} ms`);
  }
});

test('nobody waits for longer than the limit, however often the holder seemed to be free soon', () => {
  const { cell, sessions } = busy(3_600_000, [10]);
  assert.deepEqual(cell.plan(), []);
  const first = cell.now;
  for (let n = 0; cell.now < first + HOLDER_WAIT_MS_MAX; n++) {
    assert.deepEqual(placed(cell, sessions.b), []);
    // Somebody of higher rank takes the room each time.
    const [running] = cell.state.sessions.get(sessions.c)!.claims.values();
    cell.result(running!.run.number, 0, running!.fence, succeeded());
    cell.claim(cell.submit([module('next', [], { durationMs: 59_000 })]), 0, sessions.c);
    cell.now = Math.min(cell.now + 60_000, first + HOLDER_WAIT_MS_MAX);
  }
  assert.deepEqual(placed(cell, sessions.b), ['t0']);
});

test('as many wait as may; the others go where there is room', () => {
  const { cell, sessions } = busy(3_600_000, Array.from({ length: HOLDER_WAITS_MAX + 2 }, () => 1));
  assert.equal(placed(cell, sessions.b).length, 2);
  const few = busy(3_600_000, Array.from({ length: HOLDER_WAITS_MAX }, () => 1));
  assert.deepEqual(placed(few.cell, few.sessions.b), []);
});

test('the faster network counts, and what nobody has comes over it as well', () => {
  const { cell, sessions } = lab();
  const run = cell.submit([maker('x'), taker('one', [0])]);
  made(cell, run, 0, sessions.c, 'c', 100 * MIB);
  const blocker = cell.submit([module('p', [], { durationMs: 60_000 }), module('q', [], { durationMs: 60_000 })]);
  for (const index of [0, 1]) cell.claim(blocker, index, sessions.c);
  const speeds = { [sessions.a]: 50 * MIB, [sessions.b]: 200 * MIB };
  const sessionsWith = offers(cell.state).map((offer) => ({ ...offer, bytesPerSecond: speeds[offer.session] ?? 0 }));
  assert.deepEqual(cell.plan(sessionsWith).map((item) => item.session), [sessions.b]);
});

test('a node that was given the same file has it then', () => {
  const { cell, sessions } = lab();
  const run = cell.submit([maker('x'), ...Array.from({ length: 5 }, (_, n) => ({ ...taker(`t${n}`, [0]), durationMs: 3_600_000 }))]);
  made(cell, run, 0, sessions.c, 'c', 1000 * MIB);
  // Two on c; then one on a, which is emptier than b, and so all the others.
  assert.deepEqual(cell.claimAll().map((item) => item.session), [sessions.c, sessions.c, sessions.a, sessions.a, sessions.a]);
});

test('what is claimed right behind a result goes to where that result was made', () => {
  const { cell, sessions } = lab();
  const run = cell.submit([maker('x'), taker('one', [0])]);
  const item: ResultItem = { run, module: 0, generation: 1, fence: cell.claim(run, 0, sessions.c), inputsHash: inputsHashOf(cell.state, run, 0), outcome: left(50 * MIB), holders: [nodeId('c')] };
  cell.planner.advance();
  cell.planner.foresee(cell.state, [item]);
  assert.deepEqual(cell.plan().map(({ module: index, session }) => [index, session]), [[1, sessions.c]]);
});

test('the explanation says what would have to be fetched', () => {
  const { cell, sessions } = lab();
  const run = cell.submit([maker('x'), taker('one', [0])]);
  made(cell, run, 0, sessions.c, 'c', 50 * MIB);
  const { nodes, placement } = new Explainer(cell.state).module(moduleAt(cell.state, run, 1)!);
  assert.deepEqual(nodes.map(({ node, text }) => [node, text.split('; ')[1]]), [['node-a', '50 MiB of its 50 MiB of input files are elsewhere'], ['node-b', '50 MiB of its 50 MiB of input files are elsewhere'], ['node-c', 'has all of its input files']]);
  assert.equal(placement, null, 'only who leads knows');
});

function explained(cell: PlannedCell, run: RunNumber, index: number): Explanation {
  return new Explainer(cell.state, { now: cell.now, placements: cell.planner.placements(cell.state, cell.now, offers(cell.state)) }).module(moduleAt(cell.state, run, index)!);
}

test('the explanation has the figures of each node, and says why one was chosen', () => {
  const { cell, sessions } = lab();
  const run = cell.submit([maker('x'), { ...taker('one', [0]), durationMs: 7_000 }, module('small', [], { durationMs: 5 })]);
  made(cell, run, 0, sessions.c, 'c', 50 * MIB);
  const estimateAt = (node: string, bytesToMove: number, moveMs: number): unknown => ({ node: `node-${node}`, nodeId: node, waitMs: 0, bytesToMove, bytesPerSecond: BYTES_PER_SECOND_UNKNOWN, moveMs, predictedMs: 7_000, sumMs: 7_000 + moveMs });
  const nodes = [estimateAt('c', 0, 0), estimateAt('a', 50 * MIB, 500), estimateAt('b', 50 * MIB, 500)];
  const whyChosen = { node: 'node-c', nodeId: 'c', why: 'it is done first there: 7.0 s in all, next is node-a with 7.5 s', waits: false, waitedMs: 0, inputBytes: 50 * MIB, nodes };
  assert.deepEqual(explained(cell, run, 1).placement, whyChosen);
  assert.match(explained(cell, run, 2).placement!.why, /^the node with room that is loaded least: it takes no files$/);
  cell.claimAll();
  cell.now += 3_000;
  assert.deepEqual(explained(cell, run, 1).placement, whyChosen, 'as it was when it was claimed');
  assert.equal(explained(cell, run, 2).placement, null);
  const [fence] = [cell.module(run, 1).fence];
  cell.result(run, 1, fence, succeeded());
  assert.equal(explained(cell, run, 1).placement, null);
});

test('the explanation says that it waits for a holder, and for how long', () => {
  const { cell, run } = busy(60_000, [10]);
  cell.plan();
  cell.now += 400;
  const { summary, reasons, placement } = explained(cell, run, 1);
  assert.deepEqual(reasons.map(({ code }) => code), ['holder']);
  assert.equal(summary, 'waits for node-c, which has all of its inputs and has room in about 0.6 s: elsewhere they would have to come first (for 10 min at most)');
  assert.equal(placement!.why, 'it is done first there: 0.6 s of waiting, and it has all of the inputs, next is node-b with 60 s');
  assert.deepEqual([placement!.waits, placement!.waitedMs], [true, 400]);
  cell.now += HOLDER_WAIT_MS_MAX;
  assert.deepEqual(explained(cell, run, 1).reasons.map(({ code }) => code), ['soon']);
});
