/** The private network's cipher stays within its memory (src/io/libp2p/protector.ts says why that matters). */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { MultiaddrConnection } from '@libp2p/interface';
import { multiaddrConnectionPair } from '@libp2p/utils';
import { CIPHER_CHUNK_BYTES } from '../../../src/io/libp2p/limits.ts';
import { libp2pLogger } from '../../../src/io/libp2p/logger.ts';
import { privateNetwork } from '../../../src/io/libp2p/protector.ts';
import { testPsk } from './support.ts';

interface Inside {
  outboundXor: { update(bytes: Uint8Array): Uint8Array; _xor?: { _pointer: number } | null };
  inboundXor: Inside['outboundXor'];
}

async function boxes(): Promise<readonly [MultiaddrConnection & Inside, MultiaddrConnection & Inside]> {
  const [outbound, inbound] = multiaddrConnectionPair();
  const protector = privateNetwork(testPsk)({ logger: libp2pLogger(undefined) });
  const made = await Promise.all([protector.protect(outbound), protector.protect(inbound)]);
  return made as unknown as readonly [MultiaddrConnection & Inside, MultiaddrConnection & Inside];
}

test('a write of megabytes reaches the cipher in small pieces and arrives whole', async () => {
  const [a, b] = await boxes();
  const sizes: number[] = [];
  const cipher = a.outboundXor;
  const update = cipher.update.bind(cipher);
  cipher.update = (bytes) => (sizes.push(bytes.byteLength), update(bytes));
  const sent = new Uint8Array(3_000_000).map((_, i) => i * 7);
  const received: Uint8Array[] = [];
  let bytes = 0;
  const all = Promise.withResolvers<void>();
  b.addEventListener('message', (event) => {
    const data = event.data.subarray();
    received.push(data);
    bytes += data.byteLength;
    if (bytes >= sent.byteLength) all.resolve();
  });
  a.send(sent);
  await all.promise;
  assert.ok(Buffer.concat(received).equals(sent));
  assert.ok(sizes.length > 1 && Math.max(...sizes) <= CIPHER_CHUNK_BYTES, 'every piece is small');
  a.abort(new Error('done'));
});

test('the places of closed connections are used again', async () => {
  const places = new Set<number>();
  for (let i = 0; i < 50; i++) {
    const pair = await boxes();
    for (const box of pair) {
      for (const cipher of [box.inboundXor, box.outboundXor]) {
        assert.ok(cipher._xor, 'the cipher looks as expected; else this file and protector.ts must be looked at again');
        places.add(cipher._xor._pointer);
      }
    }
    for (const box of pair) box.abort(new Error('closed'));
    assert.deepEqual(pair.map((box) => box.inboundXor.update(Uint8Array.of(1, 2))), [new Uint8Array(0), new Uint8Array(0)]);
  }
  assert.ok(places.size < 20, `${places.size} places for 4 ciphers at a time`);
});
