/** The same for quorums, leases, stability, timing, reads and limits. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { SESSIONS_MAX } from '../../../src/core/cell/limits.ts';
import type { SessionRecord } from '../../../src/core/cell/state.ts';
import type { CellEvent } from '../../../src/core/cell/types.ts';
import { fenceOf, nodeId, type RunId } from '../../../src/core/lib/ids.ts';
import { CATCH_UP_TAIL_FACTOR, COMPACTED_TAIL_ENTRIES_MAX, INFLIGHT_APPENDS_MAX } from '../../../src/core/raft/limits.ts';
import type { Entry, RaftLoad } from '../../../src/core/raft/types.ts';
import { LeaseChecker } from '../../../sim/checkers/leases.ts';
import { LimitChecker } from '../../../sim/checkers/limits.ts';
import { Logs } from '../../../sim/checkers/logs.ts';
import { QuorumChecker } from '../../../sim/checkers/quorums.ts';
import { ReadChecker } from '../../../sim/checkers/reads.ts';
import { StabilityChecker } from '../../../sim/checkers/stability.ts';
import { TimingChecker } from '../../../sim/checkers/timing.ts';
import { CELL, config, entry, FakeNode, FakeWorld, member, Reports } from './fakes.ts';

const genesis = entry(1, 1, 'genesis', 'g', config(['a', 'b', 'c']));

/** Five machines with the same log, their checker having looked at all of them. */
class QuorumStory {
  readonly reports = new Reports();
  readonly logs = new Logs(this.reports.report);
  readonly nodes = ['a', 'b', 'c', 'd', 'e'].map((name) => new FakeNode(name));
  readonly checker = new QuorumChecker(this.reports.report, this.logs, (id) => this.nodes.find((node) => node.id === id));

  constructor() {
    for (const node of this.nodes) this.log(node.name, [genesis]);
    this.reports.none();
  }

  node(name: string): FakeNode {
    return this.nodes.find((node) => node.name === name) as FakeNode;
  }

  log(name: string, entries: readonly Entry[]): void {
    const node = this.node(name);
    node.raft.log = [...entries];
    node.disk.entries = [...entries];
    this.logs.stepped(node);
    this.checker.stepped(node);
  }
}

const joint = entry(2, 1, 'config', '', config(['a', 'd', 'e'], ['a', 'b', 'c']));
const final = entry(3, 1, 'config', '', config(['a', 'd', 'e']));
const direct = entry(2, 1, 'config', '', config(['a', 'd', 'e']));

test('S10: two electable nodes whose configurations have quorums that do not meet', () => {
  const story = new QuorumStory();
  for (const name of 'ab') story.log(name, [genesis, joint]);
  for (const name of 'de') story.log(name, [genesis, joint]);
  story.log('a', [genesis, joint, final]);
  for (const name of 'de') story.log(name, [genesis, joint, final]);
  story.reports.none();
  assert.ok(story.checker.pairs >= 3);
  // Without a joint phase b and c can still elect one of themselves, while d and e elect one of theirs.
  const bad = new QuorumStory();
  for (const name of 'ade') bad.log(name, [genesis, direct]);
  bad.reports.only('S10');
});

test('S10: who cannot be elected, or whose disk is another one now, does not count', () => {
  const story = new QuorumStory();
  // b and c had the joint configuration, so neither of them can be elected on the old one by a majority of it.
  for (const name of 'bcde') story.log(name, [genesis, joint]);
  for (const name of 'de') story.log(name, [genesis, joint, final]);
  story.reports.none();
  const wiped = new QuorumStory();
  for (const name of 'bc') wiped.node(name).up = false;
  wiped.node('c').disk.member = member('another');
  for (const name of 'ade') wiped.log(name, [genesis, direct]);
  wiped.reports.none();
  // With its old disk c could vote for b, which is back.
  wiped.node('c').disk.member = member('c');
  wiped.node('b').up = true;
  wiped.log('a', [genesis, direct, entry(3, 1, 'config', '', config(['a', 'd', 'e']))]);
  wiped.reports.only('S10');
});

/** Two nodes that both think they may plan, in terms 1 and 2. */
function leases(change: (story: { world: FakeWorld; checker: LeaseChecker; old: FakeNode; young: FakeNode }) => void): { reports: Reports; excused: number } {
  const reports = new Reports();
  const world = new FakeWorld();
  const checker = new LeaseChecker(reports.report, world);
  const [old, young] = [new FakeNode('a'), new FakeNode('b')];
  checker.stepped(old);
  checker.stepped(young);
  world.at += 5000;
  for (const node of [old, young]) Object.assign(node.raft, { role: 'leader', term: node === old ? 1 : 2 });
  old.lease = true;
  young.lease = true;
  change({ world, checker, old, young });
  checker.stepped(old);
  checker.stepped(young);
  return { reports, excused: checker.excused };
}

test('S25: two leaders hold the planner lease at once', () => {
  leases(() => undefined).reports.only('S25');
  leases(({ old }) => (old.lease = false)).reports.none();
  leases(({ old }) => (old.raft.role = 'follower')).reports.none();
  leases(({ old }) => (old.up = false)).reports.none();
});

test('S25: the fast path, a voter that just started and clocks that differ are counted only', () => {
  const excused = [
    leases(({ checker, young }) => checker.raftSent(young, { cell: CELL, from: member('b'), to: member('c'), message: { type: 'preVote', term: 2, lastIndex: 1, lastTerm: 1, lostLeader: true } })),
    leases(({ checker }) => checker.stepped(new FakeNode('c'))),
    leases(({ world, old }) => world.clocks.rateChanged(old.id, 0.8, 0)),
    leases(({ world, old }) => world.clocks.fellAsleep(old.id, world.at - 100)),
  ];
  for (const { reports, excused: count } of excused) {
    reports.none();
    assert.equal(count, 1);
  }
  const silent = leases(({ checker, young }) => checker.raftSent(young, { cell: CELL, from: member('b'), to: member('c'), message: { type: 'preVote', term: 2, lastIndex: 1, lastTerm: 1, lostLeader: false } }));
  silent.reports.only('S25');
});

test('L8 and L10: a new term or a change of members while none should be', () => {
  const story = (invariant: 'L8' | 'L10'): { reports: Reports; node: FakeNode; look: () => void } => {
    const reports = new Reports();
    const logs = new Logs(reports.report);
    const checker = new StabilityChecker(reports.report, logs);
    const node = new FakeNode('a');
    node.raft.log = [genesis];
    const look = (): void => {
      logs.stepped(node);
      checker.stepped(node);
    };
    look();
    checker.demand(invariant, 'nothing is wrong', [node]);
    node.raft.log = [genesis, entry(2, 1)];
    look();
    reports.none();
    return { reports, node, look };
  };
  for (const invariant of ['L8', 'L10'] as const) {
    const { reports, node, look } = story(invariant);
    node.raft.term = 2;
    look();
    reports.only(invariant);
  }
  const change = story('L8');
  change.node.raft.log.push(entry(3, 1, 'config', '', config(['a', 'b', 'c'])));
  change.look();
  change.reports.only('L8');
  // Who lost a link may lose its seat: that is no change of leader.
  const link = story('L10');
  link.node.raft.log.push(entry(3, 1, 'config', '', config(['a', 'b', 'c'])));
  link.look();
  link.reports.none();
});

test('T1: the next claim or the next leader comes late, or never', () => {
  const claim = (fence: number): CellEvent => ({ type: 'module', run: 5, runId: 'r' as RunId, module: 0, phase: 'claimed', fence, session: 1, attempt: 1, at: 0, note: '' });
  const story = (kind: 'demandClaim' | 'demandLeader', play: (world: FakeWorld, checker: TimingChecker, node: FakeNode) => void): Reports => {
    const reports = new Reports();
    const world = new FakeWorld();
    const checker = new TimingChecker(reports.report, () => world.at);
    const node = new FakeNode('a');
    const apply = (fence: number): void => checker.applied({ node, cell: CELL, entry: entry(2, 1), command: undefined, reply: undefined, events: [claim(fence)], first: true });
    apply(fenceOf(10, 0));
    checker[kind](node, 500, 'the leader was killed');
    // Under its old fence: a node came back, that is no new claim.
    apply(fenceOf(10, 0));
    assert.ok(checker.open);
    play(world, checker, node);
    checker.overdue();
    return reports;
  };
  const after = (ms: number) => (world: FakeWorld, checker: TimingChecker, node: FakeNode) => {
    world.at += ms;
    checker.applied({ node, cell: CELL, entry: entry(3, 1), command: undefined, reply: undefined, events: [claim(fenceOf(20, 0))], first: true });
  };
  const elected = (ms: number) => (world: FakeWorld, checker: TimingChecker, node: FakeNode) => {
    world.at += ms;
    Object.assign(node.raft, { role: 'leader', term: 2 });
    checker.stepped(node);
  };
  story('demandClaim', after(500)).none();
  story('demandClaim', after(501)).only('T1');
  story('demandClaim', (world) => (world.at += 501)).only('T1');
  story('demandLeader', elected(500)).none();
  story('demandLeader', elected(501)).only('T1');
  story('demandLeader', (world, checker, node) => {
    node.raft.role = 'leader';
    checker.stepped(node);
    world.at += 501;
  }).only('T1');
});

test('S23: a read is confirmed at an index that is older than what was committed before it was asked for', () => {
  const read = (index: number | undefined): Reports => {
    const reports = new Reports();
    const logs = new Logs(reports.report);
    const checker = new ReadChecker(reports.report, logs);
    const [a, b] = [new FakeNode('a'), new FakeNode('b')];
    for (const node of [a, b]) node.raft.log = [genesis, entry(2, 1)];
    a.raft.commitIndex = 2;
    logs.stepped(a);
    checker.readAsked(b, CELL, 1);
    a.raft.log = [...a.raft.log, entry(3, 1)];
    a.raft.commitIndex = 3;
    logs.stepped(a);
    checker.readEnded(b, CELL, 1, index);
    return reports;
  };
  read(2).none();
  read(undefined).none();
  read(1).only('S23');
});

test('S26: memory of a leader, and tables of the state, beyond their bounds', () => {
  const load = (change: Partial<RaftLoad>, role: 'leader' | 'follower' = 'leader'): Reports => {
    const reports = new Reports();
    const checker = new LimitChecker(reports.report);
    const node = new FakeNode('a');
    node.raft.role = role;
    node.raft.load = { ...node.raft.load, ...change };
    checker.stepped(node);
    return reports;
  };
  load({ inflightAppends: INFLIGHT_APPENDS_MAX, tailEntries: COMPACTED_TAIL_ENTRIES_MAX * CATCH_UP_TAIL_FACTOR }).none();
  load({ inflightAppends: INFLIGHT_APPENDS_MAX + 1 }).only('S26');
  load({ tailEntries: COMPACTED_TAIL_ENTRIES_MAX * CATCH_UP_TAIL_FACTOR + 1 }).only('S26');
  load({ inflightBytes: 2 ** 30 }).only('S26');
  const table = (sessions: number): Reports => {
    const reports = new Reports();
    const checker = new LimitChecker(reports.report);
    const node = new FakeNode('a');
    for (let id = 1; id <= sessions; id += 1) node.state.sessions.set(id, { id, nodeId: nodeId(`n${id}`) } as SessionRecord);
    checker.applied({ node, cell: CELL, entry: entry(64, 1), command: undefined, reply: undefined, events: [], first: true });
    return reports;
  };
  table(SESSIONS_MAX).none();
  table(SESSIONS_MAX + 1).only('S26');
});
