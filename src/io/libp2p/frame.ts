/**
 * Frames of the hot channels: `u32 length | payload`, payload = `u32 length | message` repeated. All that was queued
 * for a peer within one turn of the event loop travels as one frame, so that encryption, muxer and socket are paid once.
 */
import { SkeinError } from '../../errors.ts';
import { MESSAGE_BYTES_MAX } from '../../protocol/limits.ts';
import { FRAME_BYTES_MAX, FRAME_MESSAGES_MAX, LENGTH_BYTES } from './limits.ts';

/** @param messages at most FRAME_MESSAGES_MAX and FRAME_BYTES_MAX in all; the sender sees to that. */
export function encodeFrame(messages: readonly Uint8Array[]): Uint8Array {
  let payloadBytes = 0;
  for (const message of messages) payloadBytes += LENGTH_BYTES + message.byteLength;
  const frame = new Uint8Array(LENGTH_BYTES + payloadBytes);
  writeLength(frame, 0, payloadBytes);
  let offset = LENGTH_BYTES;
  for (const message of messages) {
    writeLength(frame, offset, message.byteLength);
    frame.set(message, offset + LENGTH_BYTES);
    offset += LENGTH_BYTES + message.byteLength;
  }
  return frame;
}

/** Messages of a payload, as views into it. @throws SkeinError FRAME_INVALID or FRAME_TOO_LARGE. */
export function splitPayload(payload: Uint8Array): Uint8Array[] {
  const messages: Uint8Array[] = [];
  let offset = 0;
  while (offset < payload.byteLength) {
    if (messages.length === FRAME_MESSAGES_MAX) throw new SkeinError('FRAME_TOO_LARGE', `more than ${FRAME_MESSAGES_MAX} messages in one frame`);
    if (payload.byteLength - offset < LENGTH_BYTES) throw new SkeinError('FRAME_INVALID', 'the frame ends inside a length');
    const length = readLength(payload, offset);
    if (length > MESSAGE_BYTES_MAX) throw new SkeinError('FRAME_TOO_LARGE', `a message of ${length} bytes is over ${MESSAGE_BYTES_MAX}`);
    offset += LENGTH_BYTES;
    if (payload.byteLength - offset < length) throw new SkeinError('FRAME_INVALID', 'the frame ends inside a message');
    messages.push(payload.subarray(offset, offset + length));
    offset += length;
  }
  return messages;
}

/** A frame with one piece of a blob fits. */
const REUSED_BYTES_MAX = 320 * 1024;

/** Cuts a byte stream into payloads, whatever pieces it comes in. Holds at most one incomplete frame. */
export class FrameParser {
  readonly #frameBytesMax: number;
  /** Pieces of the incomplete frame, its length included; only as much as really arrived. */
  #pieces: Uint8Array[] = [];
  #held = 0;
  #failed = false;
  /** Where frames that came in several pieces are put together. */
  #room: Uint8Array | undefined;

  /** @param reuse payloads are gone with the next `push`: the memory of a large one is used again. */
  constructor(frameBytesMax: number = FRAME_BYTES_MAX, reuse = false) {
    this.#frameBytesMax = frameBytesMax;
    if (reuse) this.#room = new Uint8Array(0);
  }

  /** Bytes held of the incomplete frame. */
  get held(): number {
    return this.#held;
  }

  /**
   * @returns the payloads that are complete now, as views where possible.
   * @throws SkeinError FRAME_TOO_LARGE or FRAME_INVALID; the stream cannot be read any further then.
   */
  push(chunk: Uint8Array): Uint8Array[] {
    if (this.#failed) throw new SkeinError('FRAME_INVALID', 'bytes after a bad frame');
    const payloads: Uint8Array[] = [];
    let bytes = chunk;
    while (bytes.byteLength > 0) {
      if (this.#held === 0 && bytes.byteLength >= LENGTH_BYTES) {
        const end = LENGTH_BYTES + this.#checked(readLength(bytes, 0));
        if (bytes.byteLength >= end) {
          payloads.push(bytes.subarray(LENGTH_BYTES, end));
          bytes = bytes.subarray(end);
          continue;
        }
      }
      const taken = Math.min(bytes.byteLength, this.#missing());
      this.#pieces.push(bytes.subarray(0, taken));
      this.#held += taken;
      bytes = bytes.subarray(taken);
      if (this.#held > LENGTH_BYTES && this.#missing() === 0) payloads.push(this.#take());
    }
    return payloads;
  }

  /** Bytes until the next point of decision: the length is whole, or the frame is. */
  #missing(): number {
    if (this.#held < LENGTH_BYTES) return LENGTH_BYTES - this.#held;
    if (this.#held === LENGTH_BYTES && this.#pieces.length > 1) this.#pieces = [joined(this.#pieces, LENGTH_BYTES)];
    return LENGTH_BYTES + this.#checked(readLength(this.#pieces[0]!, 0)) - this.#held;
  }

  #take(): Uint8Array {
    const frame = joined(this.#pieces, this.#held, this.#roomFor(this.#held));
    this.#pieces = [];
    this.#held = 0;
    return frame.subarray(LENGTH_BYTES);
  }

  /** At most one frame is put together in a `push`: all others lie in what was pushed. */
  #roomFor(length: number): Uint8Array {
    if (this.#room === undefined || length > REUSED_BYTES_MAX) return new Uint8Array(length);
    if (this.#room.byteLength < length) this.#room = new Uint8Array(REUSED_BYTES_MAX);
    return this.#room.subarray(0, length);
  }

  #checked(length: number): number {
    if (length > 0 && length <= this.#frameBytesMax) return length;
    this.#failed = true;
    this.#pieces = [];
    this.#held = 0;
    if (length === 0) throw new SkeinError('FRAME_INVALID', 'an empty frame');
    throw new SkeinError('FRAME_TOO_LARGE', `a frame of ${length} bytes is over ${this.#frameBytesMax}`, { length });
  }
}

function joined(pieces: readonly Uint8Array[], length: number, whole: Uint8Array = new Uint8Array(length)): Uint8Array {
  let offset = 0;
  for (const piece of pieces) {
    whole.set(piece, offset);
    offset += piece.byteLength;
  }
  return whole;
}

function writeLength(target: Uint8Array, offset: number, length: number): void {
  target[offset] = length >>> 24;
  target[offset + 1] = length >>> 16;
  target[offset + 2] = length >>> 8;
  target[offset + 3] = length;
}

export function readLength(source: Uint8Array, offset: number): number {
  return source[offset]! * 0x1000000 + ((source[offset + 1]! << 16) | (source[offset + 2]! << 8) | source[offset + 3]!);
}
