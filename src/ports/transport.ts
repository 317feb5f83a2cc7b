/**
 * Messages between nodes. Delivery is best effort: a message may be lost when a link closes, and the layers above
 * retry. Within one channel of one connection, order is kept and nothing is doubled; across reconnects nothing is
 * promised. Callbacks are never called from inside a call to the port.
 */
import type { NodeId } from '../core/lib/ids.ts';

/** `raft` never queues behind anything else; `work` is sessions, claims, results, clients; `bulk` is snapshots; `blob` is files. */
export type Channel = 'raft' | 'work' | 'bulk' | 'blob';

export interface TransportEvents {
  /** `bytes` of `blob` are valid during the call only: their memory is used again. */
  message(from: NodeId, channel: Channel, bytes: Uint8Array): void;
  /** First connection to this peer. `bootId` is from its handshake. */
  peerUp(peer: NodeId, bootId: string): void;
  /** The last connection to this peer closed. */
  peerDown(peer: NodeId): void;
  /** A gossiped beacon (any peer's, also from nodes we have no connection to). */
  gossip(from: NodeId, bytes: Uint8Array): void;
}

/** `refused`: the machine answers but no process listens there. `rebooted`: another process answered. */
export type RedialOutcome = 'connected' | 'refused' | 'rebooted' | 'unreachable';

export interface Transport {
  readonly self: NodeId;
  readonly bootId: string;
  start(events: TransportEvents): void;
  stop(): void;
  /**
   * Queues one message. Messages of one event-loop turn to one peer leave as one frame.
   * @returns false when there is no connection or the queue is full: the message is dropped.
   */
  send(to: NodeId, channel: Channel, bytes: Uint8Array): boolean;
  /** Bytes queued and not yet taken by the network, for back-pressure on `bulk` and `blob`. */
  queued(to: NodeId, channel: Channel): number;
  /** Connected peers. */
  peers(): NodeId[];
  isConnected(peer: NodeId): boolean;
  /** Remembers where a peer was seen; keeps trying to connect with backoff until `forget`. */
  learn(peer: NodeId, addresses: readonly string[]): void;
  forget(peer: NodeId): void;
  /** Addresses on which others can reach this node (multiaddrs). */
  addresses(): string[];
  /** Known addresses of a peer. */
  addressesOf(peer: NodeId): string[];
  /** Tries one new connection at once, or confirms the present one with a round trip. */
  redial(peer: NodeId, lastBootId: string, done: (outcome: RedialOutcome) => void): void;
  /** Best effort to everybody. */
  publish(bytes: Uint8Array): void;
}
