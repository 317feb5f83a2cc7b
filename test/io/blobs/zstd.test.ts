/** Goal: bytes come back as they were, and whatever comes in, no more comes out than was said, nor is it taken for something else. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import zlib from 'node:zlib';
import fc from 'fast-check';
import { zstdCompressor } from '../../../src/io/blobs/zstd.ts';
import type { Compressor } from '../../../src/ports/compressor.ts';
import { isSkeinError } from '../../../src/errors.ts';
import { BLOB_PIECE_BYTES } from '../../../src/protocol/limits.ts';
import { decodePiece, encodePiece } from '../../../src/protocol/piece-codec.ts';

const found = zstdCompressor();
const skip = found === undefined ? 'this Node.js has no zstd' : false;
const zstd = found as Compressor;
const source = readFileSync(new URL('../../../src/runtime/blobs/fetch.ts', import.meta.url));

function compress(bytes: Uint8Array): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => zstd.compress(bytes, resolve));
}

/** Each frame of zstd begins so. */
const magic = [0x28, 0xb5, 0x2f, 0xfd];

/** Some can be compressed, some cannot, of all lengths of a piece. */
const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: BLOB_PIECE_BYTES })).map(([word, length]) => Uint8Array.from({ length }, (_, i) => word[i % word.length]!)),
  fc.tuple(fc.nat(source.length), fc.nat(source.length)).map(([from, to]) => Uint8Array.from(source.subarray(from, to))),
  fc.integer({ min: 0, max: BLOB_PIECE_BYTES }).map((length) => new Uint8Array(randomBytes(length))),
);

test('whatever is compressed comes back as it was, also by way of a message', { skip }, async () => {
  await fc.assert(
    fc.asyncProperty(anyBytes, async (bytes) => {
      const compressed = await compress(bytes);
      if (compressed === undefined) return;
      assert.ok(compressed.byteLength <= (bytes.byteLength * 7) / 8);
      const message = encodePiece({ type: 'piece', id: 5, offset: 0, total: bytes.byteLength, bytes: compressed, rawBytes: bytes.byteLength });
      const piece = decodePiece(message);
      const back = zstd.decompress(piece.bytes, piece.rawBytes!);
      assert.ok(back !== undefined && Buffer.from(back).equals(bytes));
    }),
    { numRuns: 200 },
  );
});

test('sources become much less; what cannot become less is told so; so is nothing at all', { skip }, async () => {
  const compressed = await compress(source);
  assert.ok(compressed !== undefined && compressed.byteLength < source.byteLength / 2);
  for (const length of [0, 1, 100, BLOB_PIECE_BYTES]) assert.equal(await compress(randomBytes(length)), undefined, `${length} random bytes`);
});

test('a message that was changed anywhere gives nothing, or as many bytes as it says: never more', { skip }, async () => {
  const bytes = source.subarray(0, 5000);
  const compressed = (await compress(bytes))!;
  const message = encodePiece({ type: 'piece', id: 5, offset: 0, total: bytes.byteLength, bytes: compressed, rawBytes: bytes.byteLength });
  let wrong = 0;
  fc.assert(
    fc.property(fc.nat(message.byteLength - 1), fc.integer({ min: 1, max: 255 }), fc.constantFrom('change', 'cut', 'append'), (at, byte, how) => {
      const changed = how === 'cut' ? message.slice(0, at) : how === 'append' ? Uint8Array.from([...message, byte]) : message.slice();
      if (how === 'change') changed[at]! ^= byte;
      try {
        const piece = decodePiece(changed);
        if (piece.rawBytes === null) return;
        const back = zstd.decompress(piece.bytes, piece.rawBytes);
        if (back === undefined) return void (wrong += 1);
        assert.equal(back.byteLength, piece.rawBytes);
      } catch (error) {
        assert.ok(isSkeinError(error, 'FRAME_INVALID'), String(error));
      }
    }),
    { numRuns: 1000 },
  );
  assert.ok(wrong > 0);
});

test('arbitrary bytes, as if they had been compressed', { skip }, () => {
  fc.assert(
    fc.property(fc.boolean(), fc.uint8Array({ maxLength: 200 }), fc.nat(BLOB_PIECE_BYTES), (begun, bytes, length) => {
      const back = zstd.decompress(begun ? Uint8Array.from([...magic, ...bytes]) : bytes, length);
      assert.ok(back === undefined || back.byteLength === length);
    }),
    { numRuns: 1000 },
  );
});

test('less or more than it says is none, however much it would be', { skip }, async () => {
  const bytes = new Uint8Array(BLOB_PIECE_BYTES).fill(7);
  const compressed = (await compress(bytes))!;
  assert.ok(zstd.decompress(compressed, BLOB_PIECE_BYTES) !== undefined);
  for (const length of [0, 1, BLOB_PIECE_BYTES - 1, BLOB_PIECE_BYTES + 1]) assert.equal(zstd.decompress(compressed, length), undefined, `${length}`);
  assert.equal(zstd.decompress(Buffer.concat([compressed, compressed]), BLOB_PIECE_BYTES), undefined, 'twice');
  assert.equal(zstd.decompress(compressed.subarray(0, -1), BLOB_PIECE_BYTES), undefined, 'cut');
  const bomb = zlib.zstdCompressSync(new Uint8Array(256 * 1024 * 1024));
  assert.ok(bomb.byteLength < BLOB_PIECE_BYTES, 'it would fit into a piece');
  const before = process.memoryUsage.rss();
  assert.equal(zstd.decompress(bomb, BLOB_PIECE_BYTES), undefined);
  assert.ok(process.memoryUsage.rss() - before < 64 * 1024 * 1024, 'nothing of it was undone');
});

test('a frame that asks for more memory than a piece is refused, though little comes out', { skip }, () => {
  // Magic, no size that is known beforehand, its window, one last block: the same byte again and again.
  const length = 1000;
  const block = (length << 3) | (1 << 1) | 1;
  for (const [log, allowed] of [[18, true], [19, false], [27, false], [31, false]] as const) {
    const frame = Uint8Array.from([...magic, 0, (log - 10) << 3, block & 255, (block >> 8) & 255, block >> 16, 7]);
    assert.equal(zstd.decompress(frame, length) !== undefined, allowed, `2 to the ${log}`);
  }
});

test('a compressed piece says what it is: more than a piece, or no less than it was, is refused', () => {
  const of = (length: number, rawBytes: number): Uint8Array => encodePiece({ type: 'piece', id: 1, offset: 0, total: BLOB_PIECE_BYTES, bytes: new Uint8Array(length), rawBytes });
  assert.equal(decodePiece(of(10, BLOB_PIECE_BYTES)).rawBytes, BLOB_PIECE_BYTES);
  for (const message of [of(10, BLOB_PIECE_BYTES + 1), of(10, 2 ** 32 - 1), of(10, 10), of(10, 0), of(0, 0), of(10, 300).subarray(0, 20)]) {
    assert.throws(() => decodePiece(message), (error) => isSkeinError(error, 'FRAME_INVALID'));
  }
});
