/** How long until the next claim is committed when the leader ends (T1), and what handing over costs. */
import type { CrashKind } from '../cluster.ts';
import { busyWorkload, leaderOf, steadyCluster, type SteadyInit } from './steady.ts';

/** @returns virtual ms from the end of the leader to the next committed claim. */
export function failoverMs(init: SteadyInit, how: CrashKind | 'pause'): number {
  const cluster = steadyCluster(init);
  busyWorkload(cluster);
  const leader = leaderOf(cluster);
  const { claims } = cluster.checkers;
  const before = cluster.kernel.now;
  if (how === 'pause') cluster.pauseNode(leader);
  else cluster.crashNode(leader, how);
  const count = claims.claims;
  if (!cluster.runUntil(() => claims.claims > count, 30_000, 1)) throw new Error(`no claim: ${cluster.violation?.message ?? 'within 30 s'}`);
  return cluster.kernel.now - before;
}

/** @returns virtual ms from the wish to hand over to the election of the new leader. */
export function transferMs(init: SteadyInit, busy: boolean): { readonly electedMs: number } {
  const cluster = steadyCluster(init);
  if (busy) busyWorkload(cluster);
  const leader = leaderOf(cluster);
  const target = leader.replica?.config.voters.find((member) => member !== leader.replica?.self);
  const next = cluster.nodes.find((node) => node.replica?.self === target);
  if (target === undefined || next === undefined) throw new Error('nobody to hand over to');
  const before = cluster.kernel.now;
  leader.incarnation?.process.run(() => leader.replica?.transfer(target));
  if (!cluster.runUntil(() => next.replica?.raft.role === 'leader', 5000, 0.1)) throw new Error(`no transfer: ${cluster.violation?.message ?? 'within 5 s'}`);
  return { electedMs: cluster.kernel.now - before };
}
