/** How the simulated network behaves. Real links are TCP; the `nasty` part goes beyond what TCP would do. */
import type { Channel } from '../src/ports/transport.ts';

export interface NetworkOptions {
  /** One way, the fixed part. */
  readonly delayMinMs: number;
  /** One way, the mean of the exponential part added to it. */
  readonly delayJitterMs: number;
  /** Bytes a connection carries per ms in one direction and channel. */
  readonly bytesPerMs: number;
  /** Probability per frame that its connection breaks: all that is in flight on it is lost. */
  readonly resetRate: number;
  /** Probability per frame that the link stalls: this and all later frames of the channel come late together. */
  readonly stallRate: number;
  readonly stallMeanMs: number;
  /** Probability per frame that the whole path to the other host clogs, for all channels, at most 5 s. */
  readonly clogRate: number;
  readonly clogMeanMs: number;
  /** Frames on their way at once from one host to another. Infinity = any number. */
  readonly pathCapacity: number;
  /**
   * What happens to a frame that finds its path full. `wait`: it stands in the queue of the sender. `drop`: it is sent
   * again after a while, as TCP does, and whatever comes after it on its channel waits; on a nasty channel it is lost.
   */
  readonly overflow: 'wait' | 'drop';
  /** Channels on which single frames are lost, doubled and overtaken, though the connection lives. */
  readonly nastyChannels: readonly Channel[];
  readonly lossRate: number;
  readonly duplicateRate: number;
  readonly reorderRate: number;
  /** Mean extra delay of a frame that is overtaken, and of a duplicate. */
  readonly reorderMeanMs: number;
  /** Probability per hop that a beacon is lost. */
  readonly gossipLossRate: number;
  /** A cut is noticed (keepalive of the connection) after this long. */
  readonly cutNoticedMinMs: number;
  readonly cutNoticedMaxMs: number;
  /** A dial that gets no answer gives up after this long. */
  readonly dialTimeoutMs: number;
  readonly dialBackoffMinMs: number;
  readonly dialBackoffMaxMs: number;
  /** Nodes of one segment find each other without being told. */
  readonly mdns: boolean;
  readonly mdnsIntervalMs: number;
}

/** A quiet wired network. */
export const WIRED: NetworkOptions = {
  delayMinMs: 0.2,
  delayJitterMs: 0.1,
  bytesPerMs: 100_000,
  resetRate: 0,
  stallRate: 0,
  stallMeanMs: 500,
  clogRate: 0,
  clogMeanMs: 1000,
  pathCapacity: Infinity,
  overflow: 'wait',
  nastyChannels: [],
  lossRate: 0,
  duplicateRate: 0,
  reorderRate: 0,
  reorderMeanMs: 20,
  gossipLossRate: 0,
  cutNoticedMinMs: 2000,
  cutNoticedMaxMs: 6000,
  dialTimeoutMs: 1500,
  dialBackoffMinMs: 100,
  dialBackoffMaxMs: 3000,
  mdns: true,
  mdnsIntervalMs: 1000,
};

/** Bytes one channel of one connection may hold; further messages are refused, as the real transport does. */
export const CHANNEL_QUEUE_BYTES_MAX = 8 * 1024 * 1024;
/** First pause before a dropped frame is sent again; doubled each time, as TCP does. */
export const RETRANSMIT_MIN_MS = 200;
export const RETRANSMIT_MAX_MS = 3200;
/** Peers that each node passes a beacon on to. */
export const GOSSIP_FANOUT = 6;
/** Hops after which a beacon is dropped. */
export const GOSSIP_HOPS_MAX = 6;
