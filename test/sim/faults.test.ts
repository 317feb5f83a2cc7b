/** Faults: each kind happens when it is switched on, is counted, and does what it says. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Cluster } from '../../sim/cluster.ts';
import { canLose } from '../../sim/core-heal.ts';
import { NO_FAULTS, type FaultMix } from '../../sim/faults.ts';
import { made } from '../../sim/files.ts';
import { FaultInjector } from '../../sim/injector.ts';
import { drawOptions } from '../../sim/options.ts';
import { PARTITION_SHAPES } from '../../sim/partitions.ts';
import { Simulation } from '../../sim/run.ts';
import type { SimNode } from '../../sim/sim-node.ts';
import { busyWorkload, steadyCluster } from '../../sim/scenarios/steady.ts';

const WINDOW_MS = 10_000;

/** A healthy cluster of five under these faults alone. */
function under(faults: Partial<FaultMix>, seed = 'faults', busy = false): { readonly cluster: Cluster; readonly figures: Readonly<Record<string, number>>; readonly neverFired: readonly string[]; readonly lines: readonly string[] } {
  const lines: string[] = [];
  const cluster = steadyCluster({ seed, print: (line) => lines.push(line) });
  if (busy) busyWorkload(cluster);
  const injector = new FaultInjector(cluster, { ...NO_FAULTS, downMeanMs: 1000, ...faults }, cluster.random.fork('faults'));
  injector.start(WINDOW_MS);
  cluster.run(WINDOW_MS);
  injector.stop();
  assert.equal(cluster.violation, undefined, cluster.violation?.message);
  return { cluster, figures: injector.figures, neverFired: injector.neverFired(), lines };
}

const EVERY_MS = 2500;
const kinds: Readonly<Record<string, Partial<FaultMix>>> = {
  partitions: { partitionEveryMs: EVERY_MS, partitionMeanMs: 1000, partitionShapes: PARTITION_SHAPES },
  crashes: { crashEveryMs: EVERY_MS, powerLossRate: 0.5 },
  pauses: { pauseEveryMs: EVERY_MS, pauseMeanMs: 1000 },
  suspends: { suspendEveryMs: EVERY_MS, suspendMeanMs: 1000 },
  slowdowns: { slowEveryMs: EVERY_MS, slowMeanMs: 1000, slowTurnMs: 10 },
  clockJumps: { clockJumpEveryMs: EVERY_MS, clockJumpMaxMs: 60_000 },
  clockDrifts: { clockDrift: 0.04 },
  clockOffsets: { clockOffsetMs: 1000 },
  diskErrors: { diskErrorEveryMs: EVERY_MS },
  diskStalls: { diskStallEveryMs: EVERY_MS, diskStallMeanMs: 1000 },
  diskFull: { diskFullEveryMs: EVERY_MS, diskFullMeanMs: 1000 },
  bitFlips: { flipEveryMs: EVERY_MS },
  wipes: { wipeEveryMs: EVERY_MS },
  clones: { cloneEveryMs: EVERY_MS },
};

for (const [kind, faults] of Object.entries(kinds)) {
  test(`${kind}: alone, it happens, and nothing else does`, () => {
    // A disk fails only where something is written.
    const { figures, neverFired } = under(faults, 'faults', kind === 'diskErrors');
    assert.ok((figures[kind] ?? 0) > 0, JSON.stringify(figures));
    assert.deepEqual(neverFired, []);
    const others = Object.keys(kinds).filter((other) => other !== kind && (figures[other] ?? 0) > 0);
    assert.deepEqual(others, []);
  });
}

test('a kind that is very rare still happens once, early enough to matter', () => {
  assert.deepEqual(under({ pauseEveryMs: 1e9, pauseMeanMs: 10, clockJumpEveryMs: 1e9, clockJumpMaxMs: 10 }).neverFired, []);
});

test('who has no files can lose none; where there is one, it is lost', () => {
  const none = under({ blobTakenEveryMs: 500, blobsWipedEveryMs: 500 });
  assert.deepEqual([none.figures['blobsTaken'], none.figures['blobsWiped'], none.neverFired], [0, 0, []]);
  for (const [kind, faults] of [['blobsTaken', { blobTakenEveryMs: 1e9 }], ['blobsWiped', { blobsWipedEveryMs: 1e9 }]] as const) {
    const cluster = steadyCluster({ seed: 'late file' });
    const injector = new FaultInjector(cluster, { ...NO_FAULTS, downMeanMs: 1000, ...faults }, cluster.random.fork('faults'));
    injector.start(WINDOW_MS);
    cluster.run(WINDOW_MS * 0.9);
    const { cid, bytes } = made(new TextEncoder().encode('a result'));
    cluster.nodes[2]?.blobs.put(cid, bytes);
    cluster.run(WINDOW_MS * 0.1);
    assert.deepEqual([injector.figures[kind], cluster.nodes[2]?.blobs.whole.has(cid)], [1, false], kind);
  }
});

test('a failed or full disk ends the node with a reason, and it comes back', () => {
  for (const faults of [{ diskErrorEveryMs: 3000 }, { diskFullEveryMs: 3000, diskFullMeanMs: 2000 }]) {
    const { cluster, figures, lines } = under(faults, 'disk-ends', true);
    assert.ok((figures['endedByDisk'] ?? 0) > 0);
    assert.ok(lines.some((line) => /fatal: .*(EIO|ENOSPC)/.test(line)));
    for (const node of cluster.nodes) node.diskFault = undefined;
    for (const node of cluster.nodes) if (node.state === 'down') cluster.bootNode(node);
    const all = (): boolean => cluster.nodes.every((node) => node.runtime?.cell === cluster.leader()?.replica?.cell);
    assert.ok(cluster.runUntil(all, 15_000), 'all are back');
  }
});

test('a node whose log is damaged says so, does not vote, and joins again as a new member', () => {
  const { cluster, figures, lines } = under({ flipEveryMs: 2500 }, 'flips', true);
  const noticed = Object.keys(figures).filter((kind) => /^flip-.*-noticed$/.test(kind));
  assert.ok(noticed.length > 0, JSON.stringify(figures));
  assert.equal(Object.keys(figures).some((kind) => kind.endsWith('-hidden')), false);
  assert.ok(lines.some((line) => line.includes('log-damaged')));
  assert.ok(lines.some((line) => line.includes('storage-renewed')));
  assert.ok(cluster.nodes.some(({ lostMembers }) => lostMembers.size > 0));
});

test('a copy of the log of another node is not used, however often it is copied', () => {
  const cluster = steadyCluster({ seed: 'copies', nodes: 3 });
  const [leader, node] = [cluster.leader()!, cluster.nodes.find((other) => other !== cluster.leader())!];
  const members = new Set<string>();
  for (let round = 0; round < 3; round += 1) {
    cluster.crashNode(node, 'power');
    cluster.diskLost(node);
    node.disk.platter.restore(new Map(leader.disk.syncedImage()));
    cluster.bootNode(node);
    assert.ok(cluster.runUntil(() => node.runtime?.host.isMember === true, 30_000), `it is a member again after copy ${round + 1}`);
    members.add(node.runtime!.host.member);
    cluster.run(1000);
  }
  assert.equal(members.size, 3, 'of another name after each');
  assert.equal(cluster.violation, undefined);
  assert.ok(cluster.trace.last(500).some((line) => line.includes('a copy of the disk of node')));
});

test('a rollback counts when the disk is rolled back, not when its backup is taken', () => {
  for (const seed of ['rollback-1', 'rollback-2', 'rollback-3']) {
    const cluster = steadyCluster({ seed });
    const injector = new FaultInjector(cluster, { ...NO_FAULTS, downMeanMs: 1000, rollbackEveryMs: 1e9 }, cluster.random.fork('faults'));
    const rolledBack: string[] = [];
    cluster.trace.onLine = ({ who, text }) => void (text.includes('rolled back') && rolledBack.push(who));
    injector.start(WINDOW_MS);
    while (rolledBack.length === 0 && injector.remainingMs() > 0) {
      assert.deepEqual([injector.figures['rollbacks'], injector.neverFired(), cluster.excuse], [0, ['rollbacks'], undefined]);
      cluster.kernel.run(cluster.kernel.now + 50);
    }
    assert.deepEqual([rolledBack.length, injector.figures['rollbacks'], injector.neverFired()], [1, 1, []], seed);
    assert.match(cluster.excuse ?? '', /^the disk of n\d was rolled back$/);
  }
});

test('disks are lost only while a majority can repair the cell', () => {
  const cluster = steadyCluster({ seed: 'losing', nodes: 3 });
  assert.deepEqual(cluster.nodes.map((node) => canLose(cluster, node)), [true, true, true]);
  const [first, second] = cluster.nodes as [SimNode, SimNode];
  cluster.crashNode(first, 'power');
  cluster.diskLost(first);
  first.disk.platter.restore(new Map());
  assert.equal(canLose(cluster, second), false);
});

test('what is violated after a rollback is counted, with its excuse; a disk that fails by itself is a crash', () => {
  const cluster = steadyCluster({ seed: 'excuse', nodes: 3 });
  cluster.excuse = 'a disk was rolled back';
  cluster.report('S3', 'something is gone');
  assert.equal(cluster.violation?.excuse, 'a disk was rolled back');
  const silent = steadyCluster({ seed: 'excuse', nodes: 3 });
  silent.excuse = 'a disk was rolled back';
  silent.report('faults', 'something never happened');
  assert.equal(silent.violation?.excuse, undefined);
  const stuck = steadyCluster({ seed: 'excuse', nodes: 3 });
  stuck.excuse = 'a disk was rolled back';
  stuck.report('L1', 'what was committed is with nobody who could be elected');
  assert.equal(stuck.violation?.excuse, 'a disk was rolled back');
  const other = steadyCluster({ seed: 'no excuse', nodes: 3 });
  other.report('S3', 'something is gone');
  assert.equal(other.violation?.excuse, undefined);
});

test('a second cell is excused only where somebody had nothing on its disk', () => {
  for (const told of [false, true]) {
    const args = { seed: 'second cell', nodes: 3, minutes: 1, faults: false };
    const simulation = new Simulation(args, drawOptions(args));
    const { cluster } = simulation;
    cluster.kernel.after(15_000, undefined, () => {
      const node = cluster.nodes.find((other) => other !== cluster.leader())!;
      for (const { id } of cluster.nodes) for (const [from, to] of [[id, node.id], [node.id, id]] as const) if (from !== to) cluster.network.cut(from, to);
      cluster.crashNode(node, 'power');
      if (told) cluster.diskLost(node);
      node.disk.platter.restore(new Map());
      cluster.bootNode(node);
    });
    simulation.run();
    assert.deepEqual([cluster.violation?.invariant, simulation.result(1).figures.cells], [told ? undefined : 'L5', 2], cluster.violation?.message);
  }
});
