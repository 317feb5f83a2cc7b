/**
 * One simulated TCP connection with three channels. Each side has an `End`: the two sides learn at different moments
 * that the connection is gone, and what one side sent into it meanwhile is lost.
 */
import type { NodeId } from '../src/core/lib/ids.ts';
import type { Channel } from '../src/ports/transport.ts';
import { CHANNEL_QUEUE_BYTES_MAX, RETRANSMIT_MAX_MS, RETRANSMIT_MIN_MS } from './network-options.ts';
import type { NetworkPath } from './network-path.ts';
import type { Network } from './network.ts';
import type { SimTransport } from './transport.ts';

/** The messages of one event-loop turn to one peer on one channel: they leave, and are lost, together. */
interface Frame {
  readonly turn: number;
  readonly messages: Uint8Array[];
  bytes: number;
}

interface Lane {
  readonly channel: Channel;
  /** Frame that the present turn still adds to. */
  open: Frame | undefined;
  /** Left the process and found the path full, oldest first. */
  readonly backlog: Frame[];
  /** Times that the oldest of them was sent again. */
  retries: number;
  /** Virtual time at which the last byte sent so far leaves. */
  busyUntil: number;
  /** Arrival of the last frame in order: the next one never comes before it. */
  lastArrival: number;
  /** Arrived at a cut: TCP retransmits them, in order, once the path is free. */
  stalled: Frame[];
  queuedBytes: number;
}

export class End {
  readonly owner: SimTransport;
  readonly peer: NodeId;
  readonly peerBootId: string;
  /** False once this side knows that the connection is gone. */
  open = true;
  other!: End;
  readonly #network: Network;
  readonly #path: NetworkPath;
  readonly #lanes: Record<Channel, Lane>;

  constructor(network: Network, owner: SimTransport, peer: SimTransport) {
    this.#network = network;
    this.owner = owner;
    this.peer = peer.self;
    this.peerBootId = peer.bootId;
    this.#path = network.path(owner.host, peer.host);
    this.#lanes = { raft: lane('raft'), work: lane('work'), bulk: lane('bulk'), blob: lane('blob') };
  }

  queued(channel: Channel): number {
    return this.#lanes[channel].queuedBytes;
  }

  /** @returns false when the queue of this channel is full. */
  send(channel: Channel, bytes: Uint8Array): boolean {
    const lane = this.#lanes[channel];
    if (lane.queuedBytes + bytes.length > CHANNEL_QUEUE_BYTES_MAX) return false;
    const { kernel } = this.#network;
    lane.queuedBytes += bytes.length;
    if (lane.open?.turn === kernel.turn) {
      lane.open.messages.push(bytes);
      lane.open.bytes += bytes.length;
      return true;
    }
    const frame = { turn: kernel.turn, messages: [bytes], bytes: bytes.length };
    lane.open = frame;
    kernel.defer(undefined, () => this.#dispatch(lane, frame));
    return true;
  }

  /** The path to the other side is free again: what was stalled goes on. */
  retransmit(): void {
    for (const lane of Object.values(this.#lanes)) {
      if (lane.stalled.length > 0) this.#network.kernel.after(this.#network.drawDelay(), undefined, () => this.#flush(lane));
    }
  }

  #dispatch(lane: Lane, frame: Frame): void {
    const network = this.#network;
    const { options, random, figures } = network;
    const nasty = options.nastyChannels.includes(lane.channel);
    lane.open = undefined;
    figures.frames += 1;
    if (random.chance(options.resetRate)) {
      figures.resets += 1;
      this.reset();
      return;
    }
    if (nasty && random.chance(options.lossRate)) {
      figures.lost += 1;
      lane.queuedBytes -= frame.bytes;
      return;
    }
    lane.backlog.push(frame);
    if (lane.backlog.length === 1) this.#pump(lane);
  }

  /** Puts on the path what has room there, oldest first. */
  #pump(lane: Lane): void {
    const { kernel, options, figures } = this.#network;
    for (let frame = lane.backlog[0]; frame !== undefined; frame = lane.backlog[0]) {
      if (!this.#path.enter(options.pathCapacity)) {
        figures.overflows += 1;
        if (options.overflow === 'drop' && options.nastyChannels.includes(lane.channel)) {
          lane.backlog.shift();
          lane.queuedBytes -= frame.bytes;
          continue;
        }
        const again = (): void => {
          if (!this.open) lane.backlog.length = 0;
          this.#pump(lane);
        };
        if (options.overflow === 'wait') this.#path.wait(again);
        else kernel.after(Math.min(RETRANSMIT_MIN_MS * 2 ** lane.retries, RETRANSMIT_MAX_MS), undefined, again);
        lane.retries += 1;
        return;
      }
      lane.retries = 0;
      lane.backlog.shift();
      this.#transmit(lane, frame);
    }
  }

  #transmit(lane: Lane, frame: Frame): void {
    const network = this.#network;
    const { kernel, options, random, figures } = network;
    const nasty = options.nastyChannels.includes(lane.channel);
    if (random.chance(options.clogRate)) {
      figures.clogs += 1;
      this.#path.clog(kernel.now, random.exponential(options.clogMeanMs));
    }
    const delay = network.drawDelay();
    if (nasty && random.chance(options.duplicateRate)) {
      figures.duplicated += 1;
      kernel.after(delay + random.exponential(options.reorderMeanMs), undefined, () => this.#deliver(lane, frame));
    }
    lane.busyUntil = Math.max(lane.busyUntil, kernel.now) + frame.bytes / options.bytesPerMs;
    const soonest = Math.max(lane.busyUntil + delay, this.#path.cloggedUntil);
    if (nasty && random.chance(options.reorderRate)) {
      figures.reordered += 1;
      kernel.at(soonest + random.exponential(options.reorderMeanMs), undefined, () => this.#arrive(lane, frame));
      return;
    }
    let arrival = Math.max(lane.lastArrival, soonest);
    if (random.chance(options.stallRate)) {
      figures.stalls += 1;
      arrival += random.exponential(options.stallMeanMs);
    }
    lane.lastArrival = arrival;
    network.latestArrival = Math.max(network.latestArrival, arrival);
    kernel.at(arrival, undefined, () => this.#arrive(lane, frame));
  }

  #arrive(lane: Lane, frame: Frame): void {
    this.#path.leave();
    if (lane.stalled.length > 0 || this.#isCut()) {
      lane.stalled.push(frame);
      this.#network.figures.stalledByCut += 1;
      return;
    }
    lane.queuedBytes -= frame.bytes;
    this.#deliver(lane, frame);
  }

  #isCut(): boolean {
    return this.#network.isBlocked(this.owner.host, this.other.owner.host);
  }

  #flush(lane: Lane): void {
    if (this.#isCut()) return;
    for (const frame of lane.stalled.splice(0)) {
      lane.queuedBytes -= frame.bytes;
      this.#deliver(lane, frame);
    }
  }

  #deliver(lane: Lane, frame: Frame): void {
    if (this.other.open) this.other.owner.receive(this.owner.self, this.other, lane.channel, frame.messages);
  }

  /** The network breaks the connection under both sides; each learns it after its own delay. */
  reset(): void {
    for (const end of [this, this.other]) {
      if (end.open) this.#network.kernel.after(this.#network.drawDelay(), undefined, () => end.close());
    }
  }

  /** This side knows that the connection is gone; the other one is told if the path allows it. */
  close(): void {
    if (!this.open) return;
    this.open = false;
    this.tellOther();
    this.owner.closed(this);
  }

  /** FIN or RST: arrives unless the path is cut or the machine is without power, else the other side has to time out. */
  tellOther(): void {
    const network = this.#network;
    if (!this.other.open || this.#isCut() || !this.owner.host.powered) return;
    network.kernel.after(network.drawDelay(), undefined, () => this.other.close());
  }
}

function lane(channel: Channel): Lane {
  return { channel, open: undefined, backlog: [], retries: 0, busyUntil: 0, lastArrival: 0, stalled: [], queuedBytes: 0 };
}

export function connect(network: Network, a: SimTransport, b: SimTransport): [End, End] {
  const ends: [End, End] = [new End(network, a, b), new End(network, b, a)];
  [ends[0].other, ends[1].other] = [ends[1], ends[0]];
  return ends;
}
