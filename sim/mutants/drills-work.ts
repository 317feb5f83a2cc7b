/** Drills for claims, fences, sessions, request keys and the supervisor: PROTOCOL §4 and §6. */
import type { SimNode } from '../sim-node.ts';
import type { Drill } from './drill.ts';
import { modulesOf, type Stage } from '../stage.ts';

const SILENT = { cutNoticedMinMs: 60_000, cutNoticedMaxMs: 60_001 } as const;
/** Longer than any session. */
const LONG = { kind: 'ok', durationMs: 20_000 } as const;
const CLAIM_MS = 500;
const EFFECTFUL = { effectful: true } as const;

/** Modules enough for every node to have some. */
function everywhere(stage: Stage, behaviour: Parameters<typeof modulesOf>[1], change: Parameters<typeof modulesOf>[2] = {}): SimNode {
  stage.submit(modulesOf(12, behaviour, change));
  const worker = stage.worker();
  stage.run(200);
  return worker;
}

/** A node that executes effectful modules is cut off, and nobody notices but by its silence. */
const silentWorker: Drill = {
  scenery: { nodes: 5, network: SILENT },
  play(stage) {
    stage.isolate(everywhere(stage, LONG, EFFECTFUL));
    stage.run(12_000);
  },
};

/** The connection of a node is found dead long before its session ends. */
const deadSocket: Drill = {
  scenery: { nodes: 5, network: { cutNoticedMinMs: 200, cutNoticedMaxMs: 400 } },
  play(stage) {
    stage.isolate(everywhere(stage, LONG, EFFECTFUL));
    stage.run(12_000);
  },
};

/** Work keeps being assigned to a node behind a cut; all of it arrives long after its fence deadline. */
const lateAssign: Drill = {
  scenery: { nodes: 5, network: SILENT },
  play(stage) {
    const { leader } = stage;
    const worker = stage.others(leader)[0]!;
    stage.cut(leader, worker);
    stage.submit(modulesOf(15, LONG, EFFECTFUL));
    stage.run(7500);
    stage.heal(leader, worker);
    stage.run(3000);
  },
};

/** An effectful module ends behind a cut just in time; its result comes when another node has begun it again. */
const lateResult: Drill = {
  scenery: { nodes: 5, network: SILENT },
  play(stage) {
    const worker = everywhere(stage, { kind: 'ok', durationMs: 3000 }, EFFECTFUL);
    stage.isolate(worker);
    stage.run(6500);
    stage.heal(worker, ...stage.others(worker));
    stage.run(5000);
  },
};

/** The leader's answers do not arrive: the results are handed in again. */
function lostReplies(stage: Stage, behaviour: Parameters<typeof modulesOf>[1]): void {
  const slow = { attempts: 5, backoffMs: 5000, factor: 1, jitter: false, capMs: 5000 };
  const { leader } = stage;
  const worker = everywhere(stage, behaviour, { retry: slow });
  stage.cutOneWay(leader, worker);
  stage.run(3500);
  stage.healOneWay(leader.id, worker.id);
  stage.run(1000);
}

const lostReplyToSuccess: Drill = { scenery: { nodes: 5, network: SILENT }, play: (stage) => lostReplies(stage, { kind: 'ok', durationMs: 500 }) };
const lostReplyToFailure: Drill = { scenery: { nodes: 5, network: SILENT }, play: (stage) => lostReplies(stage, { kind: 'fail', durationMs: 500 }) };

/** A client that got no answer asks again, elsewhere, under the same key. */
const submitTwice: Drill = {
  scenery: { nodes: 3 },
  play(stage) {
    const modules = modulesOf(1, { kind: 'ok', durationMs: 10 });
    const key = stage.submit(modules);
    stage.run(500);
    stage.submit(modules, { key, node: stage.others(stage.leader)[0]! });
    stage.run(500);
  },
};

/** A node comes back with what its snapshot says, and is compared with those that never were away. */
const restored: Drill = {
  scenery: { nodes: 3, storage: { snapshotEntries: 20, snapshotLogBytesMax: 0, tailEntriesMax: 0, segmentBytes: 16_000 } },
  play(stage) {
    const workload = stage.busy();
    const node = stage.others(stage.leader)[0]!;
    stage.crash(node);
    stage.boot(node);
    workload.stop();
    stage.run(5000);
    stage.cluster.checkers.states.compareAll(stage.cluster.nodes);
  },
};

/** A module with two needs, of which one takes long. */
const twoNeeds: Drill = {
  scenery: { nodes: 3 },
  play(stage) {
    const [fast] = modulesOf(1, { kind: 'ok', durationMs: 50 });
    const [slow] = modulesOf(1, { kind: 'ok', durationMs: 3000 });
    const [last] = modulesOf(1, { kind: 'ok', durationMs: 50 }, { needs: [0, 1] });
    stage.submit([{ ...fast!, name: 'fast' }, { ...slow!, name: 'slow' }, { ...last!, name: 'last' }]);
    stage.run(6000);
  },
};

/** A module ends and another one takes its slot; a third finds room on another node at once. */
const slotFreedOnce: Drill = {
  scenery: { nodes: 3, slots: 1 },
  play(stage) {
    const { leader, cluster } = stage;
    stage.submit(modulesOf(1, { kind: 'ok', durationMs: 50 }));
    stage.run(1000);
    stage.submit(modulesOf(1, LONG));
    stage.run(500);
    cluster.checkers.timing.demandClaim(leader, CLAIM_MS, 'two of three nodes are idle');
    stage.submit(modulesOf(1, LONG));
    stage.run(CLAIM_MS + 1);
    cluster.checkers.timing.overdue();
  },
};

/** The process of a node is killed under its modules and starts again at once. */
const killedWorker: Drill = {
  scenery: { nodes: 5 },
  play(stage) {
    const worker = everywhere(stage, LONG, EFFECTFUL);
    stage.crash(worker);
    stage.run(300);
    stage.boot(worker);
    stage.run(5000);
  },
};

/** A node is gone for ever with what it held. */
const deadWorker: Drill = {
  scenery: { nodes: 5 },
  play(stage) {
    const workload = stage.idle();
    const worker = everywhere(stage, { kind: 'ok', durationMs: 3000 });
    stage.crash(worker, 'power');
    stage.demandProgress(new Map([[worker, 'dead']]), workload);
  },
};

export const workDrills = { silentWorker, deadSocket, lateAssign, lateResult, lostReplyToSuccess, lostReplyToFailure, submitTwice, restored, twoNeeds, slotFreedOnce, killedWorker, deadWorker };
