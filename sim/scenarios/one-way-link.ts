/**
 * One-way links (TigerBeetle's blog, 2023-07-06). A deaf follower hears no leader and asks for votes for ever; it is
 * refused, and nobody takes over its term. A deaf leader goes on sending heartbeats that everybody hears; it steps down since
 * nobody's answer arrives.
 */
import type { Scenario } from './scenario.ts';

export const oneWayLink: Scenario = {
  name: 'one-way-link',
  number: '15',
  tells: 'a node that can send and not receive: a follower disturbs nobody, a leader lets go',
  proof: { mutants: ['no-prevote'], invariants: ['L10'] },
  scenery: { nodes: 5 },
  play(scene) {
    const workload = scene.clients();
    const [a, b, ...rest] = scene.five();
    scene.cluster.checkers.stability.demand('L10', 'only one follower does not hear the others', scene.cluster.nodes);
    for (const node of [a, ...rest]) scene.cutOneWay(node, b);
    scene.run(8000);
    scene.healAll();
    scene.run(4000);
    scene.cluster.checkers.stability.release();
    const leader = scene.newLeader();
    for (const node of scene.others(leader)) scene.cutOneWay(node, leader);
    scene.demandLeader(scene.others(leader));
    scene.run(3000);
    scene.healAll();
    scene.demandAllIsWell(workload);
  },
};
