/** Goal: over a slow line what can be compressed takes less of it, nothing else takes more, and nothing wrong is believed for that. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test from 'node:test';
import fc from 'fast-check';
import { isSkeinError } from '../../src/errors.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Compressor } from '../../src/ports/compressor.ts';
import { decodeBlob } from '../../src/protocol/blob-codec.ts';
import { BLOB_CHUNK_BYTES, BLOB_PIECE_BYTES } from '../../src/protocol/limits.ts';
import type { Piece } from '../../src/protocol/piece-codec.ts';
import { nodeId } from '../../src/core/lib/ids.ts';
import { RateLimit } from '../../src/runtime/blobs/rate-limit.ts';
import { BlobServer } from '../../src/runtime/blobs/server.ts';
import { SimCompressor } from '../../sim/compressor.ts';
import { Prng } from '../../sim/prng.ts';
import type { SimNode } from '../../sim/sim-node.ts';
import { file, fileOf, Lab, MIB, type File } from './blob-lab.ts';
import { FakeContext } from './fake-context.ts';

/** 10 MB/s. */
const SLOW = { network: { bytesPerMs: 10_000 } };

interface Way {
  readonly ms: number;
  /** Of all pieces, as they went. */
  readonly bytes: number;
  readonly compressed: number;
}

/** One file from the first node to the second. @param compress which of the two can. @param slowness of the first one. */
function way(name: string, one: File, compress: readonly [boolean, boolean] = [true, true], scenery: ConstructorParameters<typeof Lab>[2] = SLOW, slowness = 1): Way {
  const lab = new Lab(name, 2, scenery);
  const [a, b] = lab.cluster.nodes as [SimNode, SimNode];
  for (const [i, node] of [a, b].entries()) {
    node.compresses = compress[i]!;
    node.compressSlowness = slowness;
    lab.crash(node, 'process');
    lab.boot(node);
  }
  lab.run(5000);
  lab.put(a, one);
  let bytes = 0;
  let compressed = 0;
  lab.cluster.network.onSend = (_from, _to, channel, message) => {
    if (channel !== 'blob') return;
    const read = decodeBlob(message);
    if (read.type !== 'piece') return;
    bytes += read.bytes.byteLength;
    if (read.rawBytes !== null) compressed += 1;
  };
  const began = lab.cluster.kernel.now;
  const fetch = lab.fetch(b, one.cid);
  lab.until('the blob', () => fetch.ended, 60_000, 1);
  assert.equal(fetch.error, undefined);
  lab.assertWhole(b, one);
  return { ms: lab.cluster.kernel.now - began, bytes, compressed };
}

test('over a slow line what can be compressed takes less of it, and less time', () => {
  const one = file(12 * MIB);
  const plain = way('plain', one, [false, true]);
  assert.ok(plain.bytes >= one.bytes.byteLength);
  const { ms, bytes } = way('compressed', one);
  // What is sent before the line is known, and what runs make of the rest.
  assert.ok(bytes <= 0.25 * one.bytes.byteLength, `${bytes} bytes`);
  assert.ok(ms < 0.35 * plain.ms, `${ms} ms instead of ${plain.ms}`);
});

test('what cannot be compressed costs nothing over a slow line', () => {
  const one = fileOf(randomBytes(12 * MIB));
  const plain = way('plain', one, [false, true]);
  const { ms, bytes, compressed } = way('in vain', one);
  assert.deepEqual([bytes, compressed], [plain.bytes, 0]);
  assert.ok(ms < 1.01 * plain.ms, `${ms} ms instead of ${plain.ms}`);
});

test('a large file that cannot be compressed is not tried again and again', (t) => {
  const tries = t.mock.method(SimCompressor.prototype, 'compress').mock;
  way('in vain for long', fileOf(randomBytes(96 * MIB)), [true, true], { network: { bytesPerMs: 50_000 } });
  // With each chunk anew they would be about fifty.
  assert.ok(tries.callCount() >= 8 && tries.callCount() <= 16, `${tries.callCount()} tries`);
});

test('of a file that can be compressed in part, that part is', () => {
  const bytes = new Uint8Array(16 * MIB);
  for (let at = 0; at < bytes.byteLength; at += 2 * BLOB_CHUNK_BYTES) bytes.set(randomBytes(BLOB_CHUNK_BYTES), at);
  const { bytes: sent } = way('mixed', fileOf(bytes));
  assert.ok(sent > 8 * MIB && sent < 10 * MIB, `${sent} bytes`);
});

test('beside other work, where it takes longer than the line would, the line never waits for it', () => {
  const one = file(12 * MIB);
  const plain = way('plain', one, [false, true]);
  for (const slowness of [10, 30, 100, 1000]) {
    const { ms, bytes } = way(`slowness ${slowness}`, one, [true, true], SLOW, slowness);
    assert.ok(ms < 1.05 * plain.ms && bytes <= plain.bytes, `${ms} ms instead of ${plain.ms} with ${bytes} bytes when it takes ${slowness} times as long`);
    if (slowness <= 30) assert.ok(ms < 0.9 * plain.ms, `${ms} ms instead of ${plain.ms}: some of it may well be compressed when it takes ${slowness} times as long`);
  }
});

test('over a fast line nothing is compressed', () => {
  const { compressed } = way('fast', file(12 * MIB), [true, true], { network: { bytesPerMs: 1_000_000 } });
  assert.equal(compressed, 0);
});

test('with a node that cannot files come as they are, whichever of the two it is', () => {
  const one = file(9 * MIB);
  for (const can of [[false, true], [true, false], [false, false]] as const) {
    assert.equal(way(`can ${can.join(' ')}`, one, can).compressed, 0);
  }
  assert.ok(way('both can', one).compressed > 0);
});

// ── Hostile pieces ─────────────────────────────────────────────────────────────────────────────────────────────────

/** What a node sends in the place of each piece that it compressed. */
const hostile: Readonly<Record<string, (piece: Piece & { rawBytes: number }) => Piece>> = {
  'other bytes': (piece) => ({ ...piece, bytes: piece.bytes.map((byte) => byte ^ 1) }),
  'no compressed bytes': (piece) => ({ ...piece, bytes: new Uint8Array(randomBytes(piece.bytes.byteLength)) }),
  'only a part': (piece) => ({ ...piece, bytes: piece.bytes.subarray(0, 10) }),
  'more than it says': (piece) => ({ ...piece, rawBytes: piece.rawBytes - 1 }),
  'compressed bytes as they are': (piece) => ({ ...piece, rawBytes: null }),
};

for (const [what, change] of Object.entries(hostile)) {
  test(`a node that sends ${what} is asked no more, and what arrives is right`, () => {
    const lab = new Lab(`hostile ${what}`, 3, SLOW);
    const [a, b, c] = lab.cluster.nodes as [SimNode, SimNode, SimNode];
    const one = file(9 * MIB);
    lab.put(a, one);
    const { context } = a.runtime!;
    const send = context.sendBlob.bind(context);
    let changed = 0;
    context.sendBlob = (to, message) => {
      if (message.type !== 'piece' || message.rawBytes === null) return send(to, message);
      changed += 1;
      return send(to, change({ ...message, rawBytes: message.rawBytes }));
    };
    const alone = lab.fetch(c, one.cid);
    lab.until('the end of a fetch from that node alone', () => alone.ended, 120_000, 5);
    assert.ok(changed > 0);
    assert.ok(isSkeinError(alone.error, 'BLOB_NOT_FOUND'), String(alone.error));
    assert.equal(c.blobs.whole.size, 0);
    lab.put(b, one);
    const fetch = lab.fetch(c, one.cid);
    lab.until('the blob', () => fetch.ended, 120_000, 5);
    assert.equal(fetch.error, undefined);
    lab.assertWhole(c, one);
  });
}

// ── The sender alone ───────────────────────────────────────────────────────────────────────────────────────────────

const asker = nodeId('asker');

/** A server of one file whose pieces are collected. */
function serverOf(bytes: Uint8Array, bytesPerSecond: number, compressor: (clock: Clock) => Compressor): { readonly fake: FakeContext; readonly server: BlobServer; readonly pieces: Piece[] } {
  const pieces: Piece[] = [];
  const fake = new FakeContext({ compressor });
  const store = { read: (_cid: unknown, offset: number, length: number, done: (error: undefined, bytes: Uint8Array) => void) => fake.process.setTimer(0.1, () => done(undefined, bytes.subarray(offset, offset + length))) };
  const server = new BlobServer({
    context: fake.context,
    store: store as never,
    rate: new RateLimit(bytesPerSecond),
    send: (_to, message) => {
      if (message.type === 'piece') pieces.push({ ...message, bytes: message.bytes.slice() });
      return true;
    },
    size: () => bytes.byteLength,
    unread: () => assert.fail('all can be read'),
    manifest: () => undefined,
  });
  return { fake, server, pieces };
}

test('a limit is one of the line: what is compressed comes sooner', () => {
  const zeros = new Uint8Array(4 * MIB);
  const tookMs = (zstd: boolean): number => {
    const { fake, server, pieces } = serverOf(zeros, 1_000_000, (clock) => new SimCompressor(clock));
    server.wanted(asker, { type: 'want', id: 1, cid: file(1).cid, chunk: 0, zstd });
    for (let ms = 0; ms < 10_000; ms += 10) {
      fake.pass(10);
      if (pieces.length === 16) return ms;
    }
    return assert.fail('it did not come');
  };
  const plainMs = tookMs(false);
  assert.ok(plainMs > 3000, `${plainMs} ms`);
  const ms = tookMs(true);
  assert.ok(ms < 100, `${ms} ms`);
});

test('pieces of an answer leave in their order, however long each takes to be compressed, and are what they were', () => {
  fc.assert(
    fc.property(fc.nat(), fc.array(fc.integer({ min: 0, max: 15 }), { minLength: 1, maxLength: 8 }), (seed, wants) => {
      const random = new Prng(`${seed}`);
      const bytes = new Uint8Array(4 * BLOB_CHUNK_BYTES);
      for (let i = 0; i < 40; i += 1) {
        const at = random.int(0, bytes.byteLength - 1);
        bytes.set(randomBytes(Math.min(BLOB_PIECE_BYTES, bytes.byteLength - at)), at);
      }
      let atOnce = 0;
      const { fake, server, pieces } = serverOf(bytes, 50_000_000, (clock) => {
        const inner = new SimCompressor(clock);
        const compress = (given: Uint8Array, done: (compressed: Uint8Array | undefined) => void): void => {
          atOnce += 1;
          assert.ok(atOnce <= 2, 'few at a time');
          inner.compress(given, (compressed) =>
            clock.setTimer(random.between(0, 30), () => {
              atOnce -= 1;
              done(compressed);
            }),
          );
        };
        return { compress, decompress: inner.decompress.bind(inner) };
      });
      const inner = new SimCompressor(fake.process);
      wants.forEach((want, id) => server.wanted(nodeId(`asker ${want >> 2}`), { type: 'want', id, cid: file(want >> 2).cid, chunk: want & 3, zstd: true }));
      fake.pass(60_000);
      for (const [id, want] of wants.entries()) {
        let at = 0;
        for (const piece of pieces.filter((each) => each.id === id)) {
          assert.equal(piece.offset, at);
          const raw = piece.rawBytes === null ? piece.bytes : inner.decompress(piece.bytes, piece.rawBytes);
          const start = (want & 3) * BLOB_CHUNK_BYTES + at;
          assert.ok(raw !== undefined && Buffer.from(raw).equals(bytes.subarray(start, start + raw.byteLength)));
          at += raw.byteLength;
        }
        assert.equal(at, BLOB_CHUNK_BYTES, 'all of it');
      }
    }),
    { numRuns: 15 },
  );
});

test('in virtual time: runs come back as they were', () => {
  const compressor = new SimCompressor(new FakeContext().process);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 600 }), fc.nat(255)), { maxLength: 40 }), (runs) => {
      const bytes = Uint8Array.from(runs.flatMap(([length, byte]) => Array.from({ length }, () => byte)));
      const fake = new FakeContext();
      new SimCompressor(fake.process).compress(bytes, (compressed) => {
        if (compressed !== undefined) assert.deepEqual(compressor.decompress(compressed, bytes.byteLength), bytes);
        if (compressed !== undefined) assert.equal(compressor.decompress(compressed, bytes.byteLength + 1), undefined);
      });
      fake.pass(10);
    }),
  );
});
