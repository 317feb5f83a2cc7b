/**
 * The word that hands over and the last heartbeats of the old leader pass each other (canonical/raft#203). Whoever got the
 * heartbeat last still hears a leader and must vote nevertheless, since the old leader wants it so; one hand-over costs one term.
 */
import type { Scenario } from './scenario.ts';

export const transferRacesHeartbeat: Scenario = {
  name: 'transfer-races-heartbeat',
  number: 'near',
  tells: 'leadership is handed over at any moment between two heartbeats',
  proof: { mutants: ['transfer-respects-lease'], invariants: ['L1'] },
  scenery: { nodes: 3, network: { delayMinMs: 5, delayJitterMs: 3 } },
  play(scene) {
    const workload = scene.clients();
    for (let round = 0; round < 8; round += 1) {
      const leader = scene.newLeader();
      const { term } = scene.replica(leader).raft;
      const target = scene.others(leader)[round % 2]!;
      scene.pause(scene.cluster.init.timing.heartbeatMs);
      scene.call(leader, (replica) => replica.transfer(scene.member(target)));
      const leads = (): boolean => scene.replica(target).mayPlan();
      scene.demandWithin('L1', 300, leads, `${target.name} was to lead and does not`);
      scene.demand('L1', scene.replica(target).raft.term === term + 1, () => `one hand-over took ${scene.replica(target).raft.term - term} terms`);
      scene.run(500);
    }
    scene.demandAllIsWell(workload);
  },
};
