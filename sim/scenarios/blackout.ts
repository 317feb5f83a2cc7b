/**
 * The power of all machines fails at once, several times, while clients write (nats-io/nats-server#7564: acknowledgements
 * had been sent before the sync). Every run that a client was told of is there afterwards.
 */
import type { Scenario } from './scenario.ts';

export const blackout: Scenario = {
  name: 'blackout',
  number: '2',
  tells: 'all nodes lose power together; every acknowledged submit is there afterwards',
  proof: { mutants: ['ack-before-commit'], invariants: ['S8', 'S21'] },
  scenery: { nodes: 5, diskMeanMs: 2 },
  play(scene) {
    const workload = scene.clients();
    for (let round = 0; round < 3; round += 1) {
      scene.pause(500);
      scene.blackout();
      const promised = [...scene.cluster.checkers.requests.promised.values()];
      scene.pause(500);
      scene.bootAll();
      const { state } = scene.replica(scene.newLeader());
      const known = new Set([...state.runs.values()].map(({ runId }) => runId));
      const lost = promised.filter((runId) => !known.has(runId));
      scene.demand('S21', lost.length === 0, `after the blackout nobody knows ${lost.join(' ')}, of which clients had been told`);
      scene.demand('S21', promised.length > 0, 'no client had been told of a run before the power failed');
      scene.run(1000);
    }
    scene.demandAllIsWell(workload);
  },
};
