import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import type { Config, Entry, EntryKind } from '../../src/core/raft/types.ts';
import { isSkeinError } from '../../src/errors.ts';
import { ByteReader, varintLength, writeVarint } from '../../src/protocol/bytes.ts';
import { CONFIG_MEMBERS_MAX, decodeConfig, decodeEntries, encodeConfig, encodeEntries, encodeEntry, entriesLength, entryLength } from '../../src/protocol/entry-codec.ts';
import { ENTRY_DATA_BYTES_MAX } from '../../src/protocol/limits.ts';

const member = fc.string({ unit: 'grapheme', maxLength: 60 });
const members = fc.array(member, { maxLength: 5 });
const config = fc.record({ voters: members, outgoing: members, standbys: members, removed: members }, { noNullPrototype: true }) as unknown as fc.Arbitrary<Config>;
const shape = fc.record({
  kind: fc.constantFrom<EntryKind>('genesis', 'noop', 'config', 'command'),
  termStep: fc.nat({ max: 3 }),
  config,
  data: fc.uint8Array({ maxLength: 300 }),
});
const log = fc
  .tuple(fc.integer({ min: 1, max: 2 ** 45 }), fc.integer({ min: 1, max: 2 ** 40 }), fc.array(shape, { maxLength: 12 }))
  .map(([firstIndex, firstTerm, shapes]) => {
    let term = firstTerm;
    return shapes.map((s, i): Entry => {
      term += s.termStep;
      const data = s.kind === 'genesis' || s.kind === 'command' ? s.data : new Uint8Array();
      const common = { index: firstIndex + i, term, kind: s.kind, data };
      return s.kind === 'genesis' || s.kind === 'config' ? { ...common, config: s.config } : common;
    });
  });

function plain(entries: readonly Entry[]): unknown[] {
  return entries.map((entry) => ({ ...entry, data: [...entry.data] }));
}

function refused(bytes: Uint8Array): void {
  assert.throws(() => decodeEntries(bytes), (error) => isSkeinError(error, 'FRAME_INVALID'));
}

test('entries survive a round trip, and their length is known before', () => {
  fc.assert(
    fc.property(log, (entries) => {
      const bytes = encodeEntries(entries);
      assert.equal(bytes.length, entriesLength(entries));
      assert.deepEqual(plain(decodeEntries(bytes)), plain(entries));
    }),
    { numRuns: 300 },
  );
});

test('what a follower writes are the bytes that came', () => {
  fc.assert(
    fc.property(log, (entries) => {
      const bytes = encodeEntries(entries);
      assert.deepEqual(encodeEntries(decodeEntries(bytes)), bytes);
    }),
  );
});

test('one entry alone is what it is among others', () => {
  fc.assert(
    fc.property(log, (entries) => {
      assert.deepEqual([...encodeEntries(entries)].slice(1), entries.flatMap((entry) => [...encodeEntry(entry)]));
      assert.deepEqual(entries.map(entryLength), entries.map((entry) => encodeEntry(entry).length));
    }),
  );
});

test('arbitrary bytes are refused or decoded, and nothing else happens', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decodeEntries(bytes);
      } catch (error) {
        assert.ok(isSkeinError(error, 'FRAME_INVALID'), String(error));
      }
    }),
    { numRuns: 1000 },
  );
});

test('mutated bytes are refused, or mean other entries that encode to just these bytes', () => {
  const mutation = fc.record({ at: fc.nat(), byte: fc.nat({ max: 255 }), cut: fc.option(fc.nat(), { freq: 4 }) });
  fc.assert(
    fc.property(log, mutation, (entries, { at, byte, cut }) => {
      const bytes = encodeEntries(entries);
      bytes[at % bytes.length] = byte;
      const mutated = cut === null ? bytes : bytes.subarray(0, cut % (bytes.length + 1));
      try {
        const again = encodeEntries(decodeEntries(mutated.slice()).map((entry) => ({ ...entry })));
        if (!again.every((value, i) => value === mutated[i])) assert.equal(entries.some((entry) => entry.config !== undefined), true);
      } catch (error) {
        assert.ok(isSkeinError(error, 'FRAME_INVALID'), String(error));
      }
    }),
    { numRuns: 1000 },
  );
});

test('what only a broken or hostile peer sends is refused', () => {
  const noop = (index: number, term: number): Entry => ({ index, term, kind: 'noop', data: new Uint8Array() });
  refused(new Uint8Array());
  refused(encodeEntries([noop(1, 1), noop(3, 1)]));
  refused(encodeEntries([noop(1, 2), noop(2, 1)]));
  refused(Uint8Array.of(1, 1, 0, 1, 0)); // index 0
  refused(Uint8Array.of(1, 1, 1, 0, 0)); // term 0
  refused(Uint8Array.of(1, 4, 1, 1, 0)); // unknown kind
  refused(Uint8Array.of(1, 1, 1, 1, 1, 7)); // noop with data
  refused(Uint8Array.of(1, 1, 0x81, 0, 1, 0)); // index with a leading zero group
  refused(Uint8Array.of(1, 1, 1, 1, 0, 0)); // a byte too many
  refused(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)); // count over 2^53
  refused(Uint8Array.of(0xff, 0xff, 0xff, 0x7f)); // more entries than bytes
});

test('an entry over the size limit is a bug of its maker, and refused from a peer', () => {
  const data = new Uint8Array(ENTRY_DATA_BYTES_MAX);
  assert.equal(decodeEntries(encodeEntries([{ index: 1, term: 1, kind: 'command', data }]))[0]?.data.length, data.length);
  assert.throws(() => encodeEntry({ index: 1, term: 1, kind: 'command', data: new Uint8Array(data.length + 1) }), /over the limit/);
  const bytes = new Uint8Array(data.length + 20);
  let at = writeVarint(bytes, 0, 1);
  bytes[at++] = 3;
  at = writeVarint(bytes, at, 1);
  at = writeVarint(bytes, at, 1);
  at = writeVarint(bytes, at, data.length + 1);
  refused(bytes.subarray(0, at + data.length + 1));
});

test('a config with too many voters, of a wrong form or nested without end is refused', () => {
  const empty: Config = { voters: [], outgoing: [], standbys: [], removed: [] };
  const many = Array.from({ length: CONFIG_MEMBERS_MAX + 1 }, (_, i) => `m${i}`) as unknown as Config['voters'];
  assert.deepEqual(decodeConfig(encodeConfig(empty)), empty);
  assert.equal(decodeConfig(encodeConfig({ ...empty, removed: many })).removed.length, many.length);
  const wrong = [encodeConfig({ ...empty, voters: many }), encodeConfig({ ...empty, voters: [7] as never }), Uint8Array.of(0x80), new Uint8Array(200_000).fill(0x81)];
  for (const bytes of wrong) assert.throws(() => decodeConfig(bytes), (error) => isSkeinError(error, 'FRAME_INVALID'));
});

test('varints have one form only and hold every safe integer', () => {
  fc.assert(
    fc.property(fc.oneof(fc.nat(), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), fc.constantFrom(0, 127, 128, 2 ** 28, 2 ** 49, 2 ** 49 - 1, Number.MAX_SAFE_INTEGER)), (value) => {
      const bytes = new Uint8Array(10);
      const end = writeVarint(bytes, 0, value);
      assert.equal(end, varintLength(value));
      const reader = new ByteReader(bytes, 0, end);
      assert.equal(reader.varint(), value);
      reader.expectEnd();
    }),
    { numRuns: 500 },
  );
});
