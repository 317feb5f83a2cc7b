/**
 * The `Transport` port on libp2p: TCP, pre-shared cluster key, Noise, yamux; beacons over gossipsub; mDNS and a
 * bootstrap list to find each other. Decisions are in the files beside this one; here the parts are put together.
 */
import type { Connection, IdentifyResult, PrivateKey } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import type { NodeId } from '../../core/lib/ids.ts';
import { nodeId } from '../../core/lib/ids.ts';
import { parseAddress } from '../../options/values.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Observer } from '../../ports/observer.ts';
import type { Channel, RedialOutcome, Transport, TransportEvents } from '../../ports/transport.ts';
import { MESSAGE_BYTES_MAX } from '../../protocol/limits.ts';
import { dialOrder, hostPort, joinAddresses } from './addresses.ts';
import { Bootstrap } from './bootstrap.ts';
import { Connector, type DialResult } from './connect.ts';
import { Dialer } from './dialer.ts';
import { Discovery } from './discovery.ts';
import { Gossip } from './gossip.ts';
import { ADDRESSES_KEPT_MS, CONFIRM_TIMEOUT_MS, KNOWN_PEERS_MAX, STREAMS_PER_CHANNEL_MAX, WIRE_VERSION } from './limits.ts';
import { channels, protocolOf } from './link.ts';
import { startLibp2p, type ListenOptions, type SkeinLibp2p } from './node.ts';
import { Notes } from './notes.ts';
import { PeerTable } from './peer-table.ts';
import { redial } from './redial.ts';

export interface Libp2pTransportInit {
  /** Ed25519: the node's identity. */
  readonly privateKey: PrivateKey;
  /** Content of a libp2p swarm key file (`ClusterKey.psk`). */
  readonly psk: Uint8Array;
  readonly clusterName: string;
  readonly bootId: string;
  /** Of the software, for people. */
  readonly version: string;
  readonly listen: ListenOptions;
  /** Multiaddrs, `host:port` or DNS names. */
  readonly bootstrap: readonly string[];
  readonly mdns: boolean;
  /** Multiaddrs to tell others instead of the detected ones. @default [] */
  readonly announce?: readonly string[];
  readonly observer: Observer;
  readonly clock: Clock;
  /** libp2p's own log as debug notes. Costs much on every message. @default false */
  readonly libp2pLog?: boolean;
}

export interface Libp2pTransport extends Transport {
  /** Port that is listened on: the one asked for or a later one. */
  readonly port: number;
  /** Ask for other nodes every second instead of every 10, while no cluster is known. No effect without mDNS. */
  setSeeking(on: boolean): void;
  /** `host:port` for the line to join from another machine; the likeliest first. */
  joinAddresses(): string[];
  /** Resolves when sockets and timers of a stopped transport are gone. */
  stopped(): Promise<void>;
}

/** @returns a transport that listens already but says and hears nothing before `start`. @throws SkeinError OPTION_INVALID. */
export async function createLibp2pTransport(init: Libp2pTransportInit): Promise<Libp2pTransport> {
  const bootstrap = init.bootstrap.map((text) => parseAddress(text, 'bootstrap'));
  const announce = (init.announce ?? []).map((text) => parseAddress(text, 'announce'));
  const gate = Promise.withResolvers<(channel: Channel, ...stream: InboundStream) => void>();
  const { node, port } = await startLibp2p({ ...init, announce, debug: init.libp2pLog === true ? init.observer : undefined });
  // Streams that come before `start` wait in their own buffers.
  for (const channel of channels) {
    await node.handle(protocolOf(channel), (stream, connection) => void gate.promise.then((inbound) => inbound(channel, stream, connection)), {
      maxInboundStreams: STREAMS_PER_CHANNEL_MAX,
      maxOutboundStreams: STREAMS_PER_CHANNEL_MAX,
    });
  }
  return new TransportOnLibp2p({ ...init, bootstrap }, node, port, gate.resolve);
}

type InboundStream = Parameters<PeerTable['inbound']> extends [Channel, ...infer Rest] ? Rest : never;

/** What runs between `start` and `stop`. */
interface Running {
  readonly events: TransportEvents;
  readonly table: PeerTable;
  readonly dialer: Dialer;
  readonly bootstrap: Bootstrap;
  readonly discovery: Discovery | undefined;
}

class TransportOnLibp2p implements Libp2pTransport {
  readonly self: NodeId;
  readonly bootId: string;
  readonly port: number;
  readonly #init: Libp2pTransportInit;
  readonly #node: SkeinLibp2p;
  readonly #notes: Notes;
  readonly #connector: Connector;
  readonly #gossip: Gossip;
  readonly #admit: (inbound: (channel: Channel, ...stream: InboundStream) => void) => void;
  #running: Running | undefined;
  #seeking = false;
  /** Peers learned before `start`. */
  readonly #early = new Map<NodeId, readonly string[]>();
  #stopped: Promise<void> | undefined;
  #addresses: string[] = [];
  #addressesUntil = -Infinity;

  constructor(init: Libp2pTransportInit, node: SkeinLibp2p, port: number, admit: (inbound: (channel: Channel, ...stream: InboundStream) => void) => void) {
    this.#init = init;
    this.#node = node;
    this.#admit = admit;
    this.self = nodeId(node.peerId.toString());
    this.bootId = init.bootId;
    this.port = port;
    this.#notes = new Notes(init.observer, init.clock);
    this.#connector = new Connector(node, this.#notes);
    this.#gossip = new Gossip(node.services.gossip, init.clusterName, this.#notes);
  }

  start(events: TransportEvents): void {
    if (this.#running !== undefined || this.#stopped !== undefined) return;
    const { table, dialer, bootstrap, discovery } = (this.#running = this.#parts(events));
    this.#node.addEventListener('connection:open', (event: CustomEvent<Connection>) => table.connected(event.detail));
    this.#node.addEventListener('connection:close', (event: CustomEvent<Connection>) => table.disconnected(event.detail));
    this.#node.addEventListener('peer:identify', (event: CustomEvent<IdentifyResult>) => {
      dialer.learn(nodeId(event.detail.peerId.toString()), event.detail.listenAddrs.map(String), 'seen');
    });
    for (const connection of this.#node.getConnections()) table.connected(connection);
    this.#admit((channel, stream, connection) => table.inbound(channel, stream, connection));
    this.#gossip.start((from, bytes) => events.gossip(from, bytes));
    for (const [peer, addresses] of this.#early) dialer.learn(peer, addresses, 'learned');
    this.#early.clear();
    bootstrap.start();
    discovery?.setSeeking(this.#seeking);
    discovery?.start();
  }

  stop(): void {
    if (this.#stopped !== undefined) return;
    const running = this.#running;
    this.#running = undefined;
    running?.bootstrap.stop();
    running?.dialer.stop();
    running?.table.stop();
    this.#gossip.stop();
    this.#stopped = Promise.all([running?.discovery?.stop() ?? Promise.resolve(), this.#node.stop()]).then(
      () => undefined,
      (error: Error) => this.#notes.tell('debug', 'stop-failed', error.message),
    );
  }

  stopped(): Promise<void> {
    return this.#stopped ?? Promise.resolve();
  }

  send(to: NodeId, channel: Channel, bytes: Uint8Array): boolean {
    if (bytes.byteLength > MESSAGE_BYTES_MAX) {
      this.#notes.warn('message-too-large', channel, `a message of ${bytes.byteLength} bytes on ${channel} is over ${MESSAGE_BYTES_MAX} and was not sent`, { to, channel });
      return false;
    }
    return this.#running?.table.primary(to)?.send(channel, bytes) ?? false;
  }

  queued(to: NodeId, channel: Channel): number {
    return this.#running?.table.primary(to)?.queued(channel) ?? 0;
  }

  peers(): NodeId[] {
    return this.#running?.table.up() ?? [];
  }

  isConnected(peer: NodeId): boolean {
    return this.#running?.table.primary(peer) !== undefined;
  }

  learn(peer: NodeId, addresses: readonly string[]): void {
    if (this.#running !== undefined) this.#running.dialer.learn(peer, addresses, 'learned');
    else if (this.#stopped === undefined && this.#early.size < KNOWN_PEERS_MAX) this.#early.set(peer, addresses);
  }

  forget(peer: NodeId): void {
    this.#early.delete(peer);
    this.#running?.dialer.forget(peer);
  }

  addresses(): string[] {
    // libp2p asks the system for its interfaces each time, which costs more than all else a keepalive does.
    const now = this.#init.clock.now();
    if (now >= this.#addressesUntil) {
      this.#addresses = this.#node.getMultiaddrs().map(String);
      this.#addressesUntil = now + ADDRESSES_KEPT_MS;
    }
    return this.#addresses;
  }

  addressesOf(peer: NodeId): string[] {
    return this.#running?.dialer.addressesOf(peer) ?? [];
  }

  joinAddresses(): string[] {
    return joinAddresses(this.addresses());
  }

  setSeeking(on: boolean): void {
    this.#seeking = on;
    this.#running?.discovery?.setSeeking(on);
  }

  publish(bytes: Uint8Array): void {
    this.#gossip.publish(bytes);
  }

  redial(peer: NodeId, lastBootId: string, done: (outcome: RedialOutcome) => void): void {
    const running = this.#running;
    if (running === undefined) return;
    const answer = (outcome: RedialOutcome): void => {
      if (this.#running === running) done(outcome);
    };
    const init = { clock: this.#init.clock, table: running.table, confirm: (id: NodeId) => this.#confirm(id), dial: (id: NodeId) => this.#dialAgain(id) };
    void redial(init, peer, lastBootId).then((outcome) => queueMicrotask(() => answer(outcome)));
  }

  #parts(events: TransportEvents): Running {
    const { clock, bootId, clusterName, version } = this.#init;
    const notes = this.#notes;
    const hello = { wireVersion: WIRE_VERSION, nodeId: this.self, bootId, clusterName, version };
    const table = new PeerTable({
      hello,
      clock,
      notes,
      events,
      up: (peer) => dialer.up(peer, hostPort(table.linkAddress(peer))?.host ?? ''),
      gone: (peer, wasUp) => {
        dialer.gone(peer, wasUp);
        if (wasUp) bootstrap.gone(peer);
      },
      refused: (peer) => dialer.refused(peer),
    });
    const dialer: Dialer = new Dialer({
      self: this.self,
      clock,
      isConnected: (peer) => table.hasLink(peer),
      dial: async (peer, addresses) => failureOf(await this.#connector.dialAny(this.#order(peer, addresses), peer)),
    });
    const bootstrap = new Bootstrap({
      entries: this.#init.bootstrap,
      clock,
      notes,
      connectedAt: (address) => dialer.knownAt(address, (peer) => table.hasLink(peer)),
      isConnected: (peer) => table.hasLink(peer),
      dial: async (address, peer) => {
        const result = await this.#connector.dial(address, peer);
        return 'failure' in result ? result : { peer: nodeId(result.connection.remotePeer.toString()) };
      },
    });
    const discovery = this.#init.mdns ? new Discovery({ clusterName, notes, found: (peer, addresses) => dialer.learn(peer, addresses, 'seen') }, this.#node.services.parts) : undefined;
    return { events, table, dialer, bootstrap, discovery };
  }

  #order(peer: NodeId, addresses: readonly string[]): string[] {
    return dialOrder(addresses, this.addresses(), this.#running?.dialer.lastHostOf(peer));
  }

  /** Dials only where the peer was last, if that is known: another of its addresses could say nothing about that process. */
  async #dialAgain(peer: NodeId): Promise<DialResult> {
    const dialer = this.#running?.dialer;
    const order = this.#order(peer, dialer?.addressesOf(peer) ?? []);
    const host = dialer?.lastHostOf(peer) ?? '';
    const there = order.filter((address) => hostPort(address)?.host === host);
    return this.#connector.dialAny(there.length > 0 ? there : order, peer, { force: true });
  }

  async #confirm(peer: NodeId): Promise<boolean> {
    const abort = new AbortController();
    const timer = this.#init.clock.setTimer(CONFIRM_TIMEOUT_MS, () => abort.abort());
    try {
      await this.#node.services.ping.ping(peerIdFromString(peer), { signal: abort.signal });
      return true;
    } catch {
      return false;
    } finally {
      timer.cancel();
    }
  }
}

function failureOf(result: DialResult): Extract<DialResult, { failure: unknown }>['failure'] | undefined {
  return 'failure' in result ? result.failure : undefined;
}
