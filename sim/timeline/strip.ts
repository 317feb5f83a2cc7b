/** The state of all nodes in one letter each, so that every line of the timeline says how the cluster stood. */
import type { Cluster } from '../cluster.ts';
import type { SimNode } from '../sim-node.ts';

/** More would push the text off the screen. */
const STRIP_NODES_MAX = 16;

export const LEGEND = 'L leads · v votes · c asks for votes · s standby · w worker · . looks for a cell · / cut off from the leader · z paused · - down';

export function stripOf(cluster: Cluster): string {
  if (cluster.nodes.length > STRIP_NODES_MAX) return '';
  const leader = cluster.leader();
  return cluster.nodes.map((node) => letterOf(cluster, node, leader)).join('');
}

function letterOf({ network }: Cluster, node: SimNode, leader: SimNode | undefined): string {
  if (node.state === 'down') return '-';
  if (node.state === 'paused') return 'z';
  const raft = node.replica?.raft;
  if (raft?.role === 'leader') return 'L';
  if (leader !== undefined && !network.canReach(network.host(leader.id), network.host(node.id))) return '/';
  if (raft === undefined) return node.runtime?.cell === '' || node.runtime === undefined ? '.' : 'w';
  if (raft.role !== 'follower') return 'c';
  return voteLetter(node);
}

function voteLetter({ replica }: SimNode): string {
  if (replica === undefined) return 'w';
  const { voters, outgoing } = replica.config;
  return voters.includes(replica.self) || outgoing.includes(replica.self) ? 'v' : 's';
}
