/** Writing of long lists in slices: the same bytes as `encodeWire` of the whole, without holding up all else. */
import type { Slice } from '../core/lib/slice.ts';
import { encodeWire } from './reader.ts';

/** Items that are encoded at once. */
const BATCH_ITEMS = 100;
/** Bytes that are encoded, or copied, in one step (`Slice`). */
const ENCODED_PER_STEP = 2;
const COPIED_PER_STEP = 64;

export class SlicedWriter {
  readonly #pieces: Uint8Array[] = [];
  #length = 0;

  /** One item of the list that was begun last. @returns the steps that it took. */
  value(item: unknown): number {
    const encoded = encodeWire(item);
    this.#add(encoded);
    return encoded.length / ENCODED_PER_STEP;
  }

  /** A list of so many items begins: they come next. */
  list(length: number): void {
    this.#add(listHead(length));
  }

  /** A whole list. @param make the wire form of item `i`. @param steps that making one takes. */
  *items(length: number, make: (i: number) => unknown, steps: number, slice: Slice): Generator<undefined, void> {
    this.list(length);
    for (let from = 0; from < length; from += BATCH_ITEMS) {
      const batch: unknown[] = [];
      for (let i = from; i < Math.min(length, from + BATCH_ITEMS); i++) {
        batch.push(make(i));
        if (slice.spent(steps)) yield undefined;
      }
      const encoded = encodeWire(batch);
      this.#add(encoded.subarray(listHead(batch.length).length));
      if (slice.spent(encoded.length / ENCODED_PER_STEP)) yield undefined;
    }
  }

  *bytes(slice: Slice): Generator<undefined, Uint8Array> {
    const whole = new Uint8Array(this.#length);
    let at = 0;
    for (const piece of this.#pieces) {
      whole.set(piece, at);
      at += piece.length;
      if (slice.spent(piece.length / COPIED_PER_STEP)) yield undefined;
    }
    return whole;
  }

  #add(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
  }
}

const LIST = 0x80;

function listHead(length: number): Uint8Array {
  if (length < 24) return Uint8Array.of(LIST | length);
  if (length < 0x100) return Uint8Array.of(LIST | 24, length);
  if (length < 0x1_0000) return Uint8Array.of(LIST | 25, length >>> 8, length);
  return Uint8Array.of(LIST | 26, length >>> 24, length >>> 16, length >>> 8, length);
}
