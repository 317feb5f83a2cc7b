/**
 * The simulated network: hosts, the paths between them, and who can reach whom. Cuts are per direction; a host without
 * power answers nothing, a host whose process died refuses.
 */
import type { NodeId } from '../src/core/lib/ids.ts';
import type { Channel } from '../src/ports/transport.ts';
import { connect, type End } from './connection.ts';
import type { Kernel, Process } from './kernel.ts';
import type { NetworkOptions } from './network-options.ts';
import { NetworkPath } from './network-path.ts';
import type { Prng } from './prng.ts';
import { SimTransport } from './transport.ts';

export interface Host {
  readonly id: NodeId;
  readonly index: number;
  readonly address: string;
  /** Hosts of one segment hear each other's mDNS. */
  readonly segment: number;
  powered: boolean;
  /** The machine sleeps: nothing gets through to it or from it. */
  asleep: boolean;
  /** The process that listens there, if any. */
  transport: SimTransport | undefined;
  messagesSent: number;
  bytesSent: number;
}

export type DialOutcome = { readonly outcome: 'connected'; readonly bootId: string } | { readonly outcome: 'refused' | 'unreachable' };

/** What the network did to the messages; a run asserts that the faults it enabled are not 0 here. */
export interface NetworkFigures {
  frames: number;
  messages: number;
  bytes: number;
  beacons: number;
  lost: number;
  duplicated: number;
  reordered: number;
  resets: number;
  stalls: number;
  clogs: number;
  /** Times that a frame found its path full. */
  overflows: number;
  /** Frames that waited at a cut. */
  stalledByCut: number;
}

/** Called for each message that a node hands to the network. */
export type SendHook = (from: NodeId, to: NodeId, channel: Channel, bytes: Uint8Array) => void;

/** Shifts the index of the sending host in the key of a blocked path. */
const HOSTS_MAX = 65_536;

export class Network {
  readonly kernel: Kernel;
  readonly random: Prng;
  readonly figures: NetworkFigures = { frames: 0, messages: 0, bytes: 0, beacons: 0, lost: 0, duplicated: 0, reordered: 0, resets: 0, stalls: 0, clogs: 0, overflows: 0, stalledByCut: 0 };
  readonly hosts: Host[] = [];
  /** May be replaced while the simulation runs: calm after the faults, for example. */
  options: NetworkOptions;
  onSend: SendHook | undefined;
  /** Virtual ms at which the last frame arrives of all that are under way: calm comes after it. */
  latestArrival = 0;
  readonly #byId = new Map<NodeId, Host>();
  readonly #blocked = new Set<number>();
  readonly #paths = new Map<number, NetworkPath>();
  /** All connections that at least one side believes in, by unordered pair of hosts. */
  readonly #ends = new Map<number, Set<End>>();

  constructor(kernel: Kernel, options: NetworkOptions, random: Prng) {
    this.kernel = kernel;
    this.options = options;
    this.random = random;
  }

  addHost(id: NodeId, segment = 0): Host {
    const index = this.hosts.length;
    const host: Host = { id, index, address: `/sim/${index}`, segment, powered: true, asleep: false, transport: undefined, messagesSent: 0, bytesSent: 0 };
    this.hosts.push(host);
    this.#byId.set(id, host);
    return host;
  }

  host(id: NodeId): Host {
    const host = this.#byId.get(id);
    if (host === undefined) throw new Error(`no host ${id}`);
    return host;
  }

  /** A new process on this host. It listens once it called `start`. */
  boot(id: NodeId, process: Process, bootId: string): SimTransport {
    const host = this.host(id);
    if (host.transport !== undefined) throw new Error(`${id} is already up`);
    host.powered = true;
    const transport = new SimTransport(this, host, process, bootId);
    host.transport = transport;
    // Peers that still believe in a connection to the process before this one are told by a reset.
    for (const peer of this.hosts) for (const end of this.#endsOf(host, peer)) if (!end.open) end.tellOther();
    return transport;
  }

  /** The process ended. `power`: the machine went with it, so nobody sends a FIN and nobody refuses a dial. */
  down(id: NodeId, how: 'process' | 'power'): void {
    const host = this.host(id);
    const { transport } = host;
    if (how === 'power') host.powered = false;
    host.transport = undefined;
    transport?.vanish();
    if (how === 'power') for (const peer of this.hosts) if (peer !== host) this.#noticeLater(host, peer);
  }

  /** The machine sleeps: it acknowledges nothing and answers nobody, so its peers find out after a while. */
  sleep(id: NodeId): void {
    const host = this.host(id);
    host.asleep = true;
    for (const peer of this.hosts) if (peer !== host) this.#noticeLater(host, peer);
  }

  wake(id: NodeId): void {
    const host = this.host(id);
    host.asleep = false;
    for (const peer of this.hosts) {
      this.#pathIsFree(host, peer);
      this.#pathIsFree(peer, host);
    }
  }

  /** Nothing that `from` sends reaches `to` until `heal`. */
  cut(from: NodeId, to: NodeId): void {
    const [a, b] = [this.host(from), this.host(to)];
    if (a === b || this.#blocked.has(pathKey(a, b))) return;
    this.#blocked.add(pathKey(a, b));
    this.#noticeLater(a, b);
  }

  heal(from: NodeId, to: NodeId): void {
    const [a, b] = [this.host(from), this.host(to)];
    if (this.#blocked.delete(pathKey(a, b))) this.#pathIsFree(a, b);
  }

  #pathIsFree(a: Host, b: Host): void {
    for (const end of this.#endsOf(a, b)) {
      if (end.owner.host === a && end.open) end.retransmit();
      // The side that gave up meanwhile answers the other's next segment with a reset.
      if (!end.open) end.tellOther();
    }
  }

  healAll(): void {
    for (const a of this.hosts) for (const b of this.hosts) this.heal(a.id, b.id);
  }

  isBlocked(from: Host, to: Host): boolean {
    return from.asleep || to.asleep || (this.#blocked.size > 0 && this.#blocked.has(pathKey(from, to)));
  }

  path(from: Host, to: Host): NetworkPath {
    const key = pathKey(from, to);
    let path = this.#paths.get(key);
    if (path === undefined) this.#paths.set(key, (path = new NetworkPath()));
    return path;
  }

  get cuts(): number {
    return this.#blocked.size;
  }

  canReach(a: Host, b: Host): boolean {
    return a.powered && b.powered && !this.isBlocked(a, b) && !this.isBlocked(b, a);
  }

  drawDelay(): number {
    return this.options.delayMinMs + this.random.exponential(this.options.delayJitterMs);
  }

  /** One attempt to reach the process behind `peer`; makes a connection if there is none that both sides believe in. */
  dial(from: SimTransport, peer: NodeId, addresses: readonly string[], done: (result: DialOutcome) => void): void {
    const to = this.#byId.get(peer);
    const answer = (delayMs: number, result: DialOutcome): void => void this.kernel.after(delayMs, undefined, () => done(result));
    const unanswered = (): void => answer(this.options.dialTimeoutMs, { outcome: 'unreachable' });
    if (to === undefined || !addresses.includes(to.address) || !this.#answers(from, to)) {
      unanswered();
      return;
    }
    const delayMs = this.drawDelay() + this.drawDelay() + this.#cloggedMs(from.host, to) + this.#cloggedMs(to, from.host);
    if (delayMs > this.options.dialTimeoutMs) {
      unanswered();
      return;
    }
    this.kernel.after(delayMs, undefined, () => {
      const target = to.transport;
      if (!this.#answers(from, to)) unanswered();
      else if (target?.listening !== true) done({ outcome: 'refused' });
      else {
        if (from.process.alive) this.#join(from, target);
        done({ outcome: 'connected', bootId: target.bootId });
      }
    });
  }

  /** Forgets an end that its owner closed. */
  dropped(end: End): void {
    const ends = this.#ends.get(pairKey(end.owner.host, end.other.owner.host));
    if (!end.open && !end.other.open) {
      ends?.delete(end);
      ends?.delete(end.other);
    }
  }

  #answers(from: SimTransport, to: Host): boolean {
    return this.canReach(from.host, to) && to.transport?.process.paused !== true && !from.process.paused;
  }

  #cloggedMs(from: Host, to: Host): number {
    return Math.max(0, (this.#paths.get(pathKey(from, to))?.cloggedUntil ?? 0) - this.kernel.now);
  }

  #join(a: SimTransport, b: SimTransport): void {
    const present = a.endTo(b.self);
    if (present?.open === true && present.other.open && present.other === b.endTo(a.self)) return;
    const [endA, endB] = connect(this, a, b);
    const key = pairKey(a.host, b.host);
    const ends = this.#ends.get(key) ?? new Set();
    this.#ends.set(key, ends.add(endA).add(endB));
    a.adopt(endA);
    b.adopt(endB);
  }

  /** Both sides of every connection between the two find out after a while, unless the path is healed before. */
  #noticeLater(a: Host, b: Host): void {
    const { cutNoticedMinMs, cutNoticedMaxMs } = this.options;
    for (const end of this.#endsOf(a, b)) {
      this.kernel.after(this.random.between(cutNoticedMinMs, cutNoticedMaxMs), undefined, () => {
        if (!this.canReach(a, b) || !end.other.open) end.close();
      });
    }
  }

  #endsOf(a: Host, b: Host): End[] {
    return [...(this.#ends.get(pairKey(a, b)) ?? [])];
  }
}

function pathKey(from: Host, to: Host): number {
  return from.index * HOSTS_MAX + to.index;
}

function pairKey(a: Host, b: Host): number {
  return a.index < b.index ? pathKey(a, b) : pathKey(b, a);
}
