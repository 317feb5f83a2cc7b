/** Goal: what our cipher says, that of the package reads, and the other way round; a changed bit is refused. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { defaultCrypto } from '@libp2p/noise/crypto';
import * as fc from 'fast-check';
import { noiseCipher } from '../../../src/io/libp2p/noise-cipher.ts';

const bytes = fc.oneof(fc.uint8Array({ maxLength: 600 }), fc.integer({ min: 450, max: 4096 }).map((length) => Uint8Array.from({ length }, (_, i) => i * 7)));
const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
const nonce = fc.uint8Array({ minLength: 12, maxLength: 12 });
const ad = fc.uint8Array({ maxLength: 40 });

/** As the muxer hands it on: a list of pieces. */
function inTwo(whole: Uint8Array, cut: number): never {
  return Object.assign([whole.subarray(0, cut), whole.subarray(cut)], { byteLength: whole.byteLength, subarray: () => whole }) as never;
}

test('both speak the same, whole or in pieces', () => {
  fc.assert(
    fc.property(bytes, key, nonce, ad, fc.nat(), (plain, k, n, data, at) => {
      const cut = at % (plain.byteLength + 1);
      const ours = noiseCipher.chaCha20Poly1305Encrypt(inTwo(plain, cut), n, data, k).subarray();
      const theirs = defaultCrypto.chaCha20Poly1305Encrypt(plain, n, data, k).subarray();
      assert.deepEqual([...ours], [...theirs]);
      assert.deepEqual([...noiseCipher.chaCha20Poly1305Decrypt(inTwo(theirs, cut), n, data, k).subarray()], [...plain]);
    }),
  );
});

test('a changed bit, other data beside it, or another key: refused', () => {
  fc.assert(
    fc.property(bytes, key, nonce, fc.nat(), (plain, k, n, at) => {
      const sealed = Uint8Array.from(noiseCipher.chaCha20Poly1305Encrypt(plain, n, new Uint8Array(0), k).subarray());
      const changed = sealed.slice();
      changed[at % changed.byteLength]! ^= 1 << (at % 8);
      const other = k.slice();
      other[0]! ^= 1;
      assert.throws(() => noiseCipher.chaCha20Poly1305Decrypt(changed, n, new Uint8Array(0), k));
      assert.throws(() => noiseCipher.chaCha20Poly1305Decrypt(sealed, n, new Uint8Array(1), k));
      assert.throws(() => noiseCipher.chaCha20Poly1305Decrypt(sealed, n, new Uint8Array(0), other));
    }),
  );
});
