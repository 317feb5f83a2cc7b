/** Bytes of a message that soon leaves. */
import { encode, encodeInto, type EncodeOptions } from 'cborg';
import { SLAB_BYTES } from './limits.ts';

/** A message that does not fit into what is left of a slab is put together by itself. */
const SLAB_BYTES_LEFT_MIN = 2048;

let slab = new Uint8Array(SLAB_BYTES);

/**
 * Small messages share their memory, since making room for each costs more than writing it: whoever kept one would keep
 * all of them, so what is kept (commands, snapshots) is encoded otherwise.
 */
export function encodeMessage(value: unknown, options?: EncodeOptions): Uint8Array {
  if (slab.length < SLAB_BYTES_LEFT_MIN) slab = new Uint8Array(SLAB_BYTES);
  let written: number;
  try {
    written = encodeInto(value, slab, options).written;
  } catch {
    // It is too large, or has no form; then this says why.
    return encode(value, options);
  }
  const bytes = slab.subarray(0, written);
  slab = slab.subarray(written);
  return bytes;
}
