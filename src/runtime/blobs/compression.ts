/**
 * Which pieces are compressed before they are sent: those that this takes less time than the line would take for them as
 * they are, while the line has something else to carry. One that does not become less speaks for those behind it, for a while;
 * many in a row speak for the whole blob, the longer the more they are: each try takes memory that the garbage collector
 * hears of, and with a gigabyte of film it would do little else.
 */
import type { Cid, NodeId } from '../../core/lib/ids.ts';
import type { Compressor } from '../../ports/compressor.ts';
import type { NodeContext } from '../context.ts';
import { LineRate } from './line-rate.ts';
import { COMPRESS_AGAIN_BYTES, COMPRESS_AGAIN_BYTES_MAX, COMPRESS_BYTES_PER_MS, COMPRESS_CALL_MS, COMPRESS_IN_VAIN_MAX, COMPRESSING_MAX, PLAIN_REMEMBERED_MAX, SEND_AHEAD_BYTES, SEND_AHEAD_UNKNOWN_BYTES, SLOWNESS_KNOWN_MS } from './limits.ts';
import type { RateLimit } from './rate-limit.ts';

/** What compression has to know of an answer, and remembers there. */
export interface Compressible {
  readonly to: NodeId;
  readonly cid: Cid;
  /** Whoever asked can undo it. */
  readonly zstd: boolean;
  readonly sent: number;
  /** From this offset on it is worth a try again. */
  plainUntil: number;
}

/** Of a blob of which the last piece that was tried did not become less. */
interface Plain {
  /** Tries in a row. */
  readonly inVain: number;
  /** Bytes that go as they are before the next. */
  left: number;
}

export class Compression {
  readonly #context: NodeContext;
  readonly #compressor: Compressor | undefined;
  readonly #rate: RateLimit;
  readonly #lines = new Map<NodeId, LineRate>();
  /** The one that was tried longest ago first. */
  readonly #plain = new Map<Cid, Plain>();
  /** How many times as long as it should it took lately, on a machine that has other work. At least 1. */
  #slowness = 1;
  #slowAt = -Infinity;
  #underWay = 0;
  /** Each says whether it began: whoever waited for it may have lost patience. */
  readonly #waiting: ((compressor: Compressor) => boolean)[] = [];

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
    const patienceMs = this.#patienceMs(answer, bytes.byteLength);
    if (patienceMs === 0) return done(undefined);
    const end = (compressed: Uint8Array | undefined): void => {
      timer.cancel();
      over = true;
      done(compressed);
    };
    let over = false;
    const timer = this.#context.after(patienceMs, () => {
      this.#took(bytes.byteLength, patienceMs);
      end(undefined);
    });
    this.#waiting.push((compressor) => {
      if (over) return false;
      const beganAt = this.#context.now();
      compressor.compress(bytes, (compressed) => {
        this.#underWay--;
        this.#took(bytes.byteLength, this.#context.now() - beganAt);
        if (compressed === undefined) answer.plainUntil = answer.sent + COMPRESS_AGAIN_BYTES;
        this.#tried(answer.cid, compressed !== undefined);
        if (!over) end(compressed);
        this.#begin();
      });
      return true;
    });
    this.#begin();
  }

  #tried(cid: Cid, becameLess: boolean): void {
    const before = this.#plain.get(cid);
    // Several peers get it, and their tries began together.
    if (!becameLess && before !== undefined && before.left > 0) return;
    this.#plain.delete(cid);
    if (becameLess) return;
    const inVain = (before?.inVain ?? 0) + 1;
    const over = inVain - COMPRESS_IN_VAIN_MAX;
    this.#plain.set(cid, { inVain, left: over < 0 ? 0 : Math.min(COMPRESS_AGAIN_BYTES * 2 ** over, COMPRESS_AGAIN_BYTES_MAX) });
    if (this.#plain.size > PLAIN_REMEMBERED_MAX) this.#plain.delete(this.#plain.keys().next().value!);
  }

  #begin(): void {
    while (this.#underWay < COMPRESSING_MAX && this.#waiting.length > 0) if (this.#waiting.shift()!(this.#compressor!)) this.#underWay++;
  }

  #took(bytes: number, ms: number): void {
    const now = this.#context.now();
    const factor = ms / compressMs(bytes);
    // Up at once and down by and by: what takes longer than expected costs more than what takes less gives.
    this.#slowness = Math.max(1, factor, (this.#slownessAt(now) + factor) / 2);
    this.#slowAt = now;
  }

  /** Nobody measures what is not done: after a while it is tried again. */
  #slownessAt(now: number): number {
    return now - this.#slowAt > SLOWNESS_KNOWN_MS ? 1 : this.#slowness;
  }

  /** @returns how long the line may wait for it; 0 when it is not worth it. */
  #patienceMs({ to, cid, zstd, sent, plainUntil }: Compressible, bytes: number): number {
    if (this.#compressor === undefined || !zstd || sent < plainUntil) return 0;
    const plain = this.#plain.get(cid);
    if (plain !== undefined && plain.left > 0) {
      plain.left -= bytes;
      return 0;
    }
    const now = this.#context.now();
    const lineBytesPerMs = Math.min(this.#rate.bytesPerMs, this.#lines.get(to)?.bytesPerMs(now) ?? Infinity);
    const tookMs = compressMs(bytes);
    if (tookMs >= bytes / lineBytesPerMs) return 0;
    // What stands before it keeps it busy meanwhile, and half a piece is what may well be saved. Half of that, since all of it is guessed.
    const patienceMs = (this.#context.ports.transport.queued(to, 'blob') + bytes / 2) / lineBytesPerMs / 2;
    return this.#slownessAt(now) * tookMs < patienceMs ? patienceMs : 0;
  }
}

function compressMs(bytes: number): number {
  return COMPRESS_CALL_MS + bytes / COMPRESS_BYTES_PER_MS;
}
