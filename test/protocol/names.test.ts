/** Names that are remembered are written and read as any other text. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { decode, encode } from 'cborg';
import fc from 'fast-check';
import { NameTokenizer, nameToken } from '../../src/protocol/names.ts';
import { wireCbor } from '../../src/protocol/wire-cbor.ts';

const withNames = (bytes: Uint8Array): unknown => decode(bytes, { ...wireCbor, tokenizer: new NameTokenizer(bytes, wireCbor) });
const namesOnly = { typeEncoders: { string: nameToken } };

/** Few letters: many of the same length that differ in places which the hash does not see. */
const alike = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 120 });
const text = fc.oneof(alike, fc.string({ unit: 'binary', maxLength: 100 }), fc.constantFrom('node-1/0011223344556677', 'é'.repeat(20), 'x'.repeat(23), 'x'.repeat(24), 'x'.repeat(255), 'x'.repeat(256)));
const item = fc.oneof(text, text, fc.integer(), fc.double(), fc.uint8Array({ maxLength: 30 }), fc.constant(null), fc.array(text, { maxLength: 5 }));
const list = fc.array(item, { maxLength: 40 });

test('whatever was read before, a list is read as the package reads it', () => {
  fc.assert(fc.property(list, (items) => assert.deepEqual(withNames(encode(items)), decode(encode(items), wireCbor))), { numRuns: 2000 });
});

test('whatever was written before, the bytes are those of the package', () => {
  fc.assert(fc.property(list, (items) => assert.deepEqual(Uint8Array.from(encode(items, namesOnly)), Uint8Array.from(encode(items)))), { numRuns: 2000 });
});

test('a name comes as the same text again, whole or not at all', () => {
  const [first, second] = withNames(encode(['node-7/8899aabbccddeeff', 'node-7/8899aabbccddeeff'])) as [string, string];
  assert.equal(first, second);
  const bytes = Uint8Array.from(encode(['node-7/8899aabbccddeeff']));
  for (let length = 0; length < bytes.length; length += 1) assert.throws(() => withNames(bytes.subarray(0, length)));
});

test('changed bytes mean what they mean to the package', () => {
  fc.assert(
    fc.property(list, fc.nat(), fc.nat(255), (items, where, byte) => {
      const bytes = Uint8Array.from(encode(items));
      withNames(bytes);
      bytes[where % bytes.length] = byte;
      let theirs: unknown;
      try {
        theirs = decode(bytes, wireCbor);
      } catch {
        assert.throws(() => withNames(bytes));
        return;
      }
      assert.deepEqual(withNames(bytes), theirs);
    }),
    { numRuns: 3000 },
  );
});

test('bytes inside a Buffer are no Buffer', () => {
  const [bytes] = withNames(Buffer.from(encode([new Uint8Array([1, 2])]))) as [Uint8Array];
  assert.ok(!Buffer.isBuffer(bytes));
});
