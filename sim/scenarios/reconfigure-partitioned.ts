/**
 * The members are changed in the middle of a partition, on both sides, while clients write on both (aphyr on RethinkDB 2.2.3,
 * redisraft#17, #28: acknowledged writes gone, two leaders). Only the side with majorities of both the old and the new voters
 * gets its change through, and what it said stays true when the sides meet again.
 */
import type { Scenario } from './scenario.ts';

export const reconfigurePartitioned: Scenario = {
  name: 'reconfigure-partitioned',
  number: '25',
  tells: 'both sides of a partition change the members while clients write',
  proof: { mutants: ['single-majority-in-joint'], invariants: ['S10', 'S5'] },
  scenery: { nodes: 5 },
  play(scene) {
    const workload = scene.clients();
    for (let round = 0; round < 3; round += 1) {
      const [a, b, c, d, e] = scene.five();
      scene.split([a, b]);
      // Two of the three that it wants are on the other side, and so are three of the five that there are.
      scene.call(a, (replica) => replica.changeConfig(scene.members(a, b, c), scene.members(d, e), []));
      scene.demand('S9', scene.replica(a).config.outgoing.length === 5, 'the story needs a joint configuration on the smaller side');
      const next = scene.newLeader([c, d, e]);
      scene.call(next, (replica) => replica.changeConfig(scene.members(c, d, e), scene.members(a, b), []));
      const committed = scene.replica(a).raft.commitIndex;
      scene.demandNever('S5', 2000, () => scene.replica(a).raft.commitIndex > committed, 'the smaller side commits something');
      scene.demand('L4', scene.replica(next).config.voters.length === 3 && !scene.replica(next).raft.configChangePending, 'the larger side does not get its change through');
      scene.healAll();
      const grown = (): boolean => scene.cluster.leader()?.replica?.config.voters.length === 5 && scene.leader.replica?.raft.configChangePending === false;
      scene.demandWithin('L4', 30_000, grown, 'five living members do not become five voters again');
    }
    scene.demandAllIsWell(workload);
  },
};
