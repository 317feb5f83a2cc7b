/** The Transport port of one process on the simulated network. */
import type { NodeId } from '../src/core/lib/ids.ts';
import type { Channel, RedialOutcome, Transport, TransportEvents } from '../src/ports/transport.ts';
import type { Timer } from '../src/ports/clock.ts';
import { MESSAGE_BYTES_MAX } from '../src/protocol/limits.ts';
import type { End } from './connection.ts';
import type { Process } from './kernel.ts';
import type { Host, Network } from './network.ts';
import { GOSSIP_FANOUT, GOSSIP_HOPS_MAX } from './network-options.ts';

interface KnownPeer {
  addresses: readonly string[];
  attempts: number;
  dialing: boolean;
  retry: Timer | undefined;
}

export class SimTransport implements Transport {
  readonly self: NodeId;
  readonly bootId: string;
  readonly host: Host;
  readonly process: Process;
  readonly #network: Network;
  readonly #ends = new Map<NodeId, End>();
  readonly #known = new Map<NodeId, KnownPeer>();
  #events: TransportEvents | undefined;

  constructor(network: Network, host: Host, process: Process, bootId: string) {
    this.#network = network;
    this.host = host;
    this.process = process;
    this.self = host.id;
    this.bootId = bootId;
  }

  get listening(): boolean {
    return this.#events !== undefined && this.process.alive;
  }

  start(events: TransportEvents): void {
    if (this.#events !== undefined) return;
    this.#events = events;
    for (const peer of this.#known.keys()) this.#dialSoon(peer, 0);
    if (this.#network.options.mdns) this.process.setTimer(this.#network.random.between(0, 50), () => this.#announce());
  }

  stop(): void {
    this.#events = undefined;
    this.#known.clear();
    this.vanish();
  }

  send(to: NodeId, channel: Channel, bytes: Uint8Array): boolean {
    const end = this.#ends.get(to);
    if (bytes.length > MESSAGE_BYTES_MAX || end?.send(channel, bytes) !== true) return false;
    const { figures, onSend, kernel } = this.#network;
    figures.messages += 1;
    figures.bytes += bytes.length;
    this.host.messagesSent += 1;
    this.host.bytesSent += bytes.length;
    kernel.hash.bytes(bytes);
    onSend?.(this.self, to, channel, bytes);
    return true;
  }

  queued(to: NodeId, channel: Channel): number {
    return this.#ends.get(to)?.queued(channel) ?? 0;
  }

  peers(): NodeId[] {
    return [...this.#ends.keys()];
  }

  isConnected(peer: NodeId): boolean {
    return this.#ends.has(peer);
  }

  learn(peer: NodeId, addresses: readonly string[]): void {
    if (peer === this.self) return;
    const known = this.#known.get(peer);
    if (known !== undefined) {
      known.addresses = addresses.length > 0 ? addresses : known.addresses;
      return;
    }
    this.#known.set(peer, { addresses, attempts: 0, dialing: false, retry: undefined });
    if (this.listening) this.#dialSoon(peer, 0);
  }

  forget(peer: NodeId): void {
    this.#known.get(peer)?.retry?.cancel();
    this.#known.delete(peer);
  }

  addresses(): string[] {
    return [this.host.address];
  }

  addressesOf(peer: NodeId): string[] {
    return [...(this.#known.get(peer)?.addresses ?? [])];
  }

  redial(peer: NodeId, lastBootId: string, done: (outcome: RedialOutcome) => void): void {
    this.#network.dial(this, peer, this.addressesOf(peer), (result) => {
      const outcome = result.outcome === 'connected' && result.bootId !== lastBootId ? 'rebooted' : result.outcome;
      this.process.run(() => done(outcome));
    });
  }

  /** Beacons travel over the connections there are, each hop with its own delay and loss. */
  publish(bytes: Uint8Array): void {
    const { kernel, options, random, figures } = this.#network;
    figures.beacons += 1;
    const arrival = new Map<SimTransport, number>([[this, 0]]);
    const heardFrom = new Map<SimTransport, SimTransport>();
    let front: SimTransport[] = [this];
    for (let hop = 0; hop < GOSSIP_HOPS_MAX && front.length > 0; hop += 1) {
      const next: SimTransport[] = [];
      for (const sender of front) {
        for (const end of sender.#gossipEnds()) {
          const target = end.other.owner;
          if (target === heardFrom.get(sender) || !end.other.open || !this.#network.canReach(sender.host, target.host)) continue;
          // As in a mesh: who has it already gets it once more.
          sender.host.messagesSent += 1;
          sender.host.bytesSent += bytes.length;
          if (arrival.has(target)) continue;
          if (random.chance(options.gossipLossRate)) continue;
          heardFrom.set(target, sender);
          arrival.set(target, (arrival.get(sender) as number) + this.#network.drawDelay());
          next.push(target);
        }
      }
      front = next;
    }
    arrival.delete(this);
    for (const [target, delay] of arrival) kernel.after(delay, target.process, () => target.#events?.gossip(this.self, bytes));
  }

  /**
   * Whom a beacon is passed on to. Drawn anew each time, as a mesh is that its nodes keep mending: with a fixed choice,
   * whoever connected last everywhere would never hear a beacon and found a cell of its own.
   */
  #gossipEnds(): readonly End[] {
    const ends = [...this.#ends.values()];
    if (ends.length <= GOSSIP_FANOUT) return ends;
    const first = this.#network.random.int(0, ends.length - 1);
    return Array.from({ length: GOSSIP_FANOUT }, (_, i) => ends[(first + i) % ends.length] as End);
  }

  // ── For the network ──────────────────────────────────────────────────────────────────────────────────────────

  endTo(peer: NodeId): End | undefined {
    return this.#ends.get(peer);
  }

  receive(from: NodeId, end: End, channel: Channel, messages: readonly Uint8Array[]): void {
    this.process.run(() => {
      for (const bytes of messages) {
        if (!end.open || !this.process.alive) return;
        this.#events?.message(from, channel, bytes);
      }
    });
  }

  /** A connection was made. An older one to the same process is dropped silently, as libp2p does after a double dial. */
  adopt(end: End): void {
    const old = this.#ends.get(end.peer);
    this.#ends.delete(end.peer);
    this.#ends.set(end.peer, end);
    if (old !== undefined) {
      old.open = false;
      this.#network.dropped(old);
      if (old.peerBootId === end.peerBootId) return;
      this.process.run(() => this.#events?.peerDown(end.peer));
    }
    this.learn(end.peer, end.other.owner.addresses());
    const known = this.#known.get(end.peer);
    if (known !== undefined) known.attempts = 0;
    this.process.run(() => this.#events?.peerUp(end.peer, end.peerBootId));
  }

  closed(end: End): void {
    this.#network.dropped(end);
    if (this.#ends.get(end.peer) !== end) return;
    this.#ends.delete(end.peer);
    this.process.run(() => this.#events?.peerDown(end.peer));
    if (this.listening && this.#known.has(end.peer)) this.#dialSoon(end.peer, this.#network.options.dialBackoffMinMs);
  }

  /** The sockets close without a word to this process. */
  vanish(): void {
    for (const end of this.#ends.values()) {
      end.open = false;
      this.#network.dropped(end);
      end.tellOther();
    }
    this.#ends.clear();
  }

  // ── Dialling ─────────────────────────────────────────────────────────────────────────────────────────────────

  #dialSoon(peer: NodeId, delayMs: number): void {
    const known = this.#known.get(peer);
    if (known === undefined || known.dialing) return;
    known.retry?.cancel();
    known.retry = this.process.setTimer(delayMs * this.#network.random.between(0.5, 1.5), () => this.#dial(peer, known));
  }

  #dial(peer: NodeId, known: KnownPeer): void {
    if (this.#ends.has(peer) || !this.#known.has(peer) || !this.listening) return;
    known.dialing = true;
    this.#network.dial(this, peer, known.addresses, () => {
      known.dialing = false;
      this.process.run(() => {
        if (this.#ends.has(peer) || !this.listening) return;
        const { dialBackoffMinMs, dialBackoffMaxMs } = this.#network.options;
        known.attempts += 1;
        this.#dialSoon(peer, Math.min(dialBackoffMaxMs, dialBackoffMinMs * 2 ** known.attempts));
      });
    });
  }

  /** mDNS: everybody on the segment who can be heard now. */
  #announce(): void {
    if (!this.listening) return;
    const { hosts, options, random } = this.#network;
    if (this.#ends.size < hosts.length - 1) {
      for (const host of hosts) {
        const heard = host.segment === this.host.segment && host.transport?.listening === true && this.#network.canReach(this.host, host);
        if (heard && host !== this.host) this.learn(host.id, [host.address]);
      }
    }
    this.process.setTimer(options.mdnsIntervalMs * random.between(0.75, 1.25), () => this.#announce());
  }
}
