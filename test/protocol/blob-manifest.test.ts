/** Names and manifests of blobs: one content, one name; nothing else is taken for one. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';
import fc from 'fast-check';
import { CID } from 'multiformats/cid';
import { encode } from 'cborg';
import { isSkeinError } from '../../src/errors.ts';
import { chunkDigest, chunkLength, encodeManifest, layoutOfManifest, layoutOfRaw, needsManifest } from '../../src/protocol/blob-manifest.ts';
import { checkedCid, cidOf, readCid } from '../../src/protocol/cid.ts';
import { BLOB_BYTES_MAX, BLOB_CHUNK_BYTES, MESSAGE_BYTES_MAX } from '../../src/protocol/limits.ts';

const digest = (text: string): Uint8Array => new Uint8Array(createHash('sha256').update(text).digest());

test('the name of a small file is the CID that other tools give it', () => {
  // `printf hello | ipfs add --cid-version 1 --raw-leaves` says the same.
  assert.equal(cidOf('raw', digest('hello')), 'bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq');
});

test('a name is read back to what it was made of', () => {
  fc.assert(
    fc.property(fc.constantFrom('raw' as const, 'manifest' as const), fc.uint8Array({ minLength: 32, maxLength: 32 }), (kind, bytes) => {
      const read = readCid(cidOf(kind, bytes));
      assert.equal(read?.kind, kind);
      assert.deepEqual([...read.digest], [...bytes]);
    }),
  );
});

test('second spellings, other hashes, versions and codecs are no names', () => {
  const cid = CID.parse(cidOf('raw', digest('x')));
  const others = ['', 'bafk', `${cid.toString()} `, cid.toString().toUpperCase(), `../${cid.toString()}`, 'QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n', CID.createV1(0x70, cid.multihash).toString(), 'x'.repeat(10_000)];
  for (const text of others) {
    assert.equal(readCid(text), undefined, text.slice(0, 80));
    assert.throws(() => checkedCid(text), (error) => isSkeinError(error, 'BLOB_INVALID') && error.message.length < 400);
  }
  fc.assert(fc.property(fc.string(), (text) => readCid(text) === undefined));
});

/** By the library that reads all of them. */
function readSlowly(text: string): { readonly kind: number; readonly digest: Uint8Array } | undefined {
  try {
    const { code, version, multihash } = CID.parse(text);
    if (version !== 1 || (code !== 0x55 && code !== 0x71) || multihash.code !== 0x12 || multihash.size !== 32) return undefined;
    return CID.createV1(code, multihash).toString() === text ? { kind: code, digest: multihash.digest } : undefined;
  } catch {
    return undefined;
  }
}

test('what is a name and what is none is what the library for all of them says', () => {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789AZ';
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.constantFrom('raw' as const, 'manifest' as const), fc.nat({ max: 58 }), fc.nat({ max: alphabet.length - 1 }), (bytes, kind, at, letter) => {
      const name = cidOf(kind, bytes);
      for (const text of [name, `${name.slice(0, at)}${alphabet[letter]}${name.slice(at + 1)}`, name.slice(0, -1), `${name}a`]) {
        const expected = readSlowly(text);
        const read = readCid(text);
        assert.equal(read?.kind, expected && (expected.kind === 0x55 ? 'raw' : 'manifest'), text);
        assert.deepEqual(read?.digest, expected?.digest);
      }
    }),
    { numRuns: 2000 },
  );
});

test('a manifest says of every chunk how long it is and what it holds', () => {
  fc.assert(
    fc.property(fc.integer({ min: BLOB_CHUNK_BYTES + 1, max: 20 * BLOB_CHUNK_BYTES }), (size) => {
      const count = Math.ceil(size / BLOB_CHUNK_BYTES);
      const digests = Buffer.concat(Array.from({ length: count }, (_, i) => digest(String(i))));
      const layout = layoutOfManifest(cidOf('manifest', digest('m')), encodeManifest(size, digests));
      assert.equal(layout.chunkCount, count);
      assert.equal(Array.from({ length: count }, (_, i) => chunkLength(layout, i)).reduce((sum, length) => sum + length, 0), size);
      for (let i = 0; i < count; i++) assert.deepEqual([...chunkDigest(layout, i)], [...digest(String(i))]);
    }),
  );
});

test('the largest blob has a manifest that fits into one message', () => {
  const digests = new Uint8Array((BLOB_BYTES_MAX / BLOB_CHUNK_BYTES) * 32);
  assert.ok(encodeManifest(BLOB_BYTES_MAX, digests).byteLength <= MESSAGE_BYTES_MAX);
});

test('what only looks like a manifest is refused, and says why', () => {
  const cid = cidOf('manifest', digest('m'));
  const size = BLOB_CHUNK_BYTES + 1;
  const two = new Uint8Array(64);
  const bad: readonly [unknown, RegExp][] = [
    [[2, size, BLOB_CHUNK_BYTES, two], /version 2/],
    [[1, size, 1024, two], /chunks of 1024 bytes/],
    [[1, size, BLOB_CHUNK_BYTES, new Uint8Array(32)], /32 bytes of digests/],
    [[1, 5, BLOB_CHUNK_BYTES, new Uint8Array(32)], /a file of 5 bytes/],
    [[1, BLOB_BYTES_MAX + 1, BLOB_CHUNK_BYTES, two], /a file of/],
    [[1, size, BLOB_CHUNK_BYTES, two, 1], /cannot be read/],
    [['1'], /cannot be read/],
    [{}, /cannot be read/],
  ];
  for (const [value, why] of bad) assert.throws(() => layoutOfManifest(cid, encode(value)), (error) => isSkeinError(error, 'BLOB_INVALID') && why.test(error.message), String(why));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      assert.throws(() => layoutOfManifest(cid, bytes), (error) => isSkeinError(error, 'BLOB_INVALID'));
    }),
  );
});

test('a name of one kind is not used for the other', () => {
  assert.throws(() => layoutOfRaw(cidOf('manifest', digest('m')), 5), (error) => isSkeinError(error, 'BLOB_INVALID'));
  assert.throws(() => layoutOfRaw(cidOf('raw', digest('m')), BLOB_CHUNK_BYTES + 1), (error) => isSkeinError(error, 'BLOB_INVALID'));
  assert.equal(needsManifest(BLOB_CHUNK_BYTES), false);
  assert.equal(needsManifest(BLOB_CHUNK_BYTES + 1), true);
});
