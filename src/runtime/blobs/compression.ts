/**
 * Which pieces are compressed before they are sent: those that this takes less time than the line would take for them as
 * they are. One that does not become less speaks for those behind it, for a while.
 */
import type { NodeId } from '../../core/lib/ids.ts';
import type { Compressor } from '../../ports/compressor.ts';
import type { NodeContext } from '../context.ts';
import { LineRate } from './line-rate.ts';
import { COMPRESS_AGAIN_BYTES, COMPRESS_BYTES_PER_MS, COMPRESS_CALL_MS, COMPRESSING_MAX, SEND_AHEAD_BYTES, SEND_AHEAD_UNKNOWN_BYTES, SLOWNESS_KNOWN_MS } from './limits.ts';
import type { RateLimit } from './rate-limit.ts';

/** What compression has to know of an answer, and remembers there. */
export interface Compressible {
  readonly to: NodeId;
  /** Whoever asked can undo it. */
  readonly zstd: boolean;
  readonly sent: number;
  /** From this offset on it is worth a try again. */
  plainUntil: number;
}

export class Compression {
  readonly #context: NodeContext;
  readonly #compressor: Compressor | undefined;
  readonly #rate: RateLimit;
  readonly #lines = new Map<NodeId, LineRate>();
  /** How many times as long as it should it took lately, on a machine that has other work. At least 1. */
  #slowness = 1;
  #slowAt = -Infinity;
  #underWay = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(context: NodeContext, rate: RateLimit) {
    this.#context = context;
    this.#compressor = context.ports.compressor;
    this.#rate = rate;
  }

  /** To be called before more is read for this peer. @param queued bytes that the network has not taken. @returns how many may stand there. */
  look(peer: NodeId, queued: number): number {
    const now = this.#context.now();
    let line = this.#lines.get(peer);
    if (line === undefined) this.#lines.set(peer, (line = new LineRate()));
    line.look(queued, now);
    // What is sent before the line is known goes as it is.
    return this.#compressor === undefined || line.bytesPerMs(now) < Infinity ? SEND_AHEAD_BYTES : SEND_AHEAD_UNKNOWN_BYTES;
  }

  /** @param bytes of a piece, as it went. */
  sent(peer: NodeId, bytes: number): void {
    this.#lines.get(peer)?.sent(bytes);
  }

  peerDown(peer: NodeId): void {
    this.#lines.delete(peer);
  }

  /** @param done called once, with undefined when the piece goes as it is; at once when nothing is tried. */
  compress(answer: Compressible, bytes: Uint8Array, done: (compressed: Uint8Array | undefined) => void): void {
    const compressor = this.#compressor;
    if (compressor === undefined || !this.#isWorthIt(answer, bytes.byteLength)) return done(undefined);
    const begin = (): void => {
      const beganAt = this.#context.now();
      compressor.compress(bytes, (compressed) => {
        this.#underWay--;
        this.#took(bytes.byteLength, beganAt);
        if (compressed === undefined) answer.plainUntil = answer.sent + COMPRESS_AGAIN_BYTES;
        this.#waiting.shift()?.();
        done(compressed);
      });
    };
    if (this.#underWay >= COMPRESSING_MAX) this.#waiting.push(begin);
    else begin();
    this.#underWay++;
  }

  #took(bytes: number, beganAt: number): void {
    const now = this.#context.now();
    this.#slowness = Math.max(1, (this.#slownessAt(now) + (now - beganAt) / compressMs(bytes)) / 2);
    this.#slowAt = now;
  }

  /** Nobody measures what is not done: after a while it is tried again. */
  #slownessAt(now: number): number {
    return now - this.#slowAt > SLOWNESS_KNOWN_MS ? 1 : this.#slowness;
  }

  #isWorthIt({ to, zstd, sent, plainUntil }: Compressible, bytes: number): boolean {
    if (!zstd || sent < plainUntil) return false;
    const now = this.#context.now();
    const lineBytesPerMs = Math.min(this.#rate.bytesPerMs, this.#lines.get(to)?.bytesPerMs(now) ?? Infinity);
    return this.#slownessAt(now) * compressMs(bytes) < bytes / lineBytesPerMs;
  }
}

function compressMs(bytes: number): number {
  return COMPRESS_CALL_MS + bytes / COMPRESS_BYTES_PER_MS;
}
