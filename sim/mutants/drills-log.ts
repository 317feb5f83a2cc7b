/** Drills for what a leader may commit, change and answer: rules 6, 9 and 10, §5, reads and the bounds of memory. */
import { checkHistory } from '../history/check-history.ts';
import { Recorder } from '../history/recorder.ts';
import { SimClient } from '../history/sim-client.ts';
import type { SimNode } from '../sim-node.ts';
import type { Drill } from './drill.ts';
import { modulesOf, type Stage } from '../stage.ts';

/** Kills the leader at the moment when it alone knows of a commit. @returns the next one, before its Noop is committed. */
function freshLeader(stage: Stage): SimNode {
  const old = stage.leader;
  const commit = (node: SimNode): number => stage.replica(node).raft.commitIndex;
  const followers = stage.others(old);
  stage.until('a commit that no follower knows', () => followers.every((node) => commit(node) < commit(old)), 10_000, 0.02);
  stage.crash(old);
  const next = (): SimNode | undefined => followers.find((node) => stage.replica(node).raft.role === 'leader');
  stage.until('a new leader', () => next() !== undefined, 10_000, 0.02);
  return next() as SimNode;
}

const earlyChange: Drill = {
  scenery: { nodes: 5, diskMeanMs: 2 },
  play(stage) {
    stage.busy();
    const leader = freshLeader(stage);
    const voters = stage.replica(leader).config.voters.slice(0, 3);
    const some = voters.includes(stage.member(leader)) ? voters : [stage.member(leader), ...voters.slice(1)];
    stage.call(leader, (replica) => replica.changeConfig(some, [], []));
    stage.run(100);
  },
};

const earlyRead: Drill = {
  scenery: { nodes: 5, diskMeanMs: 2 },
  play(stage) {
    stage.busy();
    const leader = freshLeader(stage);
    stage.call(leader, (replica) => replica.readIndex(() => undefined));
    stage.run(100);
  },
};

/** The leader is held up, another one takes over, and a read that came in before is what the old one does first. */
const staleRead: Drill = {
  scenery: { nodes: 5 },
  play(stage) {
    stage.busy();
    const old = stage.leader;
    stage.cluster.pauseNode(old);
    stage.call(old, (replica) => replica.readIndex(() => undefined));
    const rest = stage.others(old);
    stage.until('a new leader that plans', () => stage.cluster.leader(rest)?.replica?.mayPlan() === true);
    stage.run(500);
    stage.cluster.resumeNode(old);
    stage.run(500);
  },
};

/**
 * A follower that was left out of the configuration keeps its old copy. It shows what the leader says while it sees the
 * leader, and has only its copy when it does not.
 */
const leftOutReader: Drill = {
  scenery: { nodes: 5, network: { cutNoticedMinMs: 100, cutNoticedMaxMs: 200 } },
  play(stage) {
    const { cluster, leader } = stage;
    const recorder = new Recorder({ now: () => cluster.kernel.now });
    const client = new SimClient(recorder, 'client');
    stage.submit(modulesOf(1, { kind: 'ok', durationMs: 1000 }));
    stage.run(200);
    const [run] = stage.replica(leader).state.runs.values();
    if (run === undefined) throw new Error('drill: no run');
    const known = { runId: run.runId, run: run.number };
    const reader = stage.others(leader)[0]!;
    const look = (): void => void client.read(reader, known, 'local');
    stage.isolate(reader);
    stage.run(14_000);
    stage.heal(reader, ...stage.others(reader));
    const sees = (): boolean => recorder.events.some((event) => event.event === 'return' && event.reply.type === 'run' && event.reply.phase === 'succeeded');
    const looking = (): boolean => {
      look();
      return sees();
    };
    stage.until('a look at what the leader knows', looking, 10_000, 5);
    stage.cut(reader, stage.leader);
    for (let i = 0; i < 40; i += 1) {
      look();
      stage.run(50);
    }
    const { verdict, problems } = checkHistory(recorder.events);
    if (verdict === 'violation') cluster.report('S23', problems[0] ?? '');
  },
};

/** A follower that led before has entries that nobody else has, where the new leader put others. */
const divergentTail: Drill = {
  scenery: { nodes: 3 },
  play(stage) {
    stage.busy();
    const old = stage.leader;
    stage.pause(500);
    stage.isolate(old);
    const rest = stage.others(old);
    stage.until('a new leader that plans', () => stage.cluster.leader(rest)?.replica?.mayPlan() === true);
    stage.run(2000);
    stage.heal(old, ...rest);
    stage.run(2000);
  },
};

/** Half-way through a change from five voters to three, only one of them answers. */
const shrinkCutOff: Drill = {
  scenery: { nodes: 5 },
  play(stage) {
    const { leader } = stage;
    const [kept, ...rest] = stage.others(leader) as [SimNode, ...SimNode[]];
    stage.call(leader, (replica) => replica.changeConfig([leader, kept, rest[0]!].map((node) => stage.member(node)), [], []));
    stage.cut(leader, ...rest);
    stage.run(500);
  },
};

/** The leader takes itself out of the configuration. */
const leaderLeaves: Drill = {
  scenery: { nodes: 5 },
  play(stage) {
    const { leader } = stage;
    const members = stage.others(leader).map((node) => stage.member(node));
    stage.call(leader, (replica) => replica.changeConfig(members.slice(0, 3), [members[3]!], []));
    stage.run(3000);
  },
};

/** The final configuration reaches only those that lose their vote by it; then the leader is gone for ever. */
const finalOnlyToDemoted: Drill = {
  scenery: { nodes: 5 },
  play(stage) {
    const workload = stage.idle();
    const { leader } = stage;
    const [a, b, ...demoted] = stage.others(leader) as [SimNode, SimNode, ...SimNode[]];
    const index = stage.replica(leader).raft.lastIndex + 1;
    stage.call(leader, (replica) => replica.changeConfig([leader, a, b].map((node) => stage.member(node)), demoted.map((node) => stage.member(node)), []));
    const has = (node: SimNode): boolean => stage.replica(node).raft.lastIndex >= index;
    stage.until('the joint configuration reaches those that stay', () => has(a) && has(b), 1000, 0.01);
    stage.cutOneWay(leader, a, b);
    stage.until('the final configuration is in the log of the leader', () => stage.replica(leader).raft.lastIndex > index, 1000, 0.01);
    stage.run(1);
    stage.crash(leader, 'power');
    stage.run(3000);
    stage.demandProgress(new Map([[leader, 'dead']]), workload);
  },
};

/** Somebody wants to make a voter of a standby that has heard nothing for a while. */
const promoteDeaf: Drill = {
  scenery: { nodes: 7 },
  play(stage) {
    stage.run(10_000);
    stage.busy();
    const { leader } = stage;
    const { voters, standbys } = stage.replica(leader).config;
    const standby = standbys[0];
    if (standby === undefined) throw new Error('drill: no standby');
    stage.isolate(stage.nodeOf(standby));
    stage.run(3000);
    const dropped = voters.find((member) => member !== stage.member(leader))!;
    stage.call(leader, (replica) => replica.changeConfig(voters.map((member) => (member === dropped ? standby : member)), [dropped], []));
    stage.run(200);
  },
};

/** A follower takes nothing any more, and its connection is not known to be gone. */
const stalledFollower: Drill = {
  scenery: { nodes: 3, network: { cutNoticedMinMs: 60_000, cutNoticedMaxMs: 60_001 } },
  play(stage) {
    const { leader } = stage;
    stage.cut(leader, stage.others(leader)[0]!);
    stage.busy();
    stage.run(5000);
  },
};

/** A voter was away for longer than the log reaches back: it gets a snapshot, then loses its power at a bad moment. */
const snapshotToLaggard: Drill = {
  scenery: { nodes: 3, storage: { snapshotEntries: 20, snapshotLogBytesMax: 0, tailEntriesMax: 0, segmentBytes: 2000 }, diskMeanMs: 5 },
  play(stage) {
    const { leader, cluster } = stage;
    stage.busy();
    const laggard = stage.others(leader)[0]!;
    for (let round = 0; round < 2; round += 1) {
      stage.isolate(laggard);
      stage.run(1500);
      stage.heal(laggard, ...stage.others(laggard));
      const before = cluster.snapshotMessages;
      stage.until('a snapshot is sent', () => cluster.snapshotMessages > before, 10_000, 1);
      stage.pause(60);
      stage.crash(laggard, 'power');
      stage.run(100);
      stage.boot(laggard);
      stage.run(3000);
    }
  },
};

/**
 * A process dies when its newest entries are written and not synced. It comes back to a leader that has nothing new to
 * say and cannot hear it, so that the first thing it says is about what it read.
 */
const killedWhileWriting: Drill = {
  scenery: { nodes: 3, diskMeanMs: 20 },
  play(stage) {
    for (let round = 0; round < 5; round += 1) {
      const { leader } = stage;
      const [node] = stage.others(leader);
      if (node === undefined) return;
      const { cell, raft } = stage.replica(leader);
      const before = raft.lastIndex;
      stage.submit(modulesOf(1, { kind: 'hang', durationMs: 0 }));
      const has = (last: number): boolean => raft.commitIndex === last && stage.replica(node).raft.lastIndex === last && node.synced(cell).lastIndex < last;
      const ripe = (): boolean => raft.lastIndex > before && has(raft.lastIndex);
      if (stage.comes(ripe, 1000)) {
        stage.run(5);
        stage.crash(node);
        stage.run(1);
        stage.boot(node);
        stage.until('it is connected', () => leader.incarnation?.transport.isConnected(node.id) === true, 10_000, 0.02);
        stage.cutOneWay(node, leader);
        stage.run(300);
        stage.healOneWay(node.id, leader.id);
      }
      stage.run(2000);
    }
  },
};

/** Ordinary life: work, a leader that is killed, and everybody coming back. */
const ordinary: Drill = {
  scenery: { nodes: 5, storage: { snapshotEntries: 50, snapshotLogBytesMax: 0, tailEntriesMax: 10, segmentBytes: 2000 }, diskMeanMs: 2 },
  play(stage) {
    stage.busy();
    const { leader } = stage;
    stage.pause(300);
    stage.crash(leader, 'power');
    stage.run(3000);
    stage.boot(leader);
    stage.run(1000);
  },
};

export const logDrills = { earlyChange, earlyRead, staleRead, leftOutReader, divergentTail, shrinkCutOff, leaderLeaves, finalOnlyToDemoted, promoteDeaf, stalledFollower, snapshotToLaggard, killedWhileWriting, ordinary };
