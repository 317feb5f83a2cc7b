/** Bytes of the plain form (src/core/lib/plain.ts), for snapshot sections. */
import { decode, encode } from 'cborg';
import type { Plain } from '../core/lib/plain.ts';
import { invalid } from './reader.ts';

export function encodePlain(plain: Plain): Uint8Array {
  return encode(plain);
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
