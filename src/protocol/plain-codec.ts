/** Bytes of the plain form (src/core/lib/plain.ts), for snapshot sections. */
import { decode, encode } from 'cborg';
import type { Plain } from '../core/lib/plain.ts';
import type { Slice } from '../core/lib/slice.ts';
import { invalid } from './reader.ts';
import { SlicedWriter } from './sliced-writer.ts';

export function encodePlain(plain: Plain): Uint8Array {
  return encode(plain);
}

/** A list that is longer is encoded item by item, and so is what holds one: a section of a snapshot holds two at its second level. */
const ITEMS_AT_ONCE = 100;
const LEVELS = 2;

/** The same bytes, in slices. */
export function* encodePlainInSlices(plain: Plain, slice: Slice): Generator<undefined, Uint8Array> {
  const writer = new SlicedWriter();
  yield* write(writer, plain, LEVELS, slice);
  return yield* writer.bytes(slice);
}

function* write(writer: SlicedWriter, plain: Plain, levels: number, slice: Slice): Generator<undefined, void> {
  if (!Array.isArray(plain) || (levels === 0 && plain.length <= ITEMS_AT_ONCE)) {
    if (slice.spent(writer.value(plain))) yield undefined;
  } else if (plain.length > ITEMS_AT_ONCE) {
    yield* writer.items(plain.length, (i) => plain[i], 1, slice);
  } else {
    writer.list(plain.length);
    for (const item of plain) yield* write(writer, item, levels - 1, slice);
  }
}

/** Maps and tags never occur in the plain form and are refused. @throws SkeinError FRAME_INVALID */
export function decodePlain(bytes: Uint8Array): Plain {
  let value: unknown;
  try {
    value = decode(bytes, { useMaps: true, allowUndefined: false, allowIndefinite: false });
  } catch (error) {
    throw invalid(`not CBOR: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isPlain(value)) throw invalid('a value that is no list, text, number, flag, null or bytes');
  return value;
}

function isPlain(value: unknown): value is Plain {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
      return true;
    case 'object':
      return value === null || value instanceof Uint8Array || (Array.isArray(value) && value.every(isPlain));
    default:
      return false;
  }
}
