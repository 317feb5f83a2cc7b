/** When a cluster is one: where runs, scenarios and drills begin. */
import { targetVoters } from '../src/core/raft/autopilot.ts';
import type { Cluster } from './cluster.ts';
import type { SimNode } from './sim-node.ts';

/** For all nodes to find each other and be in one cell, without faults. */
export const FORMATION_MS = 30_000;

/** All of these nodes work for one cell, with as many voters as it should have and no change of them under way. */
export function isFormed(cluster: Cluster, nodes: readonly SimNode[]): boolean {
  const replica = cluster.leader()?.replica;
  if (replica === undefined || replica.raft.config.voters.length !== targetVoters(nodes.length) || replica.raft.configChangePending) return false;
  return nodes.every(({ runtime }) => runtime?.cell === replica.cell && runtime.worker.sessionId !== 0);
}
