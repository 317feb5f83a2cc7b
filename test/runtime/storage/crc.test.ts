import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { crc32c } from '../../../src/runtime/storage/crc.ts';

/** Bit by bit, as the standard defines it. */
function slow(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82f63b78;
  }
  return ~crc >>> 0;
}

test('the check values of RFC 3720 B.4', () => {
  assert.equal(crc32c(new TextEncoder().encode('123456789')), 0xe3069283);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
});

test('equals the definition, at once and in pieces', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(), (bytes, cut) => {
      const at = cut % (bytes.length + 1);
      assert.equal(crc32c(bytes), slow(bytes));
      assert.equal(crc32c(bytes, at, bytes.length, crc32c(bytes, 0, at)), slow(bytes));
    }),
    { numRuns: 300 },
  );
});
