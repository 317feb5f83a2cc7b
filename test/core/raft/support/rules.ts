/**
 * One check per sentence of PROTOCOL §3, rules 1–7 here. Each runs against the core as it is (rules.test.ts) and against the core with
 * one rule switched off (mutants.test.ts), where at least one has to fail.
 */
import assert from 'node:assert/strict';
import type { RaftEffect, RaftMessage } from '../../../../src/core/raft/types.ts';
import { Cell, messages, ofType, TIMING } from './cell.ts';

export interface Rule {
  /** Name as in PROTOCOL, e.g. `rule 1`. */
  readonly rule: string;
  readonly name: string;
  readonly check: (mutants: ReadonlySet<string>) => void;
}

const E = TIMING.electionMs;

export function only<T extends RaftMessage['type']>(effects: readonly RaftEffect[], type: T): Extract<RaftMessage, { readonly type: T }> {
  const found = messages(effects).filter((item) => item.message.type === type);
  assert.equal(found.length, 1, `want one ${type}, got ${JSON.stringify(messages(effects))}`);
  return found[0]!.message as Extract<RaftMessage, { readonly type: T }>;
}

/** A cell of `voters` led by A. */
export function led(voters: string, mutants: ReadonlySet<string>, standbys = ''): Cell {
  const cell = new Cell({ voters, standbys, mutants });
  cell.elect('A');
  cell.advance(TIMING.heartbeatMs);
  return cell;
}

/** Of the leader A. */
function timeoutNow(cell: Cell): RaftMessage {
  const { term, lastIndex, lastTerm } = cell.raft('A');
  return { type: 'timeoutNow', term, lastIndex, lastTerm };
}

export function preVote(cell: Cell, of: string, change: Partial<Extract<RaftMessage, { readonly type: 'preVote' }>> = {}): RaftMessage {
  const raft = cell.raft(of);
  return { type: 'preVote', term: raft.term + 1, lastIndex: raft.lastIndex, lastTerm: raft.lastTerm, lostLeader: false, ...change };
}

export function vote(cell: Cell, of: string, change: Partial<Extract<RaftMessage, { readonly type: 'vote' }>> = {}): RaftMessage {
  const raft = cell.raft(of);
  return { type: 'vote', term: raft.term + 1, lastIndex: raft.lastIndex, lastTerm: raft.lastTerm, transfer: false, ...change };
}

const elections: Rule[] = [
  {
    rule: 'rule 1',
    name: 'a voter that was cut off comes back without a new term',
    check(mutants) {
      const cell = led('ABC', mutants);
      const { term } = cell.raft('A');
      cell.isolate('C');
      cell.advance(5 * E);
      assert.equal(cell.raft('C').term, term);
      cell.heal();
      cell.advance(E);
      assert.deepEqual([cell.leader, cell.raft('A').term], ['A', term]);
    },
  },
  {
    rule: 'rule 1',
    name: 'PreVote is answered with a rejection while a leader is heard, and the answer echoes its term',
    check(mutants) {
      const cell = led('ABC', mutants);
      const { term } = cell.raft('B');
      const reply = only(cell.receive('B', 'C', preVote(cell, 'B')), 'preVoteReply');
      assert.deepEqual(reply, { type: 'preVoteReply', term, requestTerm: term + 1, granted: false });
    },
  },
  {
    rule: 'rule 1',
    name: 'PreVote is granted only to a log that is up to date',
    check(mutants) {
      const cell = led('ABC', mutants);
      cell.now += 3 * E;
      const ask = (change: { readonly lastIndex?: number; readonly lastTerm?: number }): boolean => only(cell.receive('B', 'C', preVote(cell, 'B', change)), 'preVoteReply').granted;
      assert.equal(ask({ lastIndex: 1 }), false);
      assert.equal(ask({ lastTerm: 1, lastIndex: 99 }), false);
      assert.equal(ask({}), true);
    },
  },
  {
    rule: 'rule 1',
    name: 'the term in a rejection is adopted and synced: a long log with a low term is not blocked by a short one with a high term',
    check(mutants) {
      const cell = led('ABC', mutants);
      cell.isolate('B');
      cell.propose('A', 'x', 'y');
      cell.advance(E / 2);
      for (const id of 'ABC') cell.crash(id);
      cell.member('B').disk.hard = { term: 9, votedFor: '' };
      cell.heal();
      cell.restart('A');
      cell.restart('B');
      cell.advance(6 * E);
      assert.equal(cell.leader, 'A');
      assert.ok(cell.member('A').disk.hard.term >= 9);
    },
  },
  {
    rule: 'rule 2',
    name: 'a transfer completes at once, without PreVote, although everybody hears the old leader',
    check(mutants) {
      const cell = led('ABC', mutants);
      cell.transfer('A', 'B');
      const effects = cell.receive('B', 'A', timeoutNow(cell));
      assert.ok(messages(effects).every((item) => item.message.type === 'vote' && item.message.transfer));
      cell.settle();
      assert.equal(cell.leader, 'B');
    },
  },
  {
    rule: 'rule 2',
    name: 'while it hands over a leader appends nothing and has no planner lease, and goes on if the target does not answer',
    check(mutants) {
      const cell = led('ABC', mutants);
      cell.cut('A', 'B');
      cell.propose('A', 'x');
      cell.settle();
      assert.ok(cell.raft('A').mayPlan(cell.now));
      assert.deepEqual(messages(cell.transfer('A', 'B')).map(({ message }) => message.type), ['timeoutNow']);
      assert.equal(cell.raft('A').transferTarget, 'B');
      assert.equal(cell.raft('A').mayPlan(cell.now), false);
      assert.equal(ofType(cell.propose('A', 'y'), 'refused').length, 1);
      cell.advance(E + TIMING.heartbeatMs);
      assert.equal(cell.raft('A').transferTarget, '');
      assert.equal(ofType(cell.propose('A', 'y'), 'appended').length, 1);
    },
  },
  {
    rule: 'rule 2',
    name: 'the target of a transfer campaigns only with the last entry of the leader, which may travel just before TimeoutNow',
    check(mutants) {
      const cell = led('ABC', mutants);
      cell.cut('A', 'B');
      cell.propose('A', 'x');
      cell.transfer('A', 'B');
      assert.deepEqual(messages(cell.receive('B', 'A', timeoutNow(cell))), []);
      assert.equal(cell.raft('B').role, 'follower');
      cell.heal();
      cell.advance(2 * TIMING.heartbeatMs);
      cell.settle();
      assert.equal(cell.leader, 'B');
    },
  },
  {
    rule: 'rule 2',
    name: 'leadership goes to voters only',
    check(mutants) {
      const cell = led('ABC', mutants, 'D');
      assert.equal(ofType(cell.transfer('A', 'D'), 'refused').length, 1);
      assert.deepEqual(cell.receive('D', 'A', timeoutNow(cell)), []);
    },
  },
  {
    rule: 'rule 3',
    name: 'Vote is ignored for E after the last word of a leader, its term too',
    check(mutants) {
      const cell = led('ABC', mutants);
      const { term } = cell.raft('B');
      assert.deepEqual(cell.receive('B', 'C', vote(cell, 'B', { term: term + 5 })), []);
      assert.deepEqual(cell.receive('A', 'C', vote(cell, 'B', { term: term + 5 })), []);
      assert.equal(cell.raft('B').term, term);
      cell.now += E;
      assert.equal(only(cell.receive('B', 'C', vote(cell, 'B', { term: term + 5 })), 'voteReply').granted, true);
    },
  },
  {
    rule: 'rule 4',
    name: 'a leader without a majority steps down after E',
    check(mutants) {
      const cell = led('ABC', mutants);
      cell.isolate('A');
      cell.advance(E + 2 * TIMING.heartbeatMs);
      assert.notEqual(cell.raft('A').role, 'leader');
    },
  },
  {
    rule: 'rule 4',
    name: 'contact counts from when the acked Append was sent, not from when the answer came',
    check(mutants) {
      const cell = led('ABC', mutants);
      cell.now = cell.raft('A').nextTickAt;
      const sentAt = cell.now;
      cell.tick('A');
      cell.deliver('BC');
      const answers = cell.mail;
      cell.mail = [];
      while (cell.now < sentAt + 0.8 * E) {
        cell.now += TIMING.heartbeatMs;
        cell.tick('A');
        cell.drop();
      }
      for (const item of answers) cell.receive('A', item.from, item.message);
      assert.equal(cell.raft('A').role, 'leader');
      cell.now = sentAt + E;
      cell.tick('A');
      assert.equal(cell.raft('A').role, 'follower');
    },
  },
  {
    rule: 'rule 5',
    name: 'a leader that stepped down does not count itself as the live leader',
    check(mutants) {
      const cell = led('ABC', mutants);
      cell.step('A', { type: 'stepDown', reason: 'test' });
      assert.equal(cell.raft('A').leader, '');
      assert.equal(cell.raft('A').hearsLeader(cell.now), false);
      assert.equal(only(cell.receive('A', 'B', preVote(cell, 'B')), 'preVoteReply').granted, true);
    },
  },
];

const leadership: Rule[] = [
  {
    rule: 'rule 6',
    name: 'a new leader appends a Noop',
    check(mutants) {
      const raft = led('ABC', mutants).raft('A');
      const entry = raft.entry(2);
      assert.deepEqual([raft.lastIndex, entry?.kind, entry?.term], [2, 'noop', 2]);
    },
  },
  {
    rule: 'rule 6',
    name: 'an entry of an earlier term is not committed by counting replicas (figure 8)',
    check(mutants) {
      const leader = new Cell({ voters: 'ABCDE', mutants, checked: false });
      leader.member('A').disk.entries.push({ index: 2, term: 2, kind: 'command', data: new Uint8Array(1) });
      leader.member('A').disk.hard = { term: 3, votedFor: '' };
      leader.restart('A');
      leader.campaign('A');
      while (leader.raft('A').role !== 'leader') {
        leader.deliver('BCDE');
        for (const id of 'BCDE') leader.sync(id);
        leader.deliver('A');
        leader.sync('A');
      }
      const { term } = leader.raft('A');
      for (const from of 'BC') leader.receive('A', from, { type: 'appendReply', term, ok: true, index: 2, hintTerm: 0, sentAt: leader.now, round: 1 });
      assert.equal(leader.raft('A').commitIndex, 0);
      for (const from of 'BC') leader.receive('A', from, { type: 'appendReply', term, ok: true, index: 3, hintTerm: 0, sentAt: leader.now, round: 1 });
      leader.sync('A');
      assert.equal(leader.raft('A').commitIndex, 3);
    },
  },
  {
    rule: 'rule 6',
    name: 'no change, no read and no planning before the Noop is committed',
    check(mutants) {
      const cell = led('ABC', mutants);
      cell.campaign('B');
      while (cell.raft('B').role !== 'leader') {
        cell.deliver();
        for (const id of 'ABC') cell.sync(id);
      }
      assert.equal(cell.raft('B').configChangePending, false);
      assert.match(ofType(cell.change('B', 'ABC', 'D'), 'refused')[0]?.reason ?? '', /noop/);
      assert.equal(ofType(cell.step('B', { type: 'readIndex', id: 1 }), 'readFailed').length, 1);
      assert.equal(cell.raft('B').mayPlan(cell.now), false);
      cell.settle();
      assert.ok(cell.raft('B').mayPlan(cell.now));
      assert.equal(ofType(cell.change('B', 'ABC', 'D'), 'appended').length, 1);
    },
  },
  {
    rule: 'rule 6',
    name: 'a new leader whose log ends in a joint configuration finishes it',
    check(mutants) {
      const cell = led('ABC', mutants, 'DE');
      cell.change('A', 'BDE');
      cell.deliver('BCDE');
      for (const id of 'BCDE') cell.sync(id);
      cell.crash('A');
      cell.elect('B');
      cell.advance(E);
      assert.deepEqual(cell.raft('B').config, { voters: ['B', 'D', 'E'], outgoing: [], standbys: [], removed: [] });
      assert.equal(cell.raft('B').configChangePending, false);
    },
  },
  {
    rule: 'rule 7',
    name: 'after a failed election the next one comes within 400 ms',
    check(mutants) {
      const cell = led('ABC', mutants);
      cell.crash('A');
      cell.campaign('B');
      for (let attempt = 0; attempt < 5; attempt += 1) {
        const waitMs = cell.raft('B').nextTickAt - cell.now;
        assert.ok(waitMs >= 100 && waitMs < 400, `${waitMs} ms`);
        cell.drop();
        cell.now = cell.raft('B').nextTickAt;
        cell.tick('B');
        assert.equal(cell.raft('B').role, 'preCandidate');
      }
    },
  },
];

export const electionRules: readonly Rule[] = [...elections, ...leadership];
