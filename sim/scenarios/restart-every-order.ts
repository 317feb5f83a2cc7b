/**
 * Everybody goes down at once, killed or without power, and comes back in each of the six orders. Two of three are enough to go
 * on; the third is no obstacle when it comes, even if it was the one with the longest log.
 */
import type { SimNode } from '../sim-node.ts';
import type { Scenario } from './scenario.ts';

const ORDERS = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

export const restartEveryOrder: Scenario = {
  name: 'restart-every-order',
  number: 'near',
  tells: 'the whole cluster restarts, in every order of three nodes',
  proof: { mutants: ['hard-state-unsynced', 'frame-unsynced'], invariants: ['S8', 'S5', 'S6'] },
  scenery: { nodes: 3, diskMeanMs: 2 },
  play(scene) {
    const workload = scene.clients();
    for (const [round, order] of ORDERS.entries()) {
      const nodes = order.map((at) => scene.cluster.nodes[at]!);
      for (const node of nodes) scene.crash(node, round % 2 === 0 ? 'power' : 'process');
      scene.pause(300);
      const [first, second, third] = nodes as [SimNode, SimNode, SimNode];
      scene.boot(first);
      scene.pause(1000);
      scene.boot(second);
      scene.newLeader([first, second]);
      scene.run(500);
      scene.boot(third);
      scene.run(1000);
    }
    scene.demandAllIsWell(workload);
  },
};
