/** A formed, healthy cluster to try something on: the start of every scenario. */
import { timingProfiles, type ProfileName } from '../../src/options/timing.ts';
import { Cluster } from '../cluster.ts';
import { FORMATION_MS, isFormed } from '../formation.ts';
import { WIRED, type NetworkOptions } from '../network-options.ts';
import { PIPELINE_MIX } from '../pipelines.ts';
import type { SimNode } from '../sim-node.ts';
import { Workload } from '../workload.ts';

export interface SteadyInit {
  readonly seed: string;
  readonly nodes?: number;
  readonly profile?: ProfileName;
  readonly network?: Partial<NetworkOptions>;
  readonly print?: (line: string) => void;
  readonly mutants?: ReadonlySet<string>;
}

/** All nodes in one cell, the voters at their target, nothing moving. */
export function steadyCluster({ seed, nodes = 5, profile = 'default', network = {}, print, mutants }: SteadyInit): Cluster {
  const cluster = new Cluster({
    seed,
    nodes,
    network: { ...WIRED, ...network },
    timing: timingProfiles[profile],
    diskMeanMs: 0.2,
    slots: 4,
    ...(print === undefined ? {} : { print }),
    ...(mutants === undefined ? {} : { mutants }),
  });
  for (const node of cluster.nodes) cluster.bootNode(node);
  if (!cluster.runUntil(() => isFormed(cluster, cluster.nodes), FORMATION_MS)) throw new Error(`not formed: ${cluster.violation?.message ?? cluster.trace.last(20).join('\n')}`);
  cluster.run(2000);
  return cluster;
}

/** Many short modules, so that there is always one to claim. */
export function busyWorkload(cluster: Cluster): Workload {
  const mix = { submitEveryMs: 50, cancelRate: 0, answerTimeoutMs: 2000, runsMax: 100_000, pipelines: { ...PIPELINE_MIX, durationMeanMs: 20, effectfulRate: 0, failRate: 0, flakyRate: 0, hangRate: 0, lateRate: 0, tightRate: 0 } };
  const workload = new Workload(cluster, mix, cluster.random.fork('workload'));
  workload.start();
  cluster.run(1000);
  return workload;
}

export function leaderOf(cluster: Cluster): SimNode {
  const leader = cluster.leader();
  if (leader === undefined) throw new Error('nobody leads');
  return leader;
}
