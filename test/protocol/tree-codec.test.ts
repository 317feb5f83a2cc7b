/** Lists of files: what goes in comes out, and no bytes whatever name a place outside of a folder. */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { FILES_COUNT_MAX } from '../../src/core/cell/limits.ts';
import type { BlobFile } from '../../src/core/cell/types.ts';
import { Slice, STEPS_PER_SLICE } from '../../src/core/lib/slice.ts';
import { isSkeinError } from '../../src/errors.ts';
import { cidOf } from '../../src/protocol/cid.ts';
import { BLOB_BYTES_MAX, PATH_LENGTH_MAX, TREE_BYTES_MAX } from '../../src/protocol/limits.ts';
import { encodeWire } from '../../src/protocol/reader.ts';
import { decodeTree, decodeTreeInSlices, encodeTree, encodeTreeInSlices, isSafePath, windowsProblem } from '../../src/protocol/tree-codec.ts';

const cid = cidOf('raw', new Uint8Array(32));
const entry = (path: string): BlobFile => ({ path, cid, size: 1, executable: false });
const isInvalid = (error: unknown): boolean => isSkeinError(error, 'BLOB_INVALID');

test('as many files as there may be, under their paths', () => {
  const files = Array.from({ length: FILES_COUNT_MAX }, (_, i) => entry(`folder ${i % 100}/\u00fc ${String(i).padStart(6, '0')}\n`));
  const bytes = encodeTree(files);
  assert.ok(bytes.byteLength <= TREE_BYTES_MAX);
  assert.deepEqual(decodeTree(bytes).map(({ path }) => path), files.map(({ path }) => path).toSorted((a, b) => (a < b ? -1 : 1)));
});

test('the order in which files are given does not show', () => {
  assert.deepEqual(encodeTree([entry('b'), entry('a/c'), entry('a.c')]), encodeTree([entry('a.c'), entry('b'), entry('a/c')]));
});

test('a path that leads elsewhere, or nowhere, is none', () => {
  const bad = ['', '/', '/etc/passwd', '..', '../x', 'a/../../x', 'a/..', '.', './a', 'a//b', 'a/', 'a\\b', 'C:\\x', 'a\0b', '\ud800', 'x'.repeat(PATH_LENGTH_MAX + 1)];
  for (const path of bad) {
    assert.equal(isSafePath(path), false, path);
    assert.throws(() => decodeTree(encodeTree([entry(path)])), isInvalid, path.slice(0, 50));
  }
  for (const path of ['a', 'a/b', '...', '..a', '-rf', ' ', 'new\nline', '\u2603', 'C:']) assert.deepEqual(decodeTree(encodeTree([entry(path)])), [entry(path)]);
});

test('files that cannot be there at once', () => {
  assert.throws(() => decodeTree(encodeTree([entry('a'), entry('a')])), /a path twice/);
  assert.throws(() => decodeTree(encodeTree([entry('a/b/c'), entry('a/b'), entry('a/bc')])), /"a\/b" is a file and a folder/);
});

test('entries that are none', () => {
  for (const fields of [['a', 'no name', 1, false], ['a', cid, -1, false], ['a', cid, BLOB_BYTES_MAX + 1, false], ['a', cid, 1, 7], ['a', cid, 1], ['a', cid, 1, false, 1], [7, cid, 1, false], 'a', null]) {
    assert.throws(() => decodeTree(encodeWire([1, [fields]])), isInvalid);
  }
  for (const whole of [[2, []], [1], [1, [], 1], [1, 'x'], [], ['1', []]]) assert.throws(() => decodeTree(encodeWire(whole)), isInvalid);
});

test('any bytes: refused as a list, or a list of sound paths', () => {
  const sound = encodeTree([entry('a/b'), entry('c')]);
  const damaged = fc.tuple(fc.nat({ max: sound.byteLength - 1 }), fc.nat({ max: 255 })).map(([at, byte]) => sound.map((before, i) => (i === at ? byte : before)));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), (bytes) => {
      try {
        for (const { path } of decodeTree(bytes)) assert.ok(isSafePath(path));
      } catch (error) {
        if (!isInvalid(error)) throw error;
      }
    }),
    { numRuns: 3000 },
  );
});

test('what is no name on Windows', () => {
  const bad = ['con', 'PRN.txt', 'a/AUX', 'nul', 'COM1', 'lpt9.log', 'conin$', 'a.', 'a ', 'a./b', 'a<b', 'a>b', 'a:b', 'a"b', 'a|b', 'a?b', 'a*b', 'a\tb'];
  for (const path of bad) assert.notEqual(windowsProblem(path), '', path);
  for (const path of ['control', 'com', 'com10', 'nully', 'a.con', '.git', 'a b', 'ü']) assert.equal(windowsProblem(path), '', path);
});

test('in slices: the same bytes and the same files, no slice much longer than it should be', () => {
  const files = Array.from({ length: 20_000 }, (_, i) => entry(`folder ${i % 100}/${String(i).padStart(6, '0')}`));
  const slices = <T>(work: (slice: Slice) => Generator<undefined, T>): { value: T; count: number } => {
    const slice = new Slice(STEPS_PER_SLICE);
    const generator = work(slice);
    for (let count = 1; ; count++) {
      const next = generator.next();
      if (next.done === true) return { value: next.value, count };
      slice.refill(STEPS_PER_SLICE);
    }
  };
  const written = slices((slice) => encodeTreeInSlices(files, slice));
  assert.deepEqual(written.value, encodeTree(files));
  const read = slices((slice) => decodeTreeInSlices(written.value, slice));
  assert.deepEqual(read.value, decodeTree(written.value));
  assert.ok(written.count >= 20 && read.count >= 40, `${written.count} and ${read.count} slices`);
});
