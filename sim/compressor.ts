/**
 * Compression in virtual time: runs of equal bytes, so that a seed tells the same story with every Node.js. Takes about
 * as long as the real one.
 */
import type { Clock } from '../src/ports/clock.ts';
import { SAVING_MIN, type Compressor } from '../src/ports/compressor.ts';

const CALL_MS = 0.1;
const BYTES_PER_MS = 200_000;
/** One byte tells how long a run is. */
const RUN_MAX = 256;

export class SimCompressor implements Compressor {
  readonly #clock: Clock;
  readonly #slowness: () => number;

  /** @param slowness how many times as long it takes at the moment. */
  constructor(clock: Clock, slowness = (): number => 1) {
    this.#clock = clock;
    this.#slowness = slowness;
  }

  compress(bytes: Uint8Array, done: (compressed: Uint8Array | undefined) => void): void {
    const compressed = runsOf(bytes);
    this.#clock.setTimer(this.#slowness() * (CALL_MS + bytes.byteLength / BYTES_PER_MS), () => done(compressed));
  }

  decompress(compressed: Uint8Array, length: number): Uint8Array | undefined {
    const bytes = new Uint8Array(length);
    let at = 0;
    for (let i = 0; i + 1 < compressed.byteLength; i += 2) {
      const end = at + compressed[i]! + 1;
      if (end > length) return undefined;
      bytes.fill(compressed[i + 1]!, at, end);
      at = end;
    }
    return at === length ? bytes : undefined;
  }
}

function runsOf(bytes: Uint8Array): Uint8Array | undefined {
  const runs = new Uint8Array(Math.floor(bytes.byteLength * (1 - SAVING_MIN)));
  let length = 0;
  for (let from = 0; from < bytes.byteLength; ) {
    if (length + 2 > runs.byteLength) return undefined;
    let end = from + 1;
    while (end < bytes.byteLength && end - from < RUN_MAX && bytes[end] === bytes[from]) end += 1;
    runs[length] = end - from - 1;
    runs[length + 1] = bytes[from]!;
    length += 2;
    from = end;
  }
  return runs.subarray(0, length);
}
