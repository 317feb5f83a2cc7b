/** Flow control, batching, bounds, and peers that send nonsense. */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import type { MemberId } from '../../../src/core/lib/ids.ts';
import { APPEND_ENTRIES_MAX, COMPACTED_TAIL_ENTRIES_MAX, ENTRY_BYTES_MAX, INFLIGHT_APPENDS_MAX, INFLIGHT_BYTES_MAX, INFLIGHT_BYTES_MIN, READS_PENDING_MAX, UNCOMMITTED_BYTES_MAX } from '../../../src/core/raft/limits.ts';
import type { RaftEffect, RaftMessage } from '../../../src/core/raft/types.ts';
import { Cell, ids, messages, ofType, TIMING } from './support/cell.ts';

function led(voters = 'ABC', standbys = ''): Cell {
  const cell = new Cell({ voters, standbys });
  cell.elect('A');
  cell.advance(TIMING.heartbeatMs);
  return cell;
}

function appendsTo(effects: readonly RaftEffect[], to: string): Extract<RaftMessage, { readonly type: 'append' }>[] {
  return messages(effects).flatMap(({ to: target, message }) => (target === to && message.type === 'append' ? [message] : []));
}

function proposeBytes(cell: Cell, count: number, bytes: number): RaftEffect[] {
  return cell.step('A', { type: 'propose', commands: Array.from({ length: count }, () => new Uint8Array(bytes)) });
}

test('many commands in one proposal make one persist and one Append per follower, which share their entries', () => {
  const cell = led();
  const effects = proposeBytes(cell, 500, 10);
  assert.equal(ofType(effects, 'persist').length, 1);
  const [b, c] = [appendsTo(effects, 'B'), appendsTo(effects, 'C')];
  assert.deepEqual([b.length, c.length, b[0]?.entries.length], [1, 1, 500]);
  assert.equal(b[0]?.entries, c[0]?.entries);
  assert.deepEqual(ofType(effects, 'appended'), [{ type: 'appended', first: 3, count: 500, term: 2 }]);
});

test('what is too much for one Append travels in several', () => {
  const cell = led();
  const sizes = appendsTo(proposeBytes(cell, APPEND_ENTRIES_MAX * 2 + 1, 1), 'B').map((message) => message.entries.length);
  assert.deepEqual(sizes, [APPEND_ENTRIES_MAX, APPEND_ENTRIES_MAX, 1]);
});

test('a follower that does not answer costs a bounded number of Appends, then only heartbeats, and catches up later', () => {
  const cell = led();
  let sent = 0;
  for (let i = 0; i < 3 * INFLIGHT_APPENDS_MAX; i += 1) sent += appendsTo(proposeBytes(cell, 1, 1), 'B').length;
  assert.equal(sent, INFLIGHT_APPENDS_MAX);
  cell.drop('B');
  cell.settle('AC');
  cell.now = cell.raft('A').nextTickAt;
  assert.deepEqual(appendsTo(cell.tick('A'), 'B').map((message) => message.entries.length), [0]);
  cell.advance(3 * TIMING.heartbeatMs);
  assert.equal(cell.raft('B').commitIndex, cell.raft('A').lastIndex);
});

test('and a bounded number of bytes, few until it has answered', () => {
  const cell = led();
  let bytes = 0;
  for (let i = 0; i < 100; i += 1) for (const { entries } of appendsTo(proposeBytes(cell, 1, ENTRY_BYTES_MAX), 'B')) for (const entry of entries) bytes += entry.data.length;
  assert.ok(bytes >= INFLIGHT_BYTES_MIN && bytes <= INFLIGHT_BYTES_MIN + ENTRY_BYTES_MAX, `${bytes}`);
});

test('more of them under way while the answers are quick, fewer when they are slow', () => {
  const cell = led();
  proposeBytes(cell, 200, ENTRY_BYTES_MAX);
  const underWay = (): number => cell.raft('A').load.inflightBytes;
  /** Answers each window after so long. @returns the most bytes under way at once. */
  const play = (answerMs: number, windows: number): number => {
    let most = 0;
    for (let i = 0; i < windows; i += 1) {
      cell.now += answerMs;
      for (const id of 'BC') while (cell.deliver(id) > 0) cell.sync(id);
      cell.sync('A');
      cell.deliver('A');
      most = Math.max(most, underWay());
    }
    return most;
  };
  const quick = play(1, 12);
  assert.ok(quick > INFLIGHT_BYTES_MAX / 2 && quick <= INFLIGHT_BYTES_MAX + 2 * ENTRY_BYTES_MAX, `${quick}`);
  proposeBytes(cell, 100, ENTRY_BYTES_MAX);
  play(TIMING.electionMs / 3, 8);
  assert.ok(underWay() <= INFLIGHT_BYTES_MIN + 2 * ENTRY_BYTES_MAX, `${underWay()} bytes are under way though each answer takes a third of E`);
});

test('many small ones say nothing about how many large ones a link carries, and the answer to an earlier heartbeat neither', () => {
  const cell = led();
  const answered = (): void => {
    cell.now += 1;
    for (const id of 'BC') while (cell.deliver(id) > 0) cell.sync(id);
    cell.sync('A');
    cell.deliver('A');
  };
  for (let round = 0; round < 10; round += 1) {
    for (let i = 0; i < INFLIGHT_APPENDS_MAX; i += 1) proposeBytes(cell, 1, 1);
    answered();
  }
  cell.now = cell.raft('A').nextTickAt;
  cell.tick('A');
  proposeBytes(cell, 100, ENTRY_BYTES_MAX);
  // Answered at once, unlike the entries behind it, which are not synced yet.
  cell.deliver('BC');
  cell.deliver('A');
  const { inflightBytes } = cell.raft('A').load;
  assert.ok(inflightBytes < INFLIGHT_BYTES_MIN + ENTRY_BYTES_MAX, `${inflightBytes}`);
});

test('proposals are refused when too large, when empty, and when too much is uncommitted', () => {
  const cell = led();
  const reason = (effects: readonly RaftEffect[]): string => ofType(effects, 'refused')[0]?.reason ?? 'accepted';
  assert.match(reason(proposeBytes(cell, 1, ENTRY_BYTES_MAX + 1)), /over/);
  assert.match(reason(proposeBytes(cell, 0, 0)), /nothing/);
  assert.match(reason(cell.propose('B', 'x')), /not leader/);
  for (let i = 0; i * ENTRY_BYTES_MAX < UNCOMMITTED_BYTES_MAX; i += 1) assert.equal(reason(proposeBytes(cell, 1, ENTRY_BYTES_MAX)), 'accepted');
  assert.match(reason(proposeBytes(cell, 1, 1)), /not committed/);
  cell.settle();
  assert.equal(reason(proposeBytes(cell, 1, 1)), 'accepted');
});

test('reads that wait are bounded and share their rounds', () => {
  const cell = led();
  let rounds = 0;
  for (let id = 1; id <= READS_PENDING_MAX; id += 1) rounds += appendsTo(cell.step('A', { type: 'readIndex', id }), 'B').length;
  assert.equal(rounds, 1);
  assert.equal(ofType(cell.step('A', { type: 'readIndex', id: 0 }), 'readFailed').length, 1);
  let ready = 0;
  cell.onStep = (_id, _input, effects) => void (ready += ofType(effects, 'readReady').length);
  cell.settle();
  assert.equal(ready, READS_PENDING_MAX);
});

test('a snapshot is asked for again after E if it did not arrive', () => {
  const cell = new Cell({ voters: 'A', others: 'D' });
  cell.elect('A');
  cell.propose('A', 'x');
  cell.settle();
  cell.compact('A');
  cell.crash('A');
  cell.restart('A');
  cell.elect('A');
  const asked: number[] = [];
  cell.onStep = (id, _input, effects) => void (id === 'A' && ofType(effects, 'sendSnapshot').length > 0 && asked.push(cell.now));
  cell.change('A', 'A', 'D');
  cell.advance(3 * TIMING.electionMs - 1);
  assert.equal(cell.raft('A').progress()[0]?.receivesSnapshot, true);
  assert.equal(asked.length, 3);
  const { term, snapshot } = cell.raft('A');
  cell.step('D', { type: 'snapshotArrived', from: ids('A')[0]!, term, meta: snapshot });
  cell.settle();
  assert.deepEqual([cell.raft('A').progress()[0]?.receivesSnapshot, cell.raft('D').lastIndex], [false, cell.raft('A').lastIndex]);
});

test('the log behind a snapshot that is on its way is kept, however often it is compacted meanwhile, and for who catches up after it', () => {
  const cell = new Cell({ voters: 'A', others: 'D' });
  cell.elect('A');
  cell.propose('A', 'x');
  cell.settle();
  cell.compact('A');
  cell.crash('A');
  cell.restart('A');
  cell.elect('A');
  let asked = 0;
  cell.onStep = (id, _input, effects) => void (id === 'A' && (asked += ofType(effects, 'sendSnapshot').length));
  cell.change('A', 'A', 'D');
  cell.advance(TIMING.heartbeatMs);
  assert.equal(asked, 1);
  const work = (): void => {
    for (let i = 0; i < 3; i += 1) {
      cell.propose('A', ...Array.from({ length: COMPACTED_TAIL_ENTRIES_MAX }, (_, at) => String(at)));
      cell.advance(TIMING.heartbeatMs);
      cell.compact('A');
    }
  };
  const { term, snapshot: meta } = cell.raft('A');
  work();
  asked = 0;
  cell.step('D', { type: 'snapshotArrived', from: ids('A')[0]!, term, meta });
  // Its answer is on its way while the log is compacted once more.
  work();
  cell.settle();
  cell.advance(TIMING.heartbeatMs);
  cell.settle();
  assert.deepEqual([asked, cell.raft('D').lastIndex], [0, cell.raft('A').lastIndex]);
  // Who does not answer is not waited for.
  cell.crash('D');
  cell.advance(10 * TIMING.electionMs);
  const before = cell.raft('A').lastIndex;
  work();
  work();
  assert.equal(cell.raft('A').entry(before), undefined);
});

test('a voter set of one commits and reads without anybody', () => {
  const cell = led('A');
  assert.ok(cell.raft('A').mayPlan(cell.now + 1e9));
  cell.propose('A', 'x');
  cell.sync('A');
  assert.equal(cell.raft('A').commitIndex, 3);
});

test('a member that stepped down waits for 2E before it campaigns', () => {
  const cell = led();
  cell.step('A', { type: 'stepDown', reason: 'test' });
  for (const id of 'BC') cell.crash(id);
  cell.advance(2 * TIMING.electionMs - 1);
  assert.equal(cell.raft('A').role, 'follower');
  cell.advance(400);
  assert.equal(cell.raft('A').role, 'preCandidate');
});

test('one that may lead again lets the others stand first, and stands itself if they do not', () => {
  const cell = led();
  cell.step('A', { type: 'stepDown', reason: 'test' });
  cell.step('A', { type: 'resume' });
  for (const id of 'BC') cell.crash(id);
  cell.advance(TIMING.electionMs - 1);
  assert.equal(cell.raft('A').role, 'follower');
  cell.advance(TIMING.electionMs + 1);
  assert.equal(cell.raft('A').role, 'preCandidate');
});

const term = fc.nat(6);
const index = fc.nat(9);
const count = fc.nat(500);
const entries = fc.array(fc.record({ index, term, kind: fc.constantFrom('noop' as const, 'command' as const), data: fc.constant(new Uint8Array(1)) }), { maxLength: 4 });
/** Entries that at least follow each other. */
const series = fc.tuple(index, fc.array(term, { maxLength: 4 })).map(([prevIndex, terms]) => ({
  prevIndex,
  entries: terms.toSorted((a, b) => a - b).map((of, position) => ({ index: prevIndex + 1 + position, term: of, kind: 'command' as const, data: new Uint8Array(1) })),
}));
const nonsense: fc.Arbitrary<RaftMessage> = fc.oneof(
  fc.record({ type: fc.constant('preVote' as const), term, lastIndex: index, lastTerm: term, lostLeader: fc.boolean() }),
  fc.record({ type: fc.constant('preVoteReply' as const), term, requestTerm: term, granted: fc.boolean() }),
  fc.record({ type: fc.constant('vote' as const), term, lastIndex: index, lastTerm: term, transfer: fc.boolean() }),
  fc.record({ type: fc.constant('voteReply' as const), term, granted: fc.boolean() }),
  fc.record({ type: fc.constant('append' as const), term, prevIndex: index, prevTerm: term, entries, commit: index, sentAt: count, round: count }),
  fc.tuple(series, term, term, index).map(([item, of, prevTerm, commit]) => ({ type: 'append' as const, term: of, prevTerm, commit, sentAt: 0, round: 1, ...item })),
  fc.record({ type: fc.constant('appendReply' as const), term, ok: fc.boolean(), index, hintTerm: term, sentAt: count, round: count }),
  fc.record({ type: fc.constant('timeoutNow' as const), term, lastIndex: index, lastTerm: term }),
);

test('whatever peers send, a member lives and what it has committed stays', () => {
  fc.assert(
    fc.property(fc.constantFrom('A', 'B'), fc.array(fc.tuple(fc.constantFrom('A', 'B', 'C', 'D', 'X'), nonsense, fc.nat(3)), { maxLength: 40 }), (id, mail) => {
      const cell = new Cell({ voters: 'ABC', standbys: 'D', checked: false });
      cell.elect('A');
      cell.propose('A', 'x', 'y');
      cell.settle();
      for (const [from, message, then] of mail) {
        const { commitIndex } = cell.raft(id);
        const committed = cell.raft(id).entries(1, commitIndex);
        if (from !== id) cell.receive(id, from, message);
        if (then === 1) cell.sync(id);
        if (then === 2) {
          cell.now += 300;
          cell.tick(id);
        }
        if (then === 3) cell.step(id, { type: 'snapshotArrived', from: from as MemberId, term: message.term, meta: { index: 2, term: 2, config: cell.raft(id).config } });
        assert.deepEqual(cell.raft(id).entries(1, commitIndex), committed);
        assert.ok(cell.raft(id).commitIndex >= commitIndex);
      }
    }),
    { numRuns: 1500 },
  );
});
