/** Checks of the fsync rules (PROTOCOL §1) and of membership, reads, snapshots and replication (§5 and Raft itself). */
import assert from 'node:assert/strict';
import { INFLIGHT_APPENDS_MAX } from '../../../../src/core/raft/limits.ts';
import type { RaftEffect, RaftMessage, SnapshotMeta } from '../../../../src/core/raft/types.ts';
import { Cell, ids, messages, ofType, TIMING } from './cell.ts';
import { led, type Rule } from './rules.ts';

const E = TIMING.electionMs;

/** The one persist effect, and that nothing of this type left before it. */
function persistCarrying(effects: readonly RaftEffect[], type: RaftMessage['type']): Extract<RaftEffect, { readonly type: 'persist' }> {
  assert.deepEqual(ofType(effects, 'send').filter((effect) => effect.message.type === type), [], `${type} left before its sync`);
  const [persist] = ofType(effects, 'persist');
  assert.ok(persist !== undefined && persist.messages.some((item) => item.message.type === type), `no persist carries ${type}`);
  return persist;
}

const fsync: Rule[] = [
  {
    rule: 'fsync (a)',
    name: 'a reply stamped with a new term waits until that term is synced',
    check(mutants) {
      const cell = new Cell({ voters: 'ABC', mutants });
      const refused = persistCarrying(cell.receive('B', 'C', { type: 'vote', term: 7, lastIndex: 0, lastTerm: 0, transfer: false }), 'voteReply');
      assert.deepEqual(refused.hard, { term: 7, votedFor: '' });
      // Still on its way to the disk, so the next reply waits too.
      const later = persistCarrying(cell.receive('B', 'C', { type: 'preVote', term: 3, lastIndex: 9, lastTerm: 9, lostLeader: false }), 'preVoteReply');
      assert.equal(later.hard, undefined);
      cell.sync('B');
      assert.equal(ofType(cell.receive('B', 'C', { type: 'preVote', term: 3, lastIndex: 9, lastTerm: 9, lostLeader: false }), 'send').length, 1);
    },
  },
  {
    rule: 'fsync (b)',
    name: 'a vote, granted or for oneself, waits until term and vote are synced',
    check(mutants) {
      const cell = new Cell({ voters: 'ABC', mutants });
      const granted = persistCarrying(cell.receive('B', 'C', { type: 'vote', term: 7, lastIndex: 1, lastTerm: 1, transfer: false }), 'voteReply');
      assert.deepEqual(granted.hard, { term: 7, votedFor: 'C' });
      cell.campaign('A');
      cell.deliver('BC');
      for (const id of 'BC') cell.sync(id);
      cell.drop('BC');
      const own = new Cell({ voters: 'A', mutants });
      own.campaign('A');
      assert.equal(own.raft('A').role, 'candidate');
      own.sync('A');
      assert.equal(own.raft('A').role, 'leader');
    },
  },
  {
    rule: 'fsync (c)',
    name: 'an accepted Append is acknowledged once its entries, truncation included, are synced',
    check(mutants) {
      const cell = led('ABC', mutants);
      cell.isolate('A');
      cell.propose('A', 'lost');
      cell.sync('A');
      cell.advance(4 * E);
      const { leader } = cell;
      cell.heal();
      cell.now = cell.raft(leader).nextTickAt;
      cell.tick(leader);
      cell.deliver('A');
      cell.sync('A');
      cell.deliver(leader);
      const append = cell.mail.find((item) => item.to === 'A' && item.message.type === 'append' && item.message.entries.length > 0)!;
      const persist = persistCarrying(cell.receive('A', leader, append.message), 'appendReply');
      assert.deepEqual([persist.truncateAfter, persist.entries[0]?.index], [2, 3]);
    },
  },
  {
    rule: 'fsync (c)',
    name: 'the leader counts itself only after its own sync',
    check(mutants) {
      const cell = led('ABC', mutants);
      const effects = cell.propose('A', 'x');
      assert.equal(ofType(effects, 'send').filter((effect) => effect.message.type === 'append').length, 2, 'sent in parallel with the own sync');
      cell.deliver('B');
      cell.sync('B');
      cell.deliver('A');
      assert.equal(cell.raft('A').commitIndex, 2);
      cell.sync('A');
      assert.equal(cell.raft('A').commitIndex, 3);
      const alone = led('A', mutants);
      assert.deepEqual(ofType(alone.propose('A', 'x'), 'commit'), []);
      alone.sync('A');
      assert.equal(alone.raft('A').commitIndex, 3);
    },
  },
  {
    rule: 'fsync (d)',
    name: 'a snapshot is acknowledged once it is in force on disk',
    check(mutants) {
      const cell = new Cell({ voters: 'ABC', others: 'D', mutants });
      const meta: SnapshotMeta = { index: 10, term: 3, config: cell.raft('A').config };
      const persist = persistCarrying(cell.step('D', { type: 'snapshotArrived', from: ids('A')[0]!, term: 3, meta }), 'appendReply');
      assert.deepEqual([persist.snapshot, persist.hard?.term], [meta, 3]);
      assert.deepEqual([cell.raft('D').lastIndex, cell.raft('D').commitIndex, cell.raft('D').persistedIndex], [10, 10, 0]);
      cell.sync('D');
      assert.equal(cell.raft('D').persistedIndex, 10);
    },
  },
];

const joint: Rule[] = [
  {
    rule: '§5',
    name: 'a joint configuration needs both majorities',
    check(mutants) {
      const cell = led('ABC', mutants, 'DE');
      cell.isolate('B');
      cell.isolate('C');
      cell.change('A', 'ADE');
      cell.settle();
      assert.equal(cell.raft('A').commitIndex, 2);
      assert.ok(cell.raft('A').configChangePending);
      cell.heal();
      cell.advance(2 * TIMING.heartbeatMs);
      assert.deepEqual([cell.raft('A').committedConfig.voters, cell.raft('A').configChangePending], [['A', 'D', 'E'], false]);
    },
  },
  {
    rule: '§5',
    name: 'a leader that leaves hands over inside the joint phase, and the next one appends the final entry',
    check(mutants) {
      const cell = led('ABC', mutants);
      cell.change('A', 'B', 'C');
      cell.settle();
      assert.deepEqual([cell.raft('A').config.outgoing, cell.raft('A').commitIndex], [['A', 'B', 'C'], 3]);
      cell.transfer('A', 'B');
      cell.advance(E);
      assert.deepEqual(cell.raft('B').committedConfig, { voters: ['B'], outgoing: [], standbys: ['C'], removed: [] });
      assert.equal(cell.leader, 'B');
      // The leaver is told, so that it may go, and does not campaign.
      assert.deepEqual(cell.raft('A').committedConfig.voters, ['B']);
      cell.advance(10 * E);
      assert.deepEqual([cell.leader, cell.raft('A').role], ['B', 'follower']);
    },
  },
  {
    rule: '§5',
    name: 'who loses its vote gets the final configuration only once it is committed',
    check(mutants) {
      const cell = led('ABC', mutants);
      cell.change('A', 'A', 'BC');
      cell.sync('A');
      cell.deliver('BC');
      for (const id of 'BC') cell.sync(id);
      cell.deliver('A');
      assert.deepEqual([cell.raft('A').config.outgoing, cell.raft('A').lastIndex], [[], 4]);
      cell.deliver('BC');
      for (const id of 'BC') cell.sync(id);
      // The power fails before A has synced the final entry; whoever holds it now may not vote A down.
      cell.crash('A');
      cell.restart('A');
      cell.advance(8 * E);
      assert.equal(cell.leader, 'A');
      assert.deepEqual(cell.raft('A').committedConfig.voters, ['A']);
    },
  },
  {
    rule: '§5',
    name: 'nobody becomes a voter before it acked the last index, synced, within E',
    check(mutants) {
      const cell = led('ABC', mutants, 'D');
      cell.isolate('D');
      cell.propose('A', 'x');
      cell.settle();
      cell.advance(2 * E);
      assert.match(ofType(cell.change('A', 'ABD'), 'refused')[0]?.reason ?? '', /caught up/);
      cell.heal();
      cell.advance(3 * TIMING.heartbeatMs);
      assert.equal(ofType(cell.change('A', 'ABD'), 'appended').length, 1);
    },
  },
  {
    rule: '§5',
    name: 'illegal changes are refused with a reason',
    check(mutants) {
      const cell = led('ABC', mutants, 'D');
      const refusal = (...change: readonly [string, string?, string?]): string => ofType(cell.change('A', ...change), 'refused')[0]?.reason ?? 'accepted';
      assert.match(ofType(cell.change('B', 'A'), 'refused')[0]?.reason ?? '', /not leader/);
      assert.match(refusal('AB', 'D'), /2 voters/);
      assert.match(refusal('', 'D'), /0 voters/);
      assert.match(refusal('ABC', 'A'), /twice/);
      assert.match(refusal('ABC', 'D'), /nothing/);
      assert.match(refusal('ABX'), /caught up/);
      assert.match(refusal('ABC', 'DEFGHIJ'), /standbys/);
      assert.match(refusal('ABC', 'D', 'D'), /removed/);
      cell.change('A', 'ABC', '', 'D');
      assert.match(refusal('A'), /pending/);
      cell.settle();
      assert.match(refusal('ABC', 'D'), /removed/);
      cell.transfer('A', 'B');
      assert.match(refusal('A'), /transferred/);
    },
  },
  {
    rule: '§5',
    name: 'a disk that was rolled back raises an alarm',
    check(mutants) {
      const cell = led('ABC', mutants);
      cell.propose('A', 'x', 'y');
      cell.settle();
      cell.crash('B');
      const { disk } = cell.member('B');
      disk.entries = disk.entries.slice(0, 2);
      cell.restart('B');
      const alarms: RaftEffect[] = [];
      cell.onStep = (id, _input, effects) => void (id === 'A' && alarms.push(...ofType(effects, 'alarm')));
      cell.advance(E);
      assert.equal(alarms.length, 1);
      assert.equal(alarms[0]?.type === 'alarm' && alarms[0].member, 'B');
      assert.equal(cell.raft('B').lastIndex, cell.raft('A').lastIndex);
    },
  },
];

const logs: Rule[] = [
  {
    rule: 'Raft §5.4.1',
    name: 'a vote goes only to a log that is up to date',
    check(mutants) {
      const cell = new Cell({ voters: 'ABC', mutants });
      const [persist] = ofType(cell.receive('B', 'C', { type: 'vote', term: 7, lastIndex: 0, lastTerm: 0, transfer: false }), 'persist');
      assert.deepEqual(persist?.hard, { term: 7, votedFor: '' });
    },
  },
  {
    rule: 'Raft §7',
    name: 'a snapshot of a prefix that the log has keeps the acked entries after it; an old one is answered all the same',
    check(mutants) {
      const cell = led('ABC', mutants);
      cell.propose('A', 'x', 'y', 'z');
      cell.sync('A');
      cell.deliver('B');
      cell.sync('B');
      const meta: SnapshotMeta = { index: 4, term: 2, config: cell.raft('B').config };
      const effects = cell.step('B', { type: 'snapshotArrived', from: ids('A')[0]!, term: 2, meta });
      assert.deepEqual([cell.raft('B').lastIndex, cell.raft('B').commitIndex], [5, 4]);
      assert.deepEqual(messages(effects).map((item) => item.message.type === 'appendReply' && item.message.ok && item.message.index), [4]);
      const stale = cell.step('B', { type: 'snapshotArrived', from: ids('A')[0]!, term: 2, meta: { ...meta, index: 2 } });
      assert.deepEqual([ofType(stale, 'persist'), messages(stale).length], [[], 1]);
    },
  },
  {
    rule: 'ReadIndex',
    name: 'a read is confirmed by answers to what was sent after it was asked, never by older ones',
    check(mutants) {
      const cell = led('ABC', mutants);
      cell.now = cell.raft('A').nextTickAt;
      cell.tick('A');
      cell.deliver('BC');
      const older = cell.mail;
      cell.mail = [];
      const asked = cell.step('A', { type: 'readIndex', id: 5 });
      assert.equal(ofType(asked, 'readReady').length, 0);
      for (const item of older) assert.equal(ofType(cell.receive('A', item.from, item.message), 'readReady').length, 0);
      cell.deliver('B');
      const reply = cell.mail.find((item) => item.to === 'A')!;
      assert.deepEqual(ofType(cell.receive('A', 'B', reply.message), 'readReady'), [{ type: 'readReady', id: 5, index: 2 }]);
      cell.step('A', { type: 'readIndex', id: 6 });
      assert.deepEqual(ofType(cell.step('A', { type: 'stepDown', reason: 'test' }), 'readFailed'), [{ type: 'readFailed', id: 6 }]);
      const alone = led('A', mutants);
      assert.equal(ofType(alone.step('A', { type: 'readIndex', id: 1 }), 'readReady').length, 1);
    },
  },
  {
    rule: 'planner lease',
    name: 'a leader that nobody answers plans no more once the lease is over',
    check(mutants) {
      const cell = led('ABC', mutants);
      assert.ok(cell.raft('A').mayPlan(cell.now));
      cell.isolate('A');
      cell.advance(TIMING.plannerLeaseMs);
      assert.deepEqual([cell.raft('A').role, cell.raft('A').mayPlan(cell.now)], ['leader', false]);
    },
  },
  {
    rule: 'S26',
    name: 'a follower that answers nothing is sent no more than its window',
    check(mutants) {
      const cell = led('ABC', mutants);
      for (let i = 0; i < 2 * INFLIGHT_APPENDS_MAX; i += 1) cell.propose('A', 'x');
      assert.equal(cell.raft('A').load.inflightAppends, INFLIGHT_APPENDS_MAX);
    },
  },
];

export const diskRules: readonly Rule[] = [...fsync, ...joint, ...logs];
