/** What a quiet cluster costs the network (PROTOCOL §8): exact for a seed, so that a test can pin it. */
import type { Channel } from '../../src/ports/transport.ts';
import { steadyCluster, type SteadyInit } from './steady.ts';

/** One round of beacons of 300 nodes: then everybody has been told of everybody. */
const SETTLE_MS = 12_000;
const COUNTED_MS = 24_000;

export interface Traffic {
  readonly nodes: number;
  /** Sent per node and second, on average over all nodes. */
  readonly messages: number;
  readonly bytes: number;
  /** Sent per second by the node that sends most: the leader. */
  readonly leaderMessages: number;
  readonly leaderBytes: number;
  /** Messages per second in the whole cluster; `gossip`: beacons, each hop and each duplicate. */
  readonly channels: Readonly<Partial<Record<Channel | 'gossip', number>>>;
}

/** Counts what a healthy cluster without work sends, over two rounds of beacons of 300 nodes. */
export function quietTraffic(init: SteadyInit & { readonly nodes: number }): Traffic {
  const { nodes } = init;
  const cluster = steadyCluster(init);
  const { network } = cluster;
  cluster.run(SETTLE_MS);
  const channels: Partial<Record<Channel, number>> = {};
  const { onSend } = network;
  network.onSend = (from, to, channel, bytes) => {
    onSend?.(from, to, channel, bytes);
    channels[channel] = (channels[channel] ?? 0) + 1;
  };
  const before = network.hosts.map(({ messagesSent, bytesSent }) => ({ messagesSent, bytesSent }));
  if (!cluster.run(COUNTED_MS)) throw new Error(cluster.violation?.message);
  const rates = (kind: 'messagesSent' | 'bytesSent'): number[] => network.hosts.map((host, i) => ((host[kind] - before[i]![kind]) * 1000) / COUNTED_MS);
  const [messages, bytes] = [rates('messagesSent'), rates('bytesSent')];
  const direct = Object.entries(channels).map(([channel, count]) => [channel, round((count * 1000) / COUNTED_MS)] as const);
  const gossip = sum(messages) - sum(direct.map(([, rate]) => rate));
  return {
    nodes,
    messages: round(sum(messages) / nodes),
    bytes: Math.round(sum(bytes) / nodes),
    leaderMessages: round(Math.max(...messages)),
    leaderBytes: Math.round(Math.max(...bytes)),
    channels: { ...Object.fromEntries(direct), gossip: round(gossip) },
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
