/** Nodes that leave in good order (PROTOCOL §5) and what becomes of them afterwards. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Cluster } from '../../sim/cluster.ts';
import { busyWorkload, leaderOf, steadyCluster } from '../../sim/scenarios/steady.ts';
import type { SimNode } from '../../sim/sim-node.ts';

/** Less than what a node that is not let go waits. */
const LEAVE_MS = 9000;

function leave(cluster: Cluster, nodes: readonly SimNode[]): void {
  let left = nodes.length;
  for (const node of nodes) cluster.leaveNode(node, false, () => (left -= 1));
  assert.ok(cluster.runUntil(() => left === 0, LEAVE_MS), 'they leave');
}

function lossesIn(node: SimNode): number {
  let losses = 0;
  for (const run of node.replica?.state.runs.values() ?? []) for (const module of run.modules) losses += module.losses;
  return losses;
}

test('a node that left and came back is a voter again, and then there is rest', () => {
  const cluster = steadyCluster({ seed: 'leaving', nodes: 3 });
  const leader = leaderOf(cluster);
  const node = cluster.nodes.find((other) => other !== leader);
  assert.ok(node !== undefined);
  leave(cluster, [node]);
  assert.equal(leader.replica?.config.voters.length, 1, 'one of two has the vote');
  cluster.run(5000);
  cluster.bootNode(node);
  assert.ok(cluster.runUntil(() => leader.replica?.config.voters.length === 3, 30_000));
  cluster.run(5000);
  const lastIndex = leader.replica.raft.lastIndex;
  cluster.run(60_000);
  assert.equal(leader.replica.raft.lastIndex, lastIndex, 'no further change of members');
});

test('a node that leaves is not given a seat again while it is on its way out', () => {
  const cluster = steadyCluster({ seed: 'on-the-way', nodes: 3 });
  const leader = leaderOf(cluster);
  const node = cluster.nodes.find((other) => other !== leader);
  assert.ok(node?.replica !== undefined);
  const { self } = node.replica;
  const seats: boolean[] = [];
  const look = (): void => {
    const { config } = leader.replica!;
    const seated = [...config.voters, ...config.standbys].includes(self);
    if (seats.at(-1) !== seated) seats.push(seated);
  };
  // The answer that it may go does not reach it for a while.
  cluster.network.cut(leader.id, node.id);
  node.incarnation?.process.run(() => node.runtime?.leave(false, () => undefined));
  for (let step = 0; step < 300; step += 1) {
    cluster.run(10);
    look();
  }
  assert.deepEqual(seats, [true, false]);
});

for (const nodes of [1, 2, 3, 5]) {
  test(`when all of ${nodes} leave in the middle of a run, they go soon, and nothing they held counts as lost`, () => {
    for (let seed = 0; seed < 4; seed += 1) {
      const cluster = steadyCluster({ seed: `all-leave-${nodes}-${seed}`, nodes });
      const workload = busyWorkload(cluster);
      workload.stop();
      leave(cluster, cluster.up());
      for (const node of cluster.nodes) cluster.bootNode(node);
      assert.ok(cluster.runUntil(() => cluster.leader() !== undefined && cluster.up().every((node) => node.runtime?.worker.sessionId !== 0), 30_000));
      assert.equal(lossesIn(leaderOf(cluster)), 0);
    }
  });
}
