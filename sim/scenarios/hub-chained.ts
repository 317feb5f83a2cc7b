/**
 * A – B – C, where A leads and A – C is broken (chained, in the OmniPaxos paper: the ends depose each other for ever). C
 * hears no leader and B does, so C is refused, and nothing moves until the link is back.
 */
import type { Scenario } from './scenario.ts';

export const hubChained: Scenario = {
  name: 'hub-chained',
  number: '14',
  tells: 'a chain of three: the one at the end does not depose the leader at the other end',
  proof: { mutants: ['no-prevote'], invariants: ['L10'] },
  scenery: { nodes: 3 },
  play(scene) {
    const workload = scene.clients();
    const [a, , c] = scene.three();
    scene.pause(500);
    scene.cluster.checkers.stability.demand('L10', 'only the link between the ends of the chain is broken', scene.cluster.nodes);
    scene.cut(a, c);
    scene.run(10_000);
    scene.healAll();
    scene.run(3000);
    scene.cluster.checkers.stability.release();
    scene.demandAllIsWell(workload);
  },
};
