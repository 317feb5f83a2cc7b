/** The own encoder writes the bytes of an independent one, and the own decoder accepts nothing else. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { decode, encode } from 'cborg';
import fc from 'fast-check';
import { isSkeinError } from '../../src/errors.ts';
import { decodeCbor } from '../../src/protocol/cbor-decoder.ts';
import { encodeCbor } from '../../src/protocol/cbor-encoder.ts';

const strict = { useMaps: true, strict: true, rejectDuplicateMapKeys: true, allowUndefined: false, allowIndefinite: false } as const;

const number = fc.oneof(
  fc.integer({ min: -300, max: 70_000 }),
  fc.maxSafeInteger(),
  fc.double(),
  fc.float(),
  // Halves, and what is next to them.
  fc.tuple(fc.integer({ min: -1100, max: 1100 }), fc.integer({ min: -26, max: 6 })).map(([mantissa, exponent]) => mantissa * 2 ** exponent),
);
const text = fc.oneof(fc.string(), fc.string({ unit: 'binary', maxLength: 60 }), fc.string({ unit: 'grapheme-ascii', minLength: 40, maxLength: 300 }));
const value = fc.letrec((tie) => ({
  item: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    number,
    text,
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('item'), { maxLength: 40 }),
    fc.dictionary(text, tie('item'), { maxKeys: 6 }),
  ),
})).item;

test('the bytes are those of cborg', () => {
  fc.assert(fc.property(value, (item) => assert.deepEqual(encodeCbor(item), Uint8Array.from(encode(item)))), { numRuns: 3000 });
});

test('every value comes back as cborg reads it', () => {
  fc.assert(fc.property(value, (item) => assert.deepEqual(decodeCbor(encodeCbor(item)), decode(encode(item), strict))), { numRuns: 3000 });
});

test('lengths of every width', () => {
  for (const length of [0, 23, 24, 48, 49, 255, 256, 65_535, 65_536, 200_000]) {
    for (const item of ['x'.repeat(length), new Uint8Array(length).fill(7), Array.from({ length }, () => 1), 'é'.repeat(length)]) {
      const bytes = encodeCbor(item);
      assert.deepEqual(bytes, Uint8Array.from(encode(item)));
      assert.deepEqual(decodeCbor(bytes), item);
    }
  }
  const large = new Uint8Array(3_000_000).fill(1);
  assert.deepEqual(decodeCbor(encodeCbor([large, 'after'])), [large, 'after']);
  assert.deepEqual(encodeCbor('small again'), Uint8Array.from(encode('small again')));
});

test('texts that share a place in memory are not taken for each other', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 8, maxLength: 12 }), { minLength: 50, maxLength: 50 }), (texts) => {
      assert.deepEqual(decodeCbor(encodeCbor(texts)), texts);
    }),
  );
});

test('bytes that are read are a copy: nobody who keeps them keeps the whole message', () => {
  const message = encodeCbor([new Uint8Array([1, 2, 3])]);
  const [read] = decodeCbor(message) as [Uint8Array];
  assert.notEqual(read.buffer, message.buffer);
  assert.equal(read.buffer.byteLength, 3);
  const pooled = Buffer.from(message);
  assert.ok(!Buffer.isBuffer((decodeCbor(pooled) as [Uint8Array])[0]));
});

test('whatever cborg refuses in its strict form is refused, and what is accepted means the same', () => {
  const both = (bytes: Uint8Array): void => {
    let theirs: { readonly value: unknown } | undefined;
    try {
      theirs = { value: decode(bytes, strict) };
    } catch {
      theirs = undefined;
    }
    try {
      const value = decodeCbor(bytes);
      assert.ok(theirs !== undefined, `accepted ${Buffer.from(bytes).toString('hex')}`);
      assert.deepEqual(value, theirs.value);
    } catch (error) {
      assert.ok(isSkeinError(error, 'FRAME_INVALID'), String(error));
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), both), { numRuns: 20_000 });
  fc.assert(
    fc.property(value, fc.nat(), fc.nat(255), (item, where, byte) => {
      const bytes = Uint8Array.from(encode(item));
      bytes[where % bytes.length] = byte;
      both(bytes);
    }),
    { numRuns: 5000 },
  );
});

const hostile: readonly [name: string, bytes: readonly number[], says: RegExp][] = [
  ['nothing', [], /ends too early at byte 0/],
  ['a length over what is there', [0x9a, 0xff, 0xff, 0xff, 0xff], /ends too early/],
  ['a length of 2^64 - 1', [0x5b, 255, 255, 255, 255, 255, 255, 255, 255], /ends too early/],
  ['an integer over 2^53', [0x1b, 0, 0x20, 0, 0, 0, 0, 0, 1], /not exact/],
  ['a number longer than needed', [0x18, 3], /longer than needed/],
  ['a list without end', [0x9f, 0x01, 0xff], /indefinite length/],
  ['a tag', [0xc1, 0x01], /a tag/],
  ['undefined', [0xf7], /neither a flag/],
  ['text that is not UTF-8', [0x61, 0xff], /not UTF-8/],
  ['a key twice', [0xa2, 0x61, 0x61, 1, 0x61, 0x61, 2], /a key twice/],
  ['two values', [1, 2], /left over at byte 1/],
  ['lists in lists in lists', Array.from({ length: 100_000 }, () => 0x81), /deeply nested/],
];
for (const [name, bytes, says] of hostile) {
  test(`refused: ${name}`, () => {
    assert.throws(() => decodeCbor(Uint8Array.from(bytes)), (error) => isSkeinError(error, 'FRAME_INVALID') && says.test((error as Error).message));
  });
}

test('what has no form is refused, and leaves nothing behind', () => {
  for (const odd of [() => 1, Symbol('s'), 1n, [[1, () => 1]]]) assert.throws(() => encodeCbor(odd), /CBOR: a (?:function|symbol|bigint) has no form/);
  let deep: unknown = 1;
  for (let i = 0; i < 10_000; i += 1) deep = [deep];
  assert.throws(() => encodeCbor(deep), /nested deeper than 256/);
  assert.deepEqual(encodeCbor([1]), new Uint8Array([0x81, 1]));
});
