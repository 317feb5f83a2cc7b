/** Whatever lies on the disk, reading it back ends with a result: a log, a torn tail or damage, never with a crash. */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { imageReader } from '../../../sim/disk.ts';
import { isSkeinError } from '../../../src/errors.ts';
import { writeU32 } from '../../../src/protocol/bytes.ts';
import { crc32c } from '../../../src/runtime/storage/crc.ts';
import { FRAME_HEADER_BYTES, FrameEncoder, type FramePayload } from '../../../src/runtime/storage/frame.ts';
import { segmentFile, snapshotFile } from '../../../src/runtime/storage/names.ts';
import { recoverLog, type Recovered } from '../../../src/runtime/storage/recover.ts';
import { decodeSnapshot, snapshotSlices } from '../../../src/runtime/storage/snapshot-file.ts';
import { commands, LogNode, meta, plain, stateAt, vote } from './support.ts';

function read(files: ReadonlyMap<string, Uint8Array>): Recovered {
  const recovered = recoverLog(imageReader(files));
  for (const [i, entry] of recovered.entries.entries()) assert.equal(entry.index, recovered.entries[0]!.index + i);
  return recovered;
}

const name = fc.oneof(
  fc.integer({ min: 0, max: 4 }).map(segmentFile),
  fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 3 })).map(([index, term]) => snapshotFile(index, term)),
  fc.constantFrom('identity', 'log-', 'log-zz', 'snapshot-1-1', `${segmentFile(1)}.tmp`, `${snapshotFile(1, 1)}.tmp`),
);

test('arbitrary files', () => {
  const content = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 100 }).map((bytes) => Uint8Array.of(0x53, 0x4b, 0x46, 0x31, ...bytes)));
  fc.assert(
    fc.property(fc.array(fc.tuple(name, content), { maxLength: 5 }), (files) => {
      const { entries, snapshot } = read(new Map(files));
      assert.equal(entries.length, 0);
      assert.equal(snapshot, undefined);
    }),
    { numRuns: 1000 },
  );
});

test('several flips, cuts and swaps in a real log: only entries that were written come back, in their places', () => {
  const node = new LogNode({ segmentBytes: 400 });
  node.persist({ hard: vote(3) });
  for (let index = 1; index <= 60; index += 3) node.persist({ entries: commands(index, 3) });
  node.save(meta(20));
  node.save(meta(40));
  const whole = node.disk.syncedImage();
  const names = [...whole.keys()];
  const written = commands(1, 60).map((entry) => JSON.stringify(plain(entry)));
  const harm = fc.record({ file: fc.nat(), kind: fc.constantFrom('flip', 'cut', 'remove', 'copy', 'zero', 'append'), at: fc.nat(), other: fc.nat() });
  fc.assert(
    fc.property(fc.array(harm, { minLength: 1, maxLength: 4 }), (harms) => {
      const files = new Map([...whole].map(([file, bytes]) => [file, bytes.slice()]));
      for (const { file, kind, at, other } of harms) damage(files, names[file % names.length]!, kind, at, names[other % names.length]!);
      const { entries } = read(files);
      for (const entry of entries) assert.equal(JSON.stringify(plain(entry)), written[entry.index - 1]);
    }),
    { numRuns: 1500 },
  );
});

function damage(files: Map<string, Uint8Array>, file: string, kind: string, at: number, other: string): void {
  const bytes = files.get(file);
  if (bytes === undefined || bytes.length === 0) return;
  const place = at % bytes.length;
  if (kind === 'flip') bytes[place]! ^= 1 << (at % 8);
  else if (kind === 'cut') files.set(file, bytes.slice(0, place));
  else if (kind === 'remove') files.delete(file);
  else if (kind === 'copy') files.set(other, bytes.slice());
  else if (kind === 'zero') bytes.fill(0, place, place + (at % 100));
  else files.set(file, Uint8Array.of(...bytes, ...bytes.subarray(place)));
}

test('frames with right checksums and arbitrary payloads: damage, never a crash', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), fc.boolean(), (payload, first) => {
      const frame = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
      frame.set(payload, FRAME_HEADER_BYTES);
      const encoder = new FrameEncoder();
      const start = first ? undefined : encoder.encode({ start: { index: 0, term: 0 }, entries: commands(1, 3) }, 1, 0);
      writeU32(frame, 0, 0x31464b53);
      writeU32(frame, 4, payload.length);
      writeU32(frame, 8, first ? 1 : 2);
      writeU32(frame, 16, start?.crc ?? 0);
      writeU32(frame, 20, crc32c(payload));
      writeU32(frame, 28, crc32c(frame, 0, 28));
      const { damage, torn, hard } = read(new Map([[segmentFile(1), Uint8Array.of(...(start?.bytes ?? []), ...frame)]]));
      assert.equal(torn, false);
      assert.ok(damage !== undefined || hard.term >= 0);
    }),
    { numRuns: 1000 },
  );
});

test('payloads that contradict what came before are damage', () => {
  const start = { index: 0, term: 0 };
  const contradictions: Array<[string, ...FramePayload[]]> = [
    ['follow', { start, entries: [] }, { entries: commands(2, 1) }],
    ['term of an entry goes back', { start, entries: commands(1, 1, 5) }, { entries: commands(2, 1, 4) }],
    ['the term goes back', { start, hard: vote(5), entries: [] }, { hard: vote(4), entries: [] }],
    ['stale snapshot', { start, mark: { index: 9, term: 1 }, entries: [] }, { mark: { index: 8, term: 1 }, entries: [] }],
    ['snapshot were cut', { start, mark: { index: 9, term: 1 }, entries: [] }, { truncateAfter: 8, entries: [] }],
    ['wrong place', { entries: [] }],
    ['wrong place', { start, entries: [] }, { start, entries: [] }],
  ];
  for (const [reason, ...payloads] of contradictions) {
    const encoder = new FrameEncoder();
    const bytes: number[] = [];
    let link = 0;
    for (const [i, payload] of payloads.entries()) {
      const frame = encoder.encode(payload, i + 1, link);
      link = frame.crc;
      bytes.push(...frame.bytes);
    }
    assert.match(read(new Map([[segmentFile(1), Uint8Array.from(bytes)]])).damage?.reason ?? '', new RegExp(reason));
  }
});

test('snapshot files: round trip in slices of any size, and every mutation is refused', () => {
  const sections = fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 6 });
  fc.assert(
    fc.property(sections, fc.integer({ min: 1, max: 200 }), fc.nat(), fc.nat(), fc.constantFrom('flip', 'cut', 'append'), (parts, sliceBytes, index, at, kind) => {
      const snapshot = { meta: meta(index + 1, 3), sections: parts };
const bytes = sliced(snapshot, sliceBytes);
      const again = decodeSnapshot(bytes);
      assert.deepEqual(again.meta, snapshot.meta);
      assert.deepEqual(again.sections.map((s) => [...s]), parts.map((s) => [...s]));
      const files = new Map([['f', bytes]]);
      damage(files, 'f', kind, at, 'f');
      assert.throws(() => decodeSnapshot(files.get('f')!), (error) => isSkeinError(error, 'FRAME_INVALID'));
    }),
    { numRuns: 500 },
  );
  assert.deepEqual(decodeSnapshot(sliced({ meta: meta(7), sections: stateAt(7) }, 64)).sections.length, 3);
});

function sliced(snapshot: Parameters<typeof snapshotSlices>[0], sliceBytes: number): Uint8Array {
  const slices: Uint8Array[] = [];
  for (const slice of snapshotSlices(snapshot, sliceBytes)) slices.push(slice.slice());
  return Buffer.concat(slices);
}
