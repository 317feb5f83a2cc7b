/**
 * Which peers are up. A peer is up while at least one connection to it is open whose hello arrived and fits. Two
 * connections to one peer (both dialled at once) are tolerated: the first greeted one carries our messages, the other
 * takes over when it closes. A hello with another boot id is another process: the older connections are dead, closed or
 * not, so the peer goes down and comes up again. The same when a peer dials us that has long been connected: it only does
 * so when for it that connection is gone (its address changed, its firewall or a router forgot it), and what we would send
 * on it reached nobody until our own system gives up.
 */
import type { Connection, Stream } from '@libp2p/interface';
import type { NodeId } from '../../core/lib/ids.ts';
import type { SkeinError } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Channel, TransportEvents } from '../../ports/transport.ts';
import { decodeHello, encodeHello, refusal, type Hello } from './hello.ts';
import { readChannel } from './in-channel.ts';
import { BOOTS_REMEMBERED_MAX, DIAL_TIMEOUT_MS, KNOWN_PEERS_MAX } from './limits.ts';
import { Link } from './link.ts';
import type { Notes } from './notes.ts';
import { sparingWindowUpdates } from './tuning.ts';

export interface PeerTableInit {
  readonly hello: Hello;
  readonly clock: Clock;
  readonly notes: Notes;
  readonly events: TransportEvents;
  readonly up: (peer: NodeId) => void;
  /** The last connection closed. @param wasUp false = it never came to a hello. */
  readonly gone: (peer: NodeId, wasUp: boolean) => void;
  readonly refused: (peer: NodeId) => void;
}

interface Peer {
  readonly links: Set<Link>;
  /** Carries our messages; its hello is the peer's. */
  primary: (Link & { hello: Hello }) | undefined;
  wasUp: boolean;
}

export class PeerTable {
  readonly #init: PeerTableInit;
  readonly #hello: Uint8Array;
  readonly #peers = new Map<NodeId, Peer>();
  readonly #links = new Map<string, Link>();
  /** Boot ids that another one took the place of. */
  readonly #past = new Map<NodeId, readonly string[]>();
  readonly #greetings = new Set<(link: Link, bootId: string) => void>();
  #order = 0;

  constructor(init: PeerTableInit) {
    this.#init = init;
    this.#hello = encodeHello(init.hello);
  }

  primary(peer: NodeId): Link | undefined {
    return this.#peers.get(peer)?.primary;
  }

  bootIdOf(peer: NodeId): string | undefined {
    return this.#peers.get(peer)?.primary?.hello.bootId;
  }

  /** Where the peer's primary connection leads to, '' when it is down. */
  linkAddress(peer: NodeId): string {
    return this.#peers.get(peer)?.primary?.connection.remoteAddr.toString() ?? '';
  }

  /** Any connection, greeted or not. */
  hasLink(peer: NodeId): boolean {
    return this.#peers.has(peer);
  }

  up(): NodeId[] {
    return [...this.#peers].filter(([, peer]) => peer.primary !== undefined).map(([id]) => id);
  }

  /** Calls `listener` for every hello that fits. @returns ends it. */
  onGreeting(listener: (link: Link, bootId: string) => void): () => void {
    this.#greetings.add(listener);
    return () => this.#greetings.delete(listener);
  }

  /** Rank of the next connection: links with a lower one are older than now. */
  get nextOrder(): number {
    return this.#order;
  }

  /** Closes the connections that are older than `order`: what they led to is known to be gone. */
  abortOlder(peer: NodeId, order: number, reason: string): void {
    for (const link of this.#peers.get(peer)?.links ?? []) {
      if (link.order >= order) continue;
      link.abort(reason);
      this.#remove(link);
    }
  }

  connected(connection: Connection): void {
    if (connection.status !== 'open' || this.#links.has(connection.id)) return;
    const link = new Link({
      connection,
      clock: this.#init.clock,
      order: this.#order++,
      hello: this.#hello,
      silent: (silent) => this.#drop(silent, 'no hello came'),
      unsupported: (from, error) => this.#unsupported(from, error),
    });
    this.#links.set(connection.id, link);
    const peer = this.#peers.get(link.peer) ?? { links: new Set(), primary: undefined, wasUp: false };
    peer.links.add(link);
    this.#peers.set(link.peer, peer);
    link.open();
  }

  disconnected(connection: Connection): void {
    const link = this.#links.get(connection.id);
    if (link === undefined) return;
    link.closed();
    this.#remove(link);
  }

  inbound(channel: Channel, stream: Stream, connection: Connection): void {
    const link = this.#links.get(connection.id);
    if (link === undefined || link.isRefused) return stream.abort(new Error('the connection is not in use'));
    sparingWindowUpdates(stream);
    readChannel(channel, stream, {
      hello: (bytes) => this.#greeted(link, decodeHello(bytes)),
      message: (bytes) => {
        if (link.hello !== undefined && this.#links.has(connection.id)) this.#init.events.message(link.peer, channel, bytes);
      },
      broken: (error) => this.#frameDropped(link, channel, error),
    });
  }

  /** Sends what is queued and lets go of every connection without telling anybody: the node stops. */
  stop(): void {
    for (const link of this.#links.values()) link.closed();
    this.#links.clear();
    this.#peers.clear();
    this.#greetings.clear();
  }

  #greeted(link: Link, hello: Hello): boolean {
    const { notes } = this.#init;
    if (!this.#links.has(link.connection.id) || link.isRefused) return false;
    const why = refusal(this.#init.hello, hello);
    if (why !== undefined) {
      notes.warn(why.event, link.peer, `${link.peer} at ${link.connection.remoteAddr.toString()} ${why.message}`, { peer: link.peer, version: hello.version, clusterName: hello.clusterName });
      this.#refuse(link);
      return false;
    }
    if (hello.nodeId !== link.peer || (link.hello !== undefined && link.hello.bootId !== hello.bootId)) {
      notes.warn('hello-invalid', link.peer, `${link.peer} says that it is ${hello.nodeId}, boot ${hello.bootId}: the connection is closed`, { peer: link.peer });
      this.#drop(link, 'the hello does not fit the connection');
      return false;
    }
    if (link.hello !== undefined) return true;
    return this.#admit(link, hello);
  }

  #admit(link: Link, hello: Hello): boolean {
    const peer = this.#peers.get(link.peer)!;
    const present = peer.primary;
    if (present !== undefined && present.hello.bootId !== hello.bootId) {
      if (present.order > link.order) {
        this.#drop(link, 'a newer process of this peer is connected');
        return false;
      }
      this.#replaced(present, link, hello.bootId);
      this.abortOlder(link.peer, link.order, 'a newer process of this peer is connected');
    } else if (present !== undefined && link.connection.direction === 'inbound' && link.openedAt - present.openedAt > DIAL_TIMEOUT_MS) {
      this.abortOlder(link.peer, link.order, 'the peer connected anew: for it this connection is gone');
    }
    link.greeted(hello);
    this.#promote(link.peer, this.#peers.get(link.peer) ?? peer);
    for (const listener of this.#greetings) listener(link, hello.bootId);
    return true;
  }

  /** A process that was replaced and is back was never gone: two of them have one key. */
  #replaced(before: Link & { hello: Hello }, now: Link, bootId: string): void {
    const past = this.#past.get(before.peer) ?? [];
    if (past.includes(bootId)) {
      const [here, there] = [now, before].map((link) => link.connection.remoteAddr.toString());
      const message = `two processes are node ${now.peer}, at ${here} and ${there}: a data directory was copied with its node.key. Stop one of them and remove its node.key and log before it starts again`;
      this.#init.notes.warn('node-twice', now.peer, message, { peer: now.peer });
    }
    this.#past.delete(before.peer);
    this.#past.set(before.peer, [...past.filter((id) => id !== before.hello.bootId), before.hello.bootId].slice(-BOOTS_REMEMBERED_MAX));
    for (const oldest of this.#past.keys()) if (this.#past.size > KNOWN_PEERS_MAX) this.#past.delete(oldest);
  }

  /** Chooses the link that carries our messages, if there is none. */
  #promote(id: NodeId, peer: Peer): void {
    if (peer.primary !== undefined) return;
    const next = [...peer.links].find((link): link is Link & { hello: Hello } => link.hello !== undefined && link.isOpen);
    if (next === undefined) return;
    peer.primary = next;
    peer.wasUp = true;
    this.#init.up(id);
    this.#init.events.peerUp(id, next.hello.bootId);
  }

  #remove(link: Link): void {
    if (!this.#links.delete(link.connection.id)) return;
    const peer = this.#peers.get(link.peer);
    if (peer === undefined) return;
    peer.links.delete(link);
    if (peer.links.size === 0) this.#peers.delete(link.peer);
    if (peer.primary === link) {
      peer.primary = [...peer.links].find((other): other is Link & { hello: Hello } => other.hello?.bootId === link.hello?.bootId && other.isOpen);
      if (peer.primary === undefined) this.#init.events.peerDown(link.peer);
    }
    if (peer.links.size === 0) this.#init.gone(link.peer, peer.wasUp);
  }

  #refuse(link: Link): void {
    link.refuse();
    this.#init.refused(link.peer);
  }

  #unsupported(link: Link, error: Error): void {
    this.#init.notes.warn('version-mismatch', link.peer, `${link.peer} at ${link.connection.remoteAddr.toString()} does not speak this node's protocol: install the same Skein on both`, { peer: link.peer, error: error.message });
    this.#refuse(link);
  }

  #drop(link: Link, reason: string): void {
    link.abort(reason);
    this.#remove(link);
  }

  #frameDropped(link: Link, channel: Channel, error: SkeinError): void {
    this.#init.notes.warn('frame-dropped', `${link.peer} ${error.code}`, `${error.code} from ${link.peer} on ${channel}: ${error.message}; the stream is dropped`, { peer: link.peer, channel, code: error.code });
  }
}
