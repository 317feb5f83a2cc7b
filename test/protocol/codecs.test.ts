/** Every message survives its way over the wire; nothing a peer can send does more than be refused with FRAME_INVALID. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { encode } from 'cborg';
import { isSkeinError } from '../../src/errors.ts';
import { decodeBlob, encodeBlob } from '../../src/protocol/blob-codec.ts';
import { decodeBeacon, decodeBulk, encodeBeacon, encodeBulk } from '../../src/protocol/bulk-codec.ts';
import { decodeCommand, encodeCommand } from '../../src/protocol/command-codec.ts';
import { decodePlain, encodePlain } from '../../src/protocol/plain-codec.ts';
import { decodeRaft, encodeRaft } from '../../src/protocol/raft-codec.ts';
import { decodeSpec, encodeSpec } from '../../src/protocol/spec-codec.ts';
import { decodeWork, encodeWork } from '../../src/protocol/work-codec.ts';
import { beacons, blobMessages, bulkMessages, cell, commands, member, raftMessages, spec, workMessages } from './samples.ts';

interface Codec {
  readonly name: string;
  readonly samples: readonly unknown[];
  readonly encode: (message: never) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => unknown;
}

const envelopes = raftMessages.map((message) => ({ cell, from: member, to: member, message }));
const codecs: Codec[] = [
  { name: 'command', samples: commands, encode: encodeCommand, decode: decodeCommand },
  { name: 'work', samples: workMessages, encode: encodeWork, decode: decodeWork },
  { name: 'raft', samples: envelopes, encode: encodeRaft, decode: decodeRaft },
  { name: 'bulk', samples: bulkMessages, encode: encodeBulk, decode: decodeBulk },
  { name: 'blob', samples: blobMessages, encode: encodeBlob, decode: decodeBlob },
  { name: 'beacon', samples: beacons, encode: encodeBeacon, decode: decodeBeacon },
  { name: 'spec', samples: [spec], encode: encodeSpec, decode: decodeSpec },
  { name: 'plain', samples: [[1, 'a', null, true, new Uint8Array([1]), [[]]]], encode: encodePlain, decode: decodePlain },
];

/** Own keys only, prototypes aside: records come back as plain objects. */
function plain(value: unknown): unknown {
  return structuredClone(value);
}

function refusesOrDecodes(decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): void {
  try {
    decode(bytes);
  } catch (error) {
    assert.ok(isSkeinError(error, 'FRAME_INVALID'), `threw ${String(error)}`);
  }
}

for (const { name, samples, encode: encodeMessage, decode } of codecs) {
  test(`${name}: every message comes back as it was`, () => {
    for (const sample of samples) assert.deepEqual(plain(decode(encodeMessage(sample as never))), plain(sample));
  });

  test(`${name}: arbitrary bytes are refused with FRAME_INVALID or decoded, never anything else`, () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => refusesOrDecodes(decode, bytes)), { numRuns: 500 });
  });

  test(`${name}: arbitrary CBOR lists likewise`, () => {
    const value = fc.letrec((tie) => ({
      item: fc.oneof({ depthSize: 'small' }, fc.integer(), fc.double({ noNaN: true }), fc.string(), fc.boolean(), fc.constant(null), fc.uint8Array({ maxLength: 5 }), fc.array(tie('item'), { maxLength: 8 }), fc.dictionary(fc.string(), tie('item'), { maxKeys: 3 })),
    })).item;
    fc.assert(fc.property(fc.integer({ min: 0, max: 20 }), fc.array(value, { maxLength: 14 }), (code, rest) => refusesOrDecodes(decode, encode([code, ...rest]))), { numRuns: 500 });
  });

  test(`${name}: a message with one changed, missing or added byte likewise`, () => {
    const encoded = samples.map((sample) => Uint8Array.from(encodeMessage(sample as never)));
    fc.assert(
      fc.property(fc.nat(encoded.length - 1), fc.nat(), fc.nat(255), fc.constantFrom('change', 'cut', 'append'), (which, at, byte, how) => {
        const bytes = Uint8Array.from(encoded[which]!);
        const position = at % bytes.length;
        if (how === 'change') bytes[position] = byte;
        const hostile = how === 'cut' ? bytes.subarray(0, position) : how === 'append' ? Uint8Array.from([...bytes, byte]) : bytes;
        refusesOrDecodes(decode, hostile);
      }),
      { numRuns: 2000 },
    );
  });
}

test('keys of a peer never reach a prototype', () => {
  const hostile = { ...spec, params: JSON.parse('{"__proto__": {"polluted": 1}, "constructor": 2}') as never };
  const decoded = decodeSpec(Uint8Array.from(encodeSpec(hostile)));
  assert.equal(Object.getPrototypeOf(decoded.params), Object.prototype);
  assert.deepEqual(Object.keys(decoded.params).sort(), ['__proto__', 'constructor']);
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
});

test('equal modules are written once: ten thousand take little more than their names', () => {
  const template = spec.modules[2]!;
  const modules = Array.from({ length: 10_000 }, (_, index) => ({ ...template, name: `m${index}`, needs: [] }));
  const bytes = encodeSpec({ ...spec, modules });
  assert.ok(bytes.length < 150_000, `${bytes.length} bytes`);
  assert.deepEqual(decodeSpec(Uint8Array.from(bytes)).modules[9999], modules[9999]);
});
