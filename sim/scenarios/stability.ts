/** What must not happen: elections in a quiet cluster (L8), or because one link breaks (L10). */
import type { NodeId } from '../../src/core/lib/ids.ts';
import { bothWays, type Path } from '../partitions.ts';
import { leaderOf, steadyCluster, type SteadyInit } from './steady.ts';

export interface Changes {
  readonly elections: number;
  readonly configChanges: number;
  readonly terms: number;
}

/** Lets a healthy cluster be for so long. @returns what changed meanwhile. */
export function quietChanges(init: SteadyInit, ms: number): Changes {
  return changesDuring(init, [], ms);
}

/** Breaks one link of a healthy cluster. @param pick which one, given the leader first and then its followers. */
export function brokenLinkChanges(init: SteadyInit, pick: (ids: readonly NodeId[]) => readonly Path[], ms: number): Changes {
  const order = steadyCluster(init);
  const leader = leaderOf(order).id;
  const ids = [leader, ...order.nodes.map(({ id }) => id).filter((id) => id !== leader)];
  return changesDuring(init, pick(ids), ms);
}

function changesDuring(init: SteadyInit, cuts: readonly Path[], ms: number): Changes {
  const cluster = steadyCluster(init);
  const { elections, membership } = cluster.checkers;
  const before = { elections: elections.elections, configChanges: membership.changes, term: leaderOf(cluster).replica?.raft.term ?? 0 };
  for (const [from, to] of cuts) cluster.network.cut(from, to);
  if (!cluster.run(ms)) throw new Error(cluster.violation?.message);
  const terms = cluster.nodes.map((node) => node.replica?.raft.term ?? 0);
  return { elections: elections.elections - before.elections, configChanges: membership.changes - before.configChanges, terms: Math.max(...terms) - before.term };
}

/** Every link of five nodes, broken one way, the other way and both ways; the leader is the first of `ids`. */
export function singleLinks(): { readonly name: string; readonly pick: (ids: readonly NodeId[]) => readonly Path[] }[] {
  const pairs = [[0, 1], [1, 2]] as const;
  return pairs.flatMap(([a, b]) => {
    const name = `${a === 0 ? 'leader' : 'follower'} and follower`;
    const at = (ids: readonly NodeId[], index: number): NodeId => ids[index] as NodeId;
    return [
      { name: `${name}, both ways`, pick: (ids: readonly NodeId[]) => bothWays([at(ids, a)], [at(ids, b)]) },
      { name: `${name}, one way`, pick: (ids: readonly NodeId[]): Path[] => [[at(ids, a), at(ids, b)]] },
      { name: `${name}, the other way`, pick: (ids: readonly NodeId[]): Path[] => [[at(ids, b), at(ids, a)]] },
    ];
  });
}
