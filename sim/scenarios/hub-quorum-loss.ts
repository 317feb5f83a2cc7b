/**
 * Partial partition (Cloudflare, 2020-11-02; the OmniPaxos paper calls it quorum loss): every link breaks but those to one
 * hub. The leader still sees one follower and the followers still see the hub, so nobody is quite cut off; yet only the hub
 * has a majority.
 */
import type { Scenario } from './scenario.ts';

export const hubQuorumLoss: Scenario = {
  name: 'hub-quorum-loss',
  number: '14',
  tells: 'every node sees one hub only: it must lead, and the leader without a majority must let go',
  proof: { mutants: ['no-check-quorum'], invariants: ['L1'] },
  scenery: { nodes: 5 },
  play(scene) {
    const workload = scene.clients();
    const [a, hub, ...rest] = scene.five();
    scene.pause(500);
    for (const node of rest) scene.cut(a, node);
    for (const [at, node] of rest.entries()) if (at + 1 < rest.length) scene.cut(node, ...rest.slice(at + 1));
    scene.demandLeader([hub]);
    const { term } = scene.replica(hub).raft;
    scene.run(5000);
    scene.demand('L1', scene.leader === hub && scene.replica(hub).raft.term === term, 'the only node with a majority does not stay leader');
    scene.healAll();
    scene.demandAllIsWell(workload);
  },
};
