/**
 * In the middle of a rolling upgrade some members ask with PreVote and some do not, some leaders step down without a majority
 * and some do not (etcd-io/etcd#8501: the group was wedged). At each step one node is cut off until its term has risen, and
 * comes back.
 */
import type { SimNode } from '../sim-node.ts';
import type { Scenario } from './scenario.ts';

/** How the version before behaves. */
const OLD: ReadonlySet<string> = new Set(['no-prevote', 'no-check-quorum']);

export const mixedSettings: Scenario = {
  name: 'mixed-settings',
  number: '13',
  tells: 'a rolling upgrade from a version without PreVote and CheckQuorum does not wedge the group',
  proof: { mutants: ['vote-without-log-check'], invariants: ['S3'] },
  scenery: { nodes: 3 },
  play(scene) {
    const workload = scene.clients();
    const restart = (node: SimNode, mutants: ReadonlySet<string> | undefined): void => {
      scene.crash(node);
      node.mutants = mutants;
      scene.boot(node);
      scene.newLeader();
      scene.run(500);
    };
    for (const node of scene.cluster.nodes) restart(node, OLD);
    for (const [at, node] of scene.cluster.nodes.entries()) {
      const away = scene.cluster.nodes[(at + 1) % 3]!;
      scene.isolate(away);
      scene.run(4000);
      scene.crash(node);
      node.mutants = undefined;
      scene.boot(node);
      scene.healAll();
      scene.run(3500);
      scene.demandLeader(scene.cluster.nodes);
    }
    scene.demandAllIsWell(workload);
  },
};
