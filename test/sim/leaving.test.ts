/** Nodes that leave in good order (PROTOCOL §5) and what becomes of them afterwards. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { leaderOf, steadyCluster } from '../../sim/scenarios/steady.ts';
import type { Cluster } from '../../sim/cluster.ts';
import type { SimNode } from '../../sim/sim-node.ts';

function leave(cluster: Cluster, node: SimNode): void {
  let gone = false;
  node.incarnation?.process.run(() => node.runtime?.leave(false, () => (gone = true)));
  assert.ok(cluster.runUntil(() => gone, 30_000), 'it leaves');
  cluster.crashNode(node, 'process');
}

test('a node that left and came back is a voter again, and then there is rest', () => {
  const cluster = steadyCluster({ seed: 'leaving', nodes: 3 });
  const leader = leaderOf(cluster);
  const node = cluster.nodes.find((other) => other !== leader);
  assert.ok(node !== undefined);
  leave(cluster, node);
  assert.equal(leader.replica?.config.voters.length, 1, 'one of two has the vote');
  cluster.run(5000);
  cluster.bootNode(node);
  assert.ok(cluster.runUntil(() => leader.replica?.config.voters.length === 3, 30_000));
  cluster.run(5000);
  const { lastIndex } = leader.replica!.raft;
  cluster.run(60_000);
  assert.equal(leader.replica?.raft.lastIndex, lastIndex, 'no further change of members');
});
