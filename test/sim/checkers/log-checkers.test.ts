/** Each checker of elections, logs, disks and members fires on a violation made by hand, and is silent on the same story done right. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { createCell, withoutParts } from '../../../src/core/cell/state.ts';
import { cellId } from '../../../src/core/lib/ids.ts';
import type { Entry, RaftMessage } from '../../../src/core/raft/types.ts';
import { ElectionChecker } from '../../../sim/checkers/election.ts';
import { LogChecker } from '../../../sim/checkers/log.ts';
import { Logs } from '../../../sim/checkers/logs.ts';
import { MembershipChecker } from '../../../sim/checkers/membership.ts';
import { SyncChecker } from '../../../sim/checkers/sync.ts';
import { CELL, config, entry, FakeNode, FakeWorld, member, Reports } from './fakes.ts';

const three = config(['a', 'b', 'c']);
const genesis = entry(1, 1, 'genesis', 'g', three);

function lab(): { reports: Reports; logs: Logs; elections: ElectionChecker; a: FakeNode; b: FakeNode; c: FakeNode } {
  const reports = new Reports();
  const [a, b, c] = [new FakeNode('a'), new FakeNode('b'), new FakeNode('c')];
  for (const node of [a, b, c]) node.raft.log = [genesis];
  return { reports, logs: new Logs(reports.report), elections: new ElectionChecker(reports.report), a, b, c };
}

test('S1: two leaders in one term', () => {
  const { reports, elections, a, b } = lab();
  a.raft.role = 'leader';
  elections.stepped(a);
  b.raft.role = 'leader';
  b.raft.term = 2;
  elections.stepped(b);
  reports.none();
  assert.equal(elections.elections, 2);
  b.raft.term = 1;
  elections.stepped(b);
  reports.only('S1');
});

test('S2: one index and term, two entries or two pasts', () => {
  const { reports, logs, a, b, c } = lab();
  a.raft.log = [genesis, entry(2, 1), entry(3, 1)];
  b.raft.log = [genesis, entry(2, 1), entry(3, 1)];
  logs.stepped(a);
  logs.stepped(b);
  reports.none();
  c.raft.log = [genesis, entry(2, 1, 'command', 'another past'), entry(3, 1)];
  logs.stepped(c);
  reports.only('S2');
});

test('S3: a leader lacks what was committed in an earlier term', () => {
  const { reports, logs, a, b } = lab();
  const checker = new LogChecker(reports.report, logs);
  a.raft.log = [genesis, entry(2, 1)];
  a.raft.commitIndex = 2;
  logs.stepped(a);
  b.raft.log = [genesis, entry(2, 1)];
  b.raft.role = 'leader';
  b.raft.term = 2;
  logs.stepped(b);
  checker.stepped(b);
  reports.none();
  b.raft.log = [genesis];
  b.raft.term = 3;
  logs.stepped(b);
  checker.stepped(b);
  reports.only('S3');
});

test('S4: two replicas commit different entries at one index', () => {
  const { reports, logs, a, b } = lab();
  a.raft.log = [genesis, entry(2, 1)];
  a.raft.commitIndex = 2;
  logs.stepped(a);
  b.raft.log = [genesis, entry(2, 2)];
  b.raft.commitIndex = 1;
  logs.stepped(b);
  reports.none();
  b.raft.commitIndex = 2;
  logs.stepped(b);
  reports.only('S4');
});

test('S5: committed without a quorum of disks', () => {
  const { reports, logs, a, b, c } = lab();
  const nodes = [a, b, c];
  const checker = new SyncChecker(reports.report, logs, (id) => nodes.find((node) => node.id === id));
  for (const node of [a, b]) node.disk.entries = [genesis];
  a.raft.commitIndex = 1;
  logs.stepped(a);
  reports.none();
  a.raft.log = [genesis, entry(2, 1)];
  a.disk.entries = [genesis, entry(2, 1)];
  a.raft.commitIndex = 2;
  logs.stepped(a);
  reports.only('S5');
  assert.ok(checker instanceof SyncChecker);
});

test('S5: behind a Close no quorum is needed, since the others have left for the other cell', () => {
  const { reports, logs, a, b, c } = lab();
  const nodes = [a, b, c];
  const checker = new SyncChecker(reports.report, logs, (id) => nodes.find((node) => node.id === id));
  a.raft.log = [genesis, entry(2, 1)];
  a.disk.entries = [genesis, entry(2, 1)];
  a.state = { ...createCell(withoutParts), closedFor: cellId('d'.repeat(32)) };
  a.raft.commitIndex = 2;
  logs.stepped(a);
  reports.none();
  assert.ok(checker instanceof SyncChecker);
});

test('S6: a second vote in one term, on the wire and on disk', () => {
  const { reports, elections, a } = lab();
  const vote = (to: string): void => elections.raftSent(a, { cell: CELL, from: member('a'), to: member(to), message: { type: 'voteReply', term: 2, granted: true } });
  vote('b');
  vote('b');
  elections.synced(CELL, member('a'), 2, member('b'));
  elections.synced(CELL, member('a'), 3, '');
  reports.none();
  vote('c');
  reports.only('S6');
  const disk = lab();
  disk.elections.synced(CELL, member('a'), 3, member('b'));
  disk.elections.synced(CELL, member('a'), 3, member('c'));
  disk.reports.only('S6');
  const back = lab();
  back.elections.synced(CELL, member('a'), 3, '');
  back.elections.synced(CELL, member('a'), 2, '');
  back.reports.only('S6');
});

test('S7: commit goes back, beyond the log, or counts an old term', () => {
  const story = (change: (node: FakeNode) => void): Reports => {
    const { reports, logs, a } = lab();
    a.raft.log = [genesis, entry(2, 1), entry(3, 2)];
    a.raft.commitIndex = 1;
    logs.stepped(a);
    reports.none();
    change(a);
    logs.stepped(a);
    return reports;
  };
  story(({ raft }) => (raft.commitIndex = 0)).only('S7');
  story(({ raft }) => (raft.commitIndex = 9)).only('S7');
  const old = (term: number) => story(({ raft }) => Object.assign(raft, { role: 'leader', term, commitIndex: 2 }));
  old(2).only('S7');
  old(1).none();
});

test('S8: answers that the disk does not back', () => {
  const story = (message: RaftMessage): Reports => {
    const { reports, logs, a, b, c } = lab();
    const checker = new SyncChecker(reports.report, logs, (id) => [a, b, c].find((node) => node.id === id));
    a.disk.hard = { term: 2, votedFor: member('b') };
    a.disk.entries = [genesis, entry(2, 2)];
    checker.raftSent(a, { cell: CELL, from: member('a'), to: member('b'), message });
    return reports;
  };
  const ack = { type: 'appendReply', ok: true, hintTerm: 0, sentAt: 0, round: 0 } as const;
  story({ type: 'voteReply', term: 2, granted: true }).none();
  story({ ...ack, term: 2, index: 2 }).none();
  story({ type: 'voteReply', term: 3, granted: false }).only('S8');
  story({ type: 'preVoteReply', term: 3, requestTerm: 3, granted: false }).only('S8');
  story({ ...ack, term: 2, index: 3 }).only('S8');
  const { reports, logs, a, b, c } = lab();
  const checker = new SyncChecker(reports.report, logs, (id) => [a, b, c].find((node) => node.id === id));
  a.disk.hard = { term: 2, votedFor: '' };
  checker.raftSent(a, { cell: CELL, from: member('a'), to: member('b'), message: { type: 'voteReply', term: 2, granted: true } });
  reports.only('S8');
});

test('S8: a client is told of an entry that is not committed', () => {
  const { reports, logs, a, b, c } = lab();
  const checker = new SyncChecker(reports.report, logs, (id) => [a, b, c].find((node) => node.id === id));
  for (const node of [a, b]) node.disk.entries = [genesis];
  a.raft.commitIndex = 1;
  logs.stepped(a);
  checker.acknowledged(a, CELL, 1, 1);
  reports.none();
  checker.acknowledged(a, CELL, 2, 1);
  reports.only('S8');
});

function membership(): ReturnType<typeof lab> & { checker: MembershipChecker; world: FakeWorld; d: FakeNode } {
  const base = lab();
  const world = new FakeWorld();
  const nodes = [base.a, base.b, base.c, new FakeNode('d')];
  const checker = new MembershipChecker(base.reports.report, base.logs, base.elections, (id) => nodes.find((node) => node.id === id), world);
  base.a.raft.role = 'leader';
  base.a.raft.commitIndex = 1;
  base.elections.stepped(base.a);
  base.logs.stepped(base.a);
  base.reports.none();
  return { ...base, checker, world, d: nodes[3] as FakeNode };
}

test('S9: a configuration before the Noop, a second one on top, a bad size, a proposer that is not in it', () => {
  const joint = config(['a', 'b', 'd'], ['a', 'b', 'c']);
  const good = membership();
  good.a.raft.log = [genesis, entry(2, 1, 'noop'), entry(3, 1, 'config', '', joint), entry(4, 1, 'config', '', config(['a', 'b', 'd']))];
  for (const commitIndex of [2, 3, 4]) {
    good.a.raft.commitIndex = commitIndex;
    const log = good.a.raft.log;
    good.a.raft.log = log.slice(0, commitIndex);
    good.logs.stepped(good.a);
    good.a.raft.log = log;
  }
  good.reports.none();
  assert.equal(good.checker.changes, 2);
  const early = membership();
  early.a.raft.log = [genesis, entry(2, 1, 'config', '', joint)];
  early.logs.stepped(early.a);
  early.reports.only('S9');
  const two = membership();
  two.a.raft.log = [genesis, entry(2, 1, 'noop')];
  two.a.raft.commitIndex = 2;
  two.logs.stepped(two.a);
  two.a.raft.log = [...two.a.raft.log, entry(3, 1, 'config', '', joint), entry(4, 1, 'config', '', config(['a', 'b', 'd']))];
  two.logs.stepped(two.a);
  two.reports.some('S9');
  for (const voters of [['a', 'b'], ['b', 'c', 'd']]) {
    const bad = membership();
    bad.a.raft.log = [genesis, entry(2, 1, 'noop'), entry(3, 1, 'config', '', config(voters))];
    bad.a.raft.commitIndex = 3;
    bad.logs.stepped(bad.a);
    bad.reports.only('S9');
  }
});

test('S9: who is made a voter holds what was committed an election timeout ago', () => {
  const joint = config(['a', 'b', 'd'], ['a', 'b', 'c']);
  const story = (held: number, waitMs: number): Reports => {
    const { a, d, logs, reports, world } = membership();
    a.raft.log = [genesis, entry(2, 1, 'noop'), entry(3, 1)];
    a.raft.commitIndex = 3;
    logs.stepped(a);
    world.at += waitMs;
    d.disk.entries = a.raft.log.slice(0, held);
    a.raft.log = [...a.raft.log, entry(4, 1, 'config', '', joint)];
    logs.stepped(a);
    return reports;
  };
  story(3, 5000).none();
  story(2, 100).none();
  story(2, 5000).only('S9');
});

test('S10: a leader without a vote', () => {
  const { reports, elections, a } = lab();
  a.raft.role = 'leader';
  elections.stepped(a);
  reports.none();
  const outsider = lab();
  outsider.a.raft.log = [genesis, entry(2, 1, 'config', '', config(['b', 'c', 'd'], ['b', 'c', 'e']))];
  outsider.a.raft.role = 'leader';
  outsider.elections.stepped(outsider.a);
  outsider.reports.only('S10');
});

test('S5: committed entries stay on the disk that had them', () => {
  const { reports, logs, a, b, c } = lab();
  const checker = new SyncChecker(reports.report, logs, (id) => [a, b, c].find((node) => node.id === id));
  for (const node of [a, b]) node.disk.entries = [genesis, entry(2, 1)];
  a.raft.log = [genesis, entry(2, 1)];
  a.raft.commitIndex = 2;
  logs.stepped(a);
  // What is not committed may be cut off again.
  const look = (...entries: readonly Entry[]): void => {
    a.disk.entries = [...entries];
    checker.covered(CELL, member('a'), a.disk);
  };
  look(genesis);
  look(genesis, entry(2, 3), entry(3, 3));
  look(genesis);
  look(genesis, entry(2, 1));
  look(genesis, entry(2, 1), entry(3, 1));
  look(genesis, entry(2, 1));
  reports.none();
  look(genesis);
  reports.only('S5');
});

test('S8: an acknowledgement of entries that the leader does not have', () => {
  const story = (own: number, leaders: number, term = 2): Reports => {
    const { reports, logs, a, b, c } = lab();
    const checker = new SyncChecker(reports.report, logs, (id) => [a, b, c].find((node) => node.id === id));
    a.raft.log = [genesis, entry(2, own)];
    a.disk.entries = a.raft.log;
    a.disk.hard = { term: 2, votedFor: '' };
    b.raft.log = [genesis, entry(2, leaders)];
    Object.assign(b.raft, { role: 'leader', term });
    a.raft.term = 2;
    checker.raftSent(a, { cell: CELL, from: member('a'), to: member('b'), message: { type: 'appendReply', term: 2, ok: true, index: 2, hintTerm: 0, sentAt: 0, round: 0 } });
    return reports;
  };
  story(2, 2).none();
  story(1, 2).only('S8');
  // An answer to a leader that has moved on since says nothing of its log now.
  story(1, 2, 3).none();
});

test('S11: a removed member returns, or a member comes back with less than it had synced', () => {
  const gone = membership();
  const steps = [config(['a', 'b', 'd'], ['a', 'b', 'c'], ['c']), config(['a', 'b', 'd'], [], ['c']), config(['a', 'b', 'c'], ['a', 'b', 'd'], ['c']), config(['a', 'b', 'c'], [], ['c'])];
  gone.a.raft.log = [genesis, entry(2, 1, 'noop')];
  for (const [at, step] of steps.entries()) {
    gone.a.raft.log = [...gone.a.raft.log, entry(3 + at, 1, 'config', '', step)];
    gone.a.raft.commitIndex = 3 + at;
    if (at < 3) gone.reports.none();
    gone.logs.stepped(gone.a);
  }
  gone.reports.only('S11');
  const less = membership();
  less.a.disk.hard = { term: 4, votedFor: '' };
  less.a.disk.entries = [genesis, entry(2, 4)];
  less.checker.crashed(less.a);
  less.a.boot = 2;
  less.a.raft.term = 4;
  less.a.raft.log = [genesis];
  less.checker.stepped(less.a);
  less.reports.only('S11');
});
