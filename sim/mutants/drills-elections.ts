/** Drills for the rules of PROTOCOL §3 that decide who leads, and how fast. */
import type { SimNode } from '../sim-node.ts';
import type { Drill } from './drill.ts';
import { modulesOf, type Stage } from '../stage.ts';

/** Two votes and a term have to be synced while leadership changes. */
const SYNCS_MS = 5;
const CLAIM_MS = 500;

/** One link of a follower breaks; whoever hears it must not follow it. */
function breakOneLink(stage: Stage, ms: number): void {
  const { leader } = stage;
  stage.pause(500);
  stage.cut(leader, stage.others(leader)[0]!);
  stage.run(ms);
}

/** The leader's word to campaign was on its way when this node was cut off: it does, in vain, in a new term. */
function raiseTerm(stage: Stage, leader: SimNode, node: SimNode): void {
  const from = stage.member(leader);
  stage.call(node, (replica) => {
    const { term, lastIndex, lastTerm } = replica.raft;
    replica.receive(from, { type: 'timeoutNow', term, lastIndex, lastTerm });
  });
  stage.run(500);
}

const brokenLink: Drill = {
  scenery: { nodes: 5 },
  play(stage) {
    stage.cluster.checkers.stability.demand('L10', 'only the link of one follower to the leader is broken', stage.cluster.nodes);
    breakOneLink(stage, 6000);
  },
};

/** The same, and only the leases are looked at. */
const brokenLinkLeases: Drill = { scenery: { nodes: 5 }, play: (stage) => breakOneLink(stage, 12_000) };

/**
 * A long log with a low term against a short log with a high term (PROTOCOL §10, 12): C missed entries; the old leader
 * got C's vote in a new term and died before anybody else heard of that term.
 */
const prevoteDeadlock: Drill = {
  scenery: { nodes: 3, network: { cutNoticedMinMs: 100, cutNoticedMaxMs: 200 } },
  play(stage) {
    const a = stage.leader;
    const [b, c] = stage.others(a) as [typeof a, typeof a];
    const workload = stage.busy();
    stage.cut(c, a, b);
    stage.run(300);
    stage.isolate(b);
    stage.until('the old leader steps down', () => stage.replica(a).raft.role !== 'leader');
    const { term } = stage.replica(a).raft;
    stage.heal(c, a);
    stage.until('a new term reaches C', () => stage.replica(c).raft.term > term, 10_000, 0.02);
    stage.crash(a, 'power');
    stage.run(50);
    stage.heal(b, c);
    stage.demandProgress(new Map([[a, 'dead']]), workload);
  },
};

const handOver: Drill = {
  scenery: { nodes: 5, network: { delayMinMs: 10, delayJitterMs: 0.001 } },
  play(stage) {
    const { leader, cluster } = stage;
    stage.pause(1000);
    cluster.checkers.timing.demandLeader(leader, 2 * 20 + SYNCS_MS, 'the leader hands over, a round trip takes 20 ms');
    stage.call(leader, (replica) => replica.transfer(stage.member(stage.others(leader)[0]!)));
    stage.run(1000);
    cluster.checkers.timing.overdue();
  },
};

/** The last entry is late on its way to the target; the word that it shall lead is not. */
const handOverOvertakes: Drill = {
  scenery: { nodes: 3 },
  play(stage) {
    const { leader, cluster } = stage;
    const { network, kernel } = cluster;
    const target = stage.others(leader)[0]!;
    const path = network.path(network.host(leader.id), network.host(target.id));
    const lateMs = 60;
    stage.pause(1000);
    path.clog(kernel.now, lateMs);
    stage.submit(modulesOf(1, { kind: 'ok', durationMs: 10 }));
    stage.run(5);
    path.cloggedUntil = 0;
    network.options = { ...network.options, nastyChannels: ['raft'], reorderRate: 1, reorderMeanMs: 0.01 };
    cluster.checkers.timing.demandLeader(leader, lateMs + cluster.init.timing.heartbeatMs + 2 * SYNCS_MS, `the leader hands over, its last entry is ${lateMs} ms late`);
    stage.call(leader, (replica) => replica.transfer(stage.member(target)));
    stage.run(1000);
    cluster.checkers.timing.overdue();
  },
};

const handOverToStandby: Drill = {
  scenery: { nodes: 7 },
  play(stage) {
    const { leader, cluster } = stage;
    stage.run(10_000);
    stage.busy();
    const [standby] = stage.replica(leader).config.standbys;
    if (standby === undefined) throw new Error('drill: no standby');
    stage.call(leader, (replica) => replica.transfer(standby));
    cluster.checkers.timing.demandClaim(leader, CLAIM_MS, 'somebody wants to hand over to a standby');
    stage.run(CLAIM_MS + 1);
    cluster.checkers.timing.overdue();
  },
};

/** The leader sees one follower only, without which the others have no majority (PROTOCOL §10, 14). */
const hub: Drill = {
  scenery: { nodes: 5 },
  play(stage) {
    const { leader } = stage;
    const [hubNode, ...rest] = stage.others(leader);
    const dead = rest.pop()!;
    stage.crash(dead, 'power');
    stage.cut(leader, ...rest);
    stage.demandLeader([hubNode!, ...rest]);
  },
};

/** Answers that were under way when the leader was cut off arrive when others are about to elect. */
const lateAnswers: Drill = {
  scenery: { nodes: 3, network: { cutNoticedMinMs: 60_000, cutNoticedMaxMs: 60_001 } },
  play(stage) {
    const { leader } = stage;
    const others = stage.others(leader);
    stage.pause(100);
    for (const other of others) stage.cutOneWay(other, leader);
    stage.run(120);
    stage.cutOneWay(leader, ...others);
    stage.run(700);
    for (const other of others) stage.healOneWay(other.id, leader.id);
    stage.run(2);
    for (const other of others) stage.cutOneWay(other, leader);
    stage.run(3000);
  },
};

/** The leader steps down, for its own reasons, where its vote is needed. */
const stepsDown: Drill = {
  scenery: { nodes: 3 },
  play(stage) {
    const { leader, cluster } = stage;
    const { electionMs } = cluster.init.timing;
    stage.crash(stage.others(leader)[0]!, 'power');
    stage.run(3000);
    stage.call(leader, (replica) => replica.stepDown('the drill wants it'));
    cluster.checkers.timing.demandLeader(leader, 2 * electionMs + 20, 'the leader stepped down, the other voter is healthy');
    stage.run(3 * electionMs);
    cluster.checkers.timing.overdue();
  },
};

/** No vote gets through for a while; then the network is well again. */
const failedElection: Drill = {
  scenery: { nodes: 3 },
  play(stage) {
    const { leader, cluster } = stage;
    const { network } = cluster;
    stage.pause(500);
    const calm = network.options;
    network.options = { ...calm, nastyChannels: ['raft'], lossRate: 1 };
    stage.crash(leader, 'power');
    const [b, c] = stage.others(leader) as [typeof leader, typeof leader];
    const tried = (node: typeof leader): boolean => stage.replica(node).raft.role === 'preCandidate';
    stage.until('both have tried to be elected', () => tried(b) && tried(c));
    network.options = calm;
    cluster.checkers.timing.demandLeader(b, 900, 'an election failed, and now nothing is in the way of the next one');
    stage.run(4000);
    cluster.checkers.timing.overdue();
  },
};

const killedLeader: Drill = {
  scenery: { nodes: 5 },
  play(stage) {
    const { leader, cluster } = stage;
    stage.busy();
    stage.pause(300);
    cluster.checkers.timing.demandClaim(leader, CLAIM_MS, 'the process of the leader was killed');
    stage.crash(leader);
    stage.run(CLAIM_MS + 1);
    cluster.checkers.timing.overdue();
  },
};

/** A firewall in front of one follower refuses its dial to the leader: to it, that looks like a process that is gone. */
const refusedDial: Drill = {
  scenery: { nodes: 5 },
  play(stage) {
    const { leader, cluster } = stage;
    const member = stage.member(leader);
    stage.pause(500);
    cluster.checkers.stability.demand('L10', 'only one follower cannot reach the leader', cluster.nodes);
    const follower = stage.others(leader)[0]!;
    stage.cut(leader, follower);
    stage.call(follower, (replica) => replica.link(member, 'gone'));
    stage.run(3000);
  },
};

/** A voter that missed a lot comes back at the moment when the leader is lost, and asks first. */
const shortLog: Drill = {
  scenery: { nodes: 3 },
  play(stage) {
    stage.busy();
    const { leader } = stage;
    const behind = stage.others(leader)[0]!;
    stage.isolate(behind);
    stage.run(2000);
    stage.crash(leader, 'power');
    stage.heal(behind, ...stage.others(leader, behind));
    stage.run(5000);
  },
};

/** The leader falls silent: everybody who thinks it may lead tries to. */
const silentLeader: Drill = {
  scenery: { nodes: 7 },
  play(stage) {
    stage.run(10_000);
    const { leader } = stage;
    stage.pause(500);
    stage.isolate(leader);
    stage.run(4000);
  },
};

/** The same in the middle of work: its last word falls anywhere between two heartbeats. */
const silentBusyLeader: Drill = {
  scenery: { nodes: 5 },
  play(stage) {
    stage.busy();
    stage.pause(300);
    stage.isolate(stage.leader);
    stage.run(2500);
  },
};

/** A member campaigns in vain behind a cut, in a new term, and is removed meanwhile; then an answer of it arrives, long on its way. */
const lateAnswerOfRemoved: Drill = {
  scenery: { nodes: 5 },
  play(stage) {
    const { leader, cluster } = stage;
    const [gone, standby, ...stay] = stage.others(leader);
    if (gone === undefined || standby === undefined) return;
    const member = stage.member(gone);
    stage.isolate(gone);
    raiseTerm(stage, leader, gone);
    stage.call(leader, (replica) => replica.changeConfig([leader, ...stay].map((node) => stage.member(node)), [stage.member(standby)], [member]));
    const { raft } = stage.replica(leader);
    stage.until('it is removed', () => raft.committedConfig.removed.includes(member) && !raft.configChangePending);
    const { term } = stage.replica(gone).raft;
    stage.crash(gone);
    cluster.checkers.stability.demand('L10', `all that happens is a late answer of ${gone.name}, which was removed`, stage.others(gone));
    stage.call(leader, (replica) => replica.receive(member, { type: 'appendReply', term, ok: false, index: 0, hintTerm: 0, sentAt: 0, round: 0 }));
    stage.run(1000);
  },
};

export const electionDrills = { lateAnswerOfRemoved, brokenLink, brokenLinkLeases, prevoteDeadlock, handOver, handOverOvertakes, handOverToStandby, hub, lateAnswers, stepsDown, failedElection, killedLeader, refusedDial, shortLog, silentLeader, silentBusyLeader };
