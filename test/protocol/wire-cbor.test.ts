/** Goal: CBOR that is read item by item is taken or refused as it is at once. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { decode, encode } from 'cborg';
import fc from 'fast-check';
import { isSkeinError, SkeinError } from '../../src/errors.ts';
import { CborCursor, wireCbor } from '../../src/protocol/wire-cbor.ts';

const value = fc.letrec((tie) => ({
  item: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.integer(),
    fc.double(),
    fc.string(),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('item'), { maxLength: 40 }),
    fc.dictionary(fc.string(), tie('item'), { maxKeys: 6 }),
  ),
})).item;

/** All items of a list, one by one. */
function all(bytes: Uint8Array): unknown[] {
  const cursor = new CborCursor(bytes);
  const length = cursor.list();
  const items: unknown[] = [];
  while (items.length < length) items.push(cursor.value());
  if (!cursor.ended) throw new SkeinError('FRAME_INVALID', 'bytes are left over');
  return items;
}

function outcome(read: () => unknown, isRefusal: (error: unknown) => boolean): unknown {
  try {
    return read();
  } catch (error) {
    assert.ok(isRefusal(error), String(error));
    return 'refused';
  }
}

test('whole or damaged, a list is what it is at once', () => {
  let refused = 0;
  fc.assert(
    fc.property(fc.array(value, { maxLength: 30 }), fc.nat(), fc.nat(255), fc.integer({ min: 0, max: 3 }), (items, where, byte, damage) => {
      const whole = encode(items);
      const bytes = damage === 1 ? whole.slice(0, where % whole.length) : whole;
      if (damage > 1) bytes[where % bytes.length] = byte;
      const once = outcome(() => decode(bytes, wireCbor), (error) => error instanceof Error);
      const expected = Array.isArray(once) ? once : 'refused';
      assert.deepEqual(outcome(() => all(bytes), (error) => isSkeinError(error, 'FRAME_INVALID')), expected);
      if (expected === 'refused') refused += 1;
    }),
    { numRuns: 3000 },
  );
  assert.ok(refused > 100, `${refused} refused`);
});
