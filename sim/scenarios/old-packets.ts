/**
 * Messages are doubled and overtake each other for a while, through elections and changes of members; ten minutes later every one
 * of them arrives again. Terms, indexes and the round in each message say to what they belong.
 */
import type { NodeId } from '../../src/core/lib/ids.ts';
import { decodeRaft } from '../../src/protocol/raft-codec.ts';
import type { Scenario } from './scenario.ts';

export const oldPackets: Scenario = {
  name: 'old-packets',
  number: 'near',
  tells: 'doubled messages, and all of them once more ten minutes later',
  proof: { argument: 'What is replayed comes in at the door that every message comes in at; an answer or a vote that counted in a later term would change a term or a commit, which is demanded never to happen.' },
  scenery: { nodes: 3, network: { nastyChannels: ['raft'], duplicateRate: 0.3, reorderRate: 0.2, reorderMeanMs: 300 } },
  play(scene) {
    const workload = scene.clients();
    const { network } = scene.cluster;
    const kept: { readonly from: NodeId; readonly to: NodeId; readonly bytes: Uint8Array }[] = [];
    const looks = network.onSend;
    network.onSend = (from, to, channel, bytes) => {
      looks?.(from, to, channel, bytes);
      if (channel === 'raft') kept.push({ from, to, bytes });
    };
    for (let round = 0; round < 3; round += 1) {
      const leader = scene.newLeader();
      scene.run(500);
      scene.crash(leader);
      scene.newLeader();
      scene.run(500);
      scene.boot(leader);
      scene.run(1000);
    }
    if (looks !== undefined) network.onSend = looks;
    workload.stop();
    scene.demand('S2', kept.some(({ bytes }) => decodeRaft(bytes).message.type === 'vote'), 'the story needs votes');
    network.options = { ...network.options, nastyChannels: [] };
    scene.run(600_000);
    const leader = scene.newLeader();
    const { term } = scene.replica(leader).raft;
    for (const { from, to, bytes } of scene.cluster.random.fork('late').shuffle(kept)) {
      const node = scene.cluster.nodes.find(({ id }) => id === to);
      node?.incarnation?.process.run(() => node.runtime?.host.raft(from, decodeRaft(bytes)));
      scene.demand('L8', scene.replica(leader).raft.term === term && scene.replica(leader).raft.role === 'leader', 'a message of ten minutes ago deposes the leader');
    }
    scene.demandNever('L8', 5000, () => scene.cluster.nodes.some((node) => scene.replica(node).raft.term !== term), 'messages of ten minutes ago begin a new term');
    scene.demandAllIsWell(workload);
  },
};
