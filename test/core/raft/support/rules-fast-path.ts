/** Checks of PROTOCOL §3 rules 8–10: the fast path, who may campaign, what is acknowledged. */
import assert from 'node:assert/strict';
import type { MemberId } from '../../../../src/core/lib/ids.ts';
import { HELD_PRE_VOTES_MAX } from '../../../../src/core/raft/limits.ts';
import { messages, ofType, TIMING } from './cell.ts';
import { led, only, preVote, vote, type Rule } from './rules.ts';

const E = TIMING.electionMs;

const fastPath: Rule[] = [
  {
    rule: 'rule 8',
    name: 'a crash that everybody sees is over within 300 ms',
    check(mutants) {
      const cell = led('ABC', mutants);
      cell.crash('A');
      for (const id of 'BC') {
        assert.deepEqual(ofType(cell.link(id, 'A', 'down'), 'redial'), [{ type: 'redial', peer: 'A' }]);
        cell.link(id, 'A', 'gone');
        assert.equal(cell.raft(id).hearsLeader(cell.now), false);
        const waitMs = cell.raft(id).nextTickAt - cell.now;
        assert.ok(waitMs >= 50 && waitMs < 200, `${waitMs} ms`);
      }
      cell.advance(300);
      assert.ok(cell.leader !== '' && cell.leader !== 'A');
    },
  },
  {
    rule: 'rule 8',
    name: 'a failed PreVote of the fast path is repeated after 50 ms',
    check(mutants) {
      const cell = led('ABC', mutants);
      cell.crash('A');
      cell.link('B', 'A', 'down');
      cell.link('B', 'A', 'gone');
      cell.now = cell.raft('B').nextTickAt;
      const asked = messages(cell.tick('B')).map((item) => item.message);
      assert.ok(asked.length === 2 && asked.every((message) => message.type === 'preVote' && message.lostLeader));
      assert.equal(cell.raft('B').nextTickAt, cell.now + 50);
    },
  },
  {
    rule: 'rule 8',
    name: 'one broken link disrupts nobody',
    check(mutants) {
      const cell = led('ABC', mutants);
      const { term } = cell.raft('A');
      cell.cut('A', 'B');
      cell.link('B', 'A', 'down');
      cell.link('B', 'A', 'gone');
      cell.advance(5 * E);
      assert.deepEqual([cell.leader, cell.raft('B').term], ['A', term]);
    },
  },
  {
    rule: 'rule 8',
    name: 'a receiver whose own connection is gone too redials before it answers',
    check(mutants) {
      for (const [state, granted] of [['gone', true], ['down', false], ['up', false]] as const) {
        const cell = led('ABC', mutants);
        cell.link('C', 'A', 'down');
        const held = cell.receive('C', 'B', preVote(cell, 'C', { lostLeader: true }));
        assert.deepEqual(held, [{ type: 'redial', peer: 'A' }]);
        const reply = only(cell.link('C', 'A', state), 'preVoteReply');
        assert.equal(reply.granted, granted, `link ${state}`);
      }
    },
  },
  {
    rule: 'rule 8',
    name: 'a PreVote that waits for the redial is rejected when the leader speaks, and not many wait',
    check(mutants) {
      const cell = led('ABC', mutants);
      cell.link('C', 'A', 'down');
      for (let i = 0; i < HELD_PRE_VOTES_MAX + 5; i += 1) cell.receive('C', `x${i}`, preVote(cell, 'C', { lostLeader: true }));
      cell.now += TIMING.heartbeatMs;
      cell.tick('A');
      const heartbeat = cell.mail.find((item) => item.to === 'C')!;
      const replies = messages(cell.receive('C', 'A', heartbeat.message)).filter((item) => item.message.type === 'preVoteReply');
      assert.equal(replies.length, HELD_PRE_VOTES_MAX);
      assert.ok(replies.every((item) => item.message.type === 'preVoteReply' && !item.message.granted));
    },
  },
  {
    rule: 'rule 8',
    name: 'a new process on the address of the old leader does not bring the old leader back',
    check(mutants) {
      const cell = led('ABC', mutants);
      for (const state of ['down', 'gone', 'up'] as const) cell.link('B', 'A', state);
      assert.equal(cell.raft('B').hearsLeader(cell.now), false);
      assert.equal(cell.raft('B').leader, '');
    },
  },
  {
    rule: 'rule 8',
    name: 'a leader whose connections to a majority closed drops its planner lease at once',
    check(mutants) {
      const cell = led('ABC', mutants);
      cell.link('A', 'B', 'down');
      assert.ok(cell.raft('A').mayPlan(cell.now));
      cell.link('A', 'C', 'down');
      assert.equal(cell.raft('A').mayPlan(cell.now), false);
      cell.link('A', 'B', 'up');
      assert.ok(cell.raft('A').mayPlan(cell.now));
    },
  },
];

const membership: Rule[] = [
  {
    rule: 'rule 9',
    name: 'a member that is no voter in its own configuration never campaigns',
    check(mutants) {
      const cell = led('ABC', mutants, 'D');
      for (const id of 'ABC') cell.crash(id);
      cell.advance(20 * E);
      assert.deepEqual([cell.raft('D').role, cell.raft('D').leader, cell.raft('D').nextTickAt], ['follower', '', Infinity]);
    },
  },
  {
    rule: 'rule 9',
    name: 'a candidate that is absent from the configuration of a lagging voter gets its vote',
    check(mutants) {
      const cell = led('ABC', mutants, 'DE');
      cell.isolate('B');
      assert.equal(ofType(cell.change('A', 'ABCDE'), 'appended').length, 1);
      cell.isolate('E');
      cell.settle();
      assert.equal(cell.raft('A').configChangePending, false);
      assert.deepEqual(cell.raft('B').config.voters, ['A', 'B', 'C']);
      cell.crash('A');
      cell.crash('C');
      cell.heal();
      cell.advance(5 * E);
      assert.equal(cell.leader, 'D');
    },
  },
  {
    rule: 'rule 9',
    name: 'removed members are refused once that is committed, and only then',
    check(mutants) {
      const cell = led('ABC', mutants, 'D');
      cell.change('A', 'ABC', '', 'D');
      cell.deliver('B');
      const term = cell.raft('B').term + 5;
      const ask = vote(cell, 'B', { term, transfer: true, lastIndex: 99 });
      assert.equal(only(cell.receive('B', 'D', preVote(cell, 'B')), 'preVoteReply').granted, false);
      cell.settle();
      cell.advance(TIMING.heartbeatMs);
      assert.deepEqual(cell.raft('B').committedConfig.removed, ['D' as MemberId]);
      assert.deepEqual(cell.receive('B', 'D', ask), []);
      assert.deepEqual(cell.receive('B', 'D', preVote(cell, 'B')), []);
      assert.equal(ofType(cell.change('A', 'ABC', 'D'), 'refused').length, 1);
    },
  },
  {
    rule: 'rule 10',
    name: 'an Append is acknowledged as far as that message goes, not as far as the own log goes',
    check(mutants) {
      const cell = led('ABC', mutants);
      cell.isolate('A');
      cell.propose('A', 'lost', 'lost');
      cell.sync('A');
      cell.advance(3 * E);
      const { leader } = cell;
      assert.notEqual(leader, 'A');
      // Heartbeat of the new leader at a place before A's own tail.
      const { term } = cell.raft(leader);
      const effects = cell.receive('A', leader, { type: 'append', term, prevIndex: 1, prevTerm: 1, entries: [], commit: 1, sentAt: 7, round: 3 });
      const reply = only(effects, 'appendReply');
      assert.deepEqual([reply.ok, reply.index, reply.sentAt, reply.round], [true, 1, 7, 3]);
    },
  },
];

export const fastPathRules: readonly Rule[] = [...fastPath, ...membership];
