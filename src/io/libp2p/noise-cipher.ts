/**
 * ChaCha20-Poly1305 for noise, by node:crypto. @libp2p/noise gives the key as bytes with each message, and what Node makes
 * of them costs three times as much as encrypting a kilobyte: keys are made once here. Small messages stay with the
 * package's WebAssembly, which is faster at them.
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import type { ICryptoInterface } from '@libp2p/noise';
import { defaultCrypto } from '@libp2p/noise/crypto';

const CIPHER = 'chacha20-poly1305';
const TAG_BYTES = 16;
/** From here on node:crypto is faster. */
const NATIVE_BYTES_MIN = 512;

type Encrypt = ICryptoInterface['chaCha20Poly1305Encrypt'];
type Decrypt = ICryptoInterface['chaCha20Poly1305Decrypt'];

/** The bytes of a key live as long as the connection that uses them, and never change. */
const keys = new WeakMap<Uint8Array, KeyObject>();

function keyOf(bytes: Uint8Array): KeyObject {
  let key = keys.get(bytes);
  if (key === undefined) keys.set(bytes, (key = createSecretKey(bytes)));
  return key;
}

const encrypt: Encrypt = (plaintext, nonce, ad, key) => {
  const { byteLength } = plaintext;
  if (byteLength < NATIVE_BYTES_MIN) return defaultCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, ad, key);
  const cipher = createCipheriv(CIPHER, keyOf(key), nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(ad, { plaintextLength: byteLength });
  const pieces: Uint8Array[] = [];
  for (const piece of plaintext instanceof Uint8Array ? [plaintext] : plaintext) pieces.push(cipher.update(piece));
  cipher.final();
  pieces.push(cipher.getAuthTag());
  return Buffer.concat(pieces, byteLength + TAG_BYTES);
};

const decrypt: Decrypt = (ciphertext, nonce, ad, key, target) => {
  const length = ciphertext.byteLength - TAG_BYTES;
  if (ciphertext.byteLength < NATIVE_BYTES_MIN) return defaultCrypto.chaCha20Poly1305Decrypt(ciphertext, nonce, ad, key, target);
  const decipher = createDecipheriv(CIPHER, keyOf(key), nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(ad, { plaintextLength: length });
  const bytes = ciphertext.subarray();
  decipher.setAuthTag(bytes.subarray(length));
  const plaintext = decipher.update(bytes.subarray(0, length));
  // Throws when the tag does not fit.
  decipher.final();
  return plaintext;
};

export const noiseCipher: ICryptoInterface = { ...defaultCrypto, chaCha20Poly1305Encrypt: encrypt, chaCha20Poly1305Decrypt: decrypt };
