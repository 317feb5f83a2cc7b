/**
 * The receiving half of a channel: a stream that the peer opened. Its first frame is a hello, the rest are messages.
 * Whatever is wrong with it ends the stream, never the node.
 */
import type { Stream } from '@libp2p/interface';
import { messageStreamToDuplex } from '@libp2p/utils';
import { decode } from 'it-length-prefixed';
import { pipe } from 'it-pipe';
import { SkeinError, isSkeinError } from '../../errors.ts';
import type { Channel } from '../../ports/transport.ts';
import { FrameParser, readLength, splitPayload } from './frame.ts';
import { FRAME_BYTES_MAX, HELLO_BYTES_MAX, LENGTH_BYTES } from './limits.ts';

export interface InChannelSink {
  /** @returns false to end the stream. @throws SkeinError FRAME_INVALID. */
  hello(bytes: Uint8Array): boolean;
  message(bytes: Uint8Array): void;
  /** FRAME_INVALID or FRAME_TOO_LARGE; the stream is dropped already. */
  broken(error: SkeinError): void;
}

export function readChannel(channel: Channel, stream: Stream, sink: InChannelSink): void {
  const reader = new PayloadReader(stream, sink);
  if (channel === 'bulk') readBulk(stream, reader);
  else readHot(stream, reader, new FrameParser(FRAME_BYTES_MAX, channel === 'blob'));
}

function readHot(stream: Stream, reader: PayloadReader, parser: FrameParser): void {
  stream.addEventListener('message', (event) => {
    const pieces = event.data instanceof Uint8Array ? [event.data] : event.data;
    for (const piece of pieces) {
      const payloads = reader.attempt(() => parser.push(piece));
      for (const payload of payloads ?? []) reader.payload(payload);
      if (reader.done) return;
    }
  });
}

function readBulk(stream: Stream, reader: PayloadReader): void {
  const options = { lengthDecoder: decodeLength, maxLengthLength: LENGTH_BYTES, maxDataLength: FRAME_BYTES_MAX };
  const consume = async (payloads: AsyncIterable<{ subarray(): Uint8Array }>): Promise<void> => {
    for await (const payload of payloads) {
      reader.payload(payload.subarray());
      if (reader.done) return;
    }
  };
  pipe(messageStreamToDuplex(stream).source, (source) => decode(source, options), consume).catch((error: Error) => {
    if (error.name === 'InvalidDataLengthError') reader.fail(new SkeinError('FRAME_TOO_LARGE', `a frame is over ${FRAME_BYTES_MAX} bytes`));
    else if (isSkeinError(error)) reader.fail(error);
    // Anything else is the connection that went away in the middle of a frame.
  });
}

const decodeLength = Object.assign(
  (data: { readonly byteLength: number; subarray(start: number, end: number): Uint8Array }): number => {
    if (data.byteLength < LENGTH_BYTES) throw new RangeError('too short for a length');
    return readLength(data.subarray(0, LENGTH_BYTES), 0);
  },
  { bytes: LENGTH_BYTES },
);

class PayloadReader {
  readonly #stream: Stream;
  readonly #sink: InChannelSink;
  #greeted = false;
  done = false;

  constructor(stream: Stream, sink: InChannelSink) {
    this.#stream = stream;
    this.#sink = sink;
  }

  payload(payload: Uint8Array): void {
    if (this.done) return;
    const messages = this.attempt(() => splitPayload(payload));
    if (messages === undefined) return;
    if (!this.#greeted) return this.#hello(messages);
    try {
      for (const message of messages) this.#sink.message(plain(message));
    } catch (error) {
      // Thrown by the receiver: a bug of this node, not bad input. It must not be swallowed by a stream's promises.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  /** Runs what may find bad input. @returns undefined when it did. */
  attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!isSkeinError(error)) throw error;
      this.fail(error);
      return undefined;
    }
  }

  fail(error: SkeinError): void {
    if (this.done) return;
    this.done = true;
    this.#stream.abort(error);
    this.#sink.broken(error);
  }

  #hello(messages: readonly Uint8Array[]): void {
    const [hello] = messages;
    if (hello === undefined || messages.length !== 1 || hello.byteLength > HELLO_BYTES_MAX) {
      return this.fail(new SkeinError('FRAME_INVALID', 'the first frame is not a hello'));
    }
    const welcome = this.attempt(() => this.#sink.hello(hello));
    if (welcome === undefined) return;
    this.#greeted = welcome;
    this.done = !welcome;
  }
}

/** Node's Buffers are Uint8Arrays, but `slice` and equality differ: receivers get the plain kind. */
function plain(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
