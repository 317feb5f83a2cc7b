/**
 * The sending half of a channel on one connection: a stream of our own, opened by us, that carries our hello and then
 * our messages. What was queued within one turn of the event loop leaves as one frame.
 */
import type { Stream } from '@libp2p/interface';
import { messageStreamToDuplex } from '@libp2p/utils';
import { pipe } from 'it-pipe';
import type { Channel } from '../../ports/transport.ts';
import type { Clock, Timer } from '../../ports/clock.ts';
import { backoffMs } from './backoff.ts';
import { encodeFrame } from './frame.ts';
import { QUEUE_BYTES_MAX, STREAM_REOPEN_MS, WRITE_BYTES } from './limits.ts';
import { SendQueue } from './send-queue.ts';

export interface OutChannelInit {
  readonly channel: Channel;
  readonly clock: Clock;
  /** Encoded hello: the first frame. */
  readonly hello: Uint8Array;
  readonly openStream: () => Promise<Stream>;
  /** The hello is on its way. */
  readonly opened: () => void;
  /** The peer does not speak this protocol. */
  readonly unsupported: (error: Error) => void;
}

export abstract class OutChannel {
  protected readonly queue: SendQueue;
  protected stream: Stream | undefined;
  /** What is left of the frame that is being written. */
  protected unwritten: Uint8Array = nothing;
  readonly #init: OutChannelInit;
  #state: 'idle' | 'opening' | 'open' | 'closed' = 'idle';
  #failures = 0;
  #reopen: Timer | undefined;
  #flushPlanned = false;

  constructor(init: OutChannelInit) {
    this.#init = init;
    this.queue = new SendQueue(QUEUE_BYTES_MAX[init.channel]);
  }

  /** Bytes that the network has not taken yet. */
  get queuedBytes(): number {
    return this.queue.bytes + this.unwritten.byteLength + (this.stream?.writeBufferLength ?? 0);
  }

  /** @returns false when the queue is full or the channel closed: the message is dropped. */
  send(message: Uint8Array): boolean {
    if (this.#state === 'closed' || !this.queue.push(message)) return false;
    if (this.#state !== 'open') this.open();
    else if (!this.#flushPlanned) {
      this.#flushPlanned = true;
      this.#init.clock.settle(this.#flushNow);
    }
    return true;
  }

  /** idle → opening. */
  open(): void {
    if (this.#state !== 'idle' || this.#reopen !== undefined) return;
    this.#state = 'opening';
    this.#init.openStream().then(
      (stream) => this.#opened(stream),
      (error: Error) => this.#lost(error),
    );
  }

  /** Any state → closed, for good. Sends what it can first. */
  close(): void {
    if (this.#state === 'closed') return;
    if (this.#state === 'open') this.flush();
    this.#state = 'closed';
    this.#reopen?.cancel();
    this.queue.clear();
    this.unwritten = nothing;
    this.ended();
  }

  /** The next piece of this or the next frame; undefined when nothing waits. */
  protected nextPiece(): Uint8Array | undefined {
    const frame = this.unwritten.byteLength > 0 ? this.unwritten : this.queue.takeFrame();
    if (frame === undefined) return undefined;
    this.unwritten = frame.byteLength > WRITE_BYTES ? frame.subarray(WRITE_BYTES) : nothing;
    return frame.byteLength > WRITE_BYTES ? frame.subarray(0, WRITE_BYTES) : frame;
  }

  /** Hands queued messages to the stream, as far as it takes them. */
  protected abstract flush(): void;

  /** When this process has looked at what else came. */
  protected nextTurn(): Promise<void> {
    return new Promise((resolve) => void this.#init.clock.setTimer(0, resolve));
  }

  /** The stream is open and the hello was given to it. */
  protected abstract begin(stream: Stream, hello: Uint8Array): void;
  protected abstract ended(): void;

  readonly #flushNow = (): void => {
    this.#flushPlanned = false;
    if (this.#state === 'open') this.flush();
  };

  /** opening → open. */
  #opened(stream: Stream): void {
    if (this.#state === 'closed') return stream.abort(new Error('the channel is closed'));
    stream.addEventListener('close', () => this.#lost(undefined));
    if (stream.status !== 'open') return this.#lost(undefined);
    this.#state = 'open';
    this.#failures = 0;
    this.stream = stream;
    this.begin(stream, encodeFrame([this.#init.hello]));
    this.#init.opened();
    this.#flushNow();
  }

  /** opening | open → idle, and opened again after a while: the connection may well live on. */
  #lost(error: Error | undefined): void {
    if (this.#state === 'closed' || this.#state === 'idle') return;
    this.#state = 'idle';
    this.stream = undefined;
    // The peer got only the beginning of this frame; it is lost with its stream.
    this.unwritten = nothing;
    this.ended();
    if (error?.name === 'UnsupportedProtocolError') return this.#init.unsupported(error);
    const waitMs = Math.max(STREAM_REOPEN_MS, this.#failures === 0 ? 0 : backoffMs(this.#failures, Math.random()));
    this.#failures++;
    this.#reopen = this.#init.clock.setTimer(waitMs, () => {
      this.#reopen = undefined;
      this.open();
    });
  }
}

const nothing = new Uint8Array(0);

/** Small messages that must not wait: straight into `send()`, and on with `drain` when the stream was full. */
export class HotOutChannel extends OutChannel {
  #blocked = false;

  protected begin(stream: Stream, hello: Uint8Array): void {
    this.#blocked = false;
    stream.addEventListener('drain', () => {
      if (this.stream !== stream) return;
      this.#blocked = false;
      this.flush();
    });
    this.#write(stream, hello);
  }

  protected flush(): void {
    const stream = this.stream;
    if (stream === undefined) return;
    while (!this.#blocked) {
      const piece = this.nextPiece();
      if (piece === undefined) return;
      this.#write(stream, piece);
    }
  }

  protected ended(): void {
    this.#blocked = false;
  }

  #write(stream: Stream, bytes: Uint8Array): void {
    try {
      this.#blocked = !stream.send(bytes);
    } catch {
      // The stream closes; its close event decides what follows. What was in this piece is lost with the connection.
      this.#blocked = true;
    }
  }
}

/**
 * Big messages: a pipe that waits for the stream by itself. One piece a turn: a whole window at once, encrypted twice, would
 * hold up this process, and whoever receives it, for as long as some heartbeats take.
 */
export class BulkOutChannel extends OutChannel {
  #wake: (() => void) | undefined;

  protected begin(stream: Stream, hello: Uint8Array): void {
    pipe(this.#frames(stream, hello), messageStreamToDuplex(stream).sink).catch((error: Error) => stream.abort(error));
  }

  protected flush(): void {
    this.#wake?.();
  }

  protected ended(): void {
    this.#wake?.();
  }

  async *#frames(stream: Stream, hello: Uint8Array): AsyncGenerator<Uint8Array> {
    yield hello;
    while (this.stream === stream && stream.status === 'open') {
      const piece = this.nextPiece();
      if (piece !== undefined) {
        yield piece;
        await this.nextTurn();
      } else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
