/** Reading of long lists in slices, so that a specification of 100,000 modules does not hold up all else. */
import type { Slice } from '../core/lib/slice.ts';
import { Reader, invalid } from './reader.ts';
import { CborCursor } from './wire-cbor.ts';

/** Steps (`Slice`) for an item of a list, and bytes of it that cost one more. */
const ITEM_STEPS = 20;
const BYTES_PER_STEP = 2;

/**
 * One positional array whose long lists are decoded in slices. Takes exactly what `decodeWire` takes.
 * Every method throws SkeinError FRAME_INVALID when the next field does not fit.
 */
export class SlicedReader {
  readonly #cursor: CborCursor;
  #remaining: number;

  constructor(bytes: Uint8Array) {
    this.#cursor = new CborCursor(bytes);
    this.#remaining = this.#cursor.list();
  }

  /** The next fields, as many as `count`, decoded at once. */
  fields(count: number): Reader {
    if (this.#remaining < count) throw invalid(`a list has ${count - this.#remaining} fields too few`);
    this.#remaining -= count;
    return new Reader(Array.from({ length: count }, () => this.#cursor.value()));
  }

  *list<T>(item: (reader: Reader) => T, lengthMax: number, slice: Slice): Generator<undefined, T[]> {
    if (this.#remaining-- === 0) throw invalid('a list is missing');
    const length = this.#cursor.list();
    if (length > lengthMax) throw invalid(`a list of ${length} items, at most ${lengthMax} are allowed`);
    const items: T[] = [];
    while (items.length < length) {
      const before = this.#cursor.position;
      items.push(item(new Reader(this.#cursor.value())));
      if (slice.spent(ITEM_STEPS + (this.#cursor.position - before) / BYTES_PER_STEP)) yield undefined;
    }
        return items;
  }

  end(): void {
    if (this.#remaining !== 0 || !this.#cursor.ended) throw invalid('there is more than was expected');
  }
}
