/** One connection to a peer: our three outgoing channels, and what the peer's hello said. */
import type { Connection } from '@libp2p/interface';
import type { NodeId } from '../../core/lib/ids.ts';
import { nodeId } from '../../core/lib/ids.ts';
import type { Channel } from '../../ports/transport.ts';
import type { Clock, Timer } from '../../ports/clock.ts';
import type { Hello } from './hello.ts';
import { HELLO_TIMEOUT_MS, REFUSAL_LINGER_MS, STREAMS_PER_CHANNEL_MAX, WIRE_VERSION } from './limits.ts';
import { BulkOutChannel, HotOutChannel, type OutChannel, type OutChannelInit } from './out-channel.ts';

export interface LinkInit {
  readonly connection: Connection;
  readonly clock: Clock;
  /** Rises with every connection: tells older from newer. */
  readonly order: number;
  readonly hello: Uint8Array;
  readonly silent: (link: Link) => void;
  readonly unsupported: (link: Link, error: Error) => void;
}

export const channels: readonly Channel[] = ['raft', 'work', 'bulk', 'blob'];

export function protocolOf(channel: Channel): string {
  return `/skein/${channel}/${WIRE_VERSION}`;
}

export class Link {
  readonly connection: Connection;
  readonly peer: NodeId;
  readonly order: number;
  readonly openedAt: number;
  /** Set once the peer's hello came and fits. */
  hello: Hello | undefined;
  readonly #out: Readonly<Record<Channel, OutChannel>>;
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #helloSent = false;
  #refused = false;

  constructor(init: LinkInit) {
    this.connection = init.connection;
    this.peer = nodeId(init.connection.remotePeer.toString());
    this.order = init.order;
    this.openedAt = init.clock.now();
    this.#clock = init.clock;
    const channelInit = (channel: Channel): OutChannelInit => ({
      channel,
      clock: init.clock,
      hello: init.hello,
      openStream: () => init.connection.newStream(protocolOf(channel), { maxOutboundStreams: STREAMS_PER_CHANNEL_MAX }),
      opened: () => this.#sentHello(),
      unsupported: (error) => init.unsupported(this, error),
    });
    this.#out = { raft: new HotOutChannel(channelInit('raft')), work: new HotOutChannel(channelInit('work')), bulk: new BulkOutChannel(channelInit('bulk')), blob: new BulkOutChannel(channelInit('blob')) };
    this.#timer = init.clock.setTimer(HELLO_TIMEOUT_MS, () => init.silent(this));
  }

  get isOpen(): boolean {
    return this.connection.status === 'open' && !this.#refused;
  }

  get isRefused(): boolean {
    return this.#refused;
  }

  /** The raft stream says hello at once on every connection; `bulk` and `blob` are opened when something is to be sent. */
  open(): void {
    this.#out.raft.open();
    this.#out.work.open();
  }

  greeted(hello: Hello): void {
    this.hello = hello;
    this.#timer?.cancel();
  }

  send(channel: Channel, bytes: Uint8Array): boolean {
    return this.isOpen && this.#out[channel].send(bytes);
  }

  queued(channel: Channel): number {
    return this.#out[channel].queuedBytes;
  }

  /** Closes the connection, but not before our own hello left, so that the other side can tell its user why. */
  refuse(): void {
    if (this.#refused) return;
    this.#refused = true;
    this.#timer?.cancel();
    if (this.#helloSent) return this.#closeSoon(REFUSAL_LINGER_MS / 10);
    this.#timer = this.#clock.setTimer(REFUSAL_LINGER_MS, () => this.abort('refused'));
  }

  abort(reason: string): void {
    this.closed();
    this.connection.abort(new Error(reason));
  }

  /** The connection is gone, or about to be: frees timers and queues. */
  closed(): void {
    this.#timer?.cancel();
    for (const channel of channels) this.#out[channel].close();
  }

  #sentHello(): void {
    if (this.#helloSent) return;
    this.#helloSent = true;
    if (this.#refused) this.#closeSoon(REFUSAL_LINGER_MS / 10);
  }

  #closeSoon(afterMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(afterMs, () => this.abort('refused'));
  }
}
