/** Request keys are UUIDv7 (RFC 9562): their time tells whether the table of keys can still know them. */
import { assert } from '../core/lib/assert.ts';

/** @param random 10 random bytes. */
export function newRequestKey(wallMs: number, random: Uint8Array): string {
  assert(random.length === 10, 'a UUIDv7 takes ten random bytes');
  const bytes = new Uint8Array(16);
  let time = Math.floor(wallMs);
  for (let position = 5; position >= 0; position -= 1) {
    bytes[position] = time % 256;
    time = Math.floor(time / 256);
  }
  bytes.set(random, 6);
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const text = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`;
}
