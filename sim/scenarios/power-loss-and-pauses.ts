/**
 * A follower that has just acknowledged loses its power, and a pause elsewhere decides that the next majority is that
 * follower and one that had nothing of it (nats-io/nats-server#7567: acknowledged messages were gone). What was
 * acknowledged was synced, so the follower still has it when it is back, and it is the one that leads.
 */
import type { SimNode } from '../sim-node.ts';
import type { Scenario } from './scenario.ts';

export const powerLossAndPauses: Scenario = {
  name: 'power-loss-and-pauses',
  number: '1',
  tells: 'a node loses its unsynced tail while pauses decide who forms the next majority',
  proof: { mutants: ['reply-before-sync-append'], invariants: ['S8', 'S3'] },
  scenery: { nodes: 3, diskMeanMs: 2 },
  play(scene) {
    const workload = scene.clients();
    for (let round = 0; round < 3; round += 1) {
      const a = scene.newLeader();
      const [b, c] = scene.others(a) as [SimNode, SimNode];
      scene.cluster.pauseNode(c);
      scene.pause(700);
      const committed = scene.replica(a).raft.commitIndex;
      scene.crash(b, 'power');
      scene.cluster.pauseNode(a);
      scene.boot(b);
      scene.cluster.resumeNode(c);
      const next = scene.newLeader([b, c]);
      scene.demand('S3', scene.replica(next).raft.commitIndex >= committed, `${next.name} leads and does not have all of what ${a.name} and ${b.name} had committed`);
      scene.run(500);
      scene.cluster.resumeNode(a);
      scene.run(500);
    }
    scene.demandAllIsWell(workload);
  },
};
