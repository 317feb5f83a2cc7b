/** Messages that share memory are what they would be alone, and stay so. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { encode } from 'cborg';
import fc from 'fast-check';
import { encodeMessage } from '../../src/protocol/message-bytes.ts';

test('whatever is written after a message, its bytes stay those of the package', () => {
  const item = fc.oneof(fc.integer(), fc.double(), fc.string(), fc.boolean(), fc.constant(null), fc.uint8Array({ maxLength: 80 }));
  const large = fc.integer({ min: 1000, max: 100_000 }).map((length) => [new Uint8Array(length).fill(9)]);
  const message = fc.oneof({ weight: 9, arbitrary: fc.array(item, { maxLength: 12 }) }, { weight: 1, arbitrary: large });
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 80 }), (messages) => {
      const written = messages.map((one) => encodeMessage(one));
      for (const [at, one] of messages.entries()) assert.deepEqual(Uint8Array.from(written[at]!), Uint8Array.from(encode(one)));
    }),
    { numRuns: 300 },
  );
});

test('what has no form is refused, and the next message is whole', () => {
  assert.throws(() => encodeMessage([1, () => 1]), /unsupported type/);
  assert.deepEqual(Uint8Array.from(encodeMessage([1, 'two'])), Uint8Array.from(encode([1, 'two'])));
});
