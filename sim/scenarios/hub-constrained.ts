/**
 * Constrained election (the OmniPaxos paper): the only node that reaches a majority lacks committed entries, and those who
 * have them reach nobody but it. Raft has no leader then, which is the price of its log rule; what must not happen is that
 * the hub leads. One more link makes a majority that can.
 */
import type { Scenario } from './scenario.ts';

export const hubConstrained: Scenario = {
  name: 'hub-constrained',
  number: '14',
  tells: 'the hub lacks entries and nobody else reaches a majority: no leader before no loss, and one link more is enough',
  proof: { mutants: ['vote-without-log-check'], invariants: ['S3'] },
  scenery: { nodes: 5 },
  play(scene) {
    const workload = scene.clients();
    const [a, hub, b, c, d] = scene.five();
    scene.isolate(hub);
    scene.run(1500);
    scene.crash(a, 'power');
    scene.cut(b, c, d);
    scene.cut(c, d);
    scene.heal(hub, b, c, d);
    scene.demandNever('S3', 6000, () => scene.replica(hub).raft.role === 'leader', 'the hub leads without what was committed');
    scene.heal(b, c);
    scene.run(4000);
    scene.demandLeader([b, c]);
    scene.boot(a);
    scene.healAll();
    scene.demandAllIsWell(workload);
  },
};
