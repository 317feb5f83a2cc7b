/** Goal: CBOR that is read item by item is taken or refused as it is at once, and what is written in slices has the same bytes. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { decode, encode } from 'cborg';
import fc from 'fast-check';
import { Slice } from '../../src/core/lib/slice.ts';
import { isSkeinError, SkeinError } from '../../src/errors.ts';
import { SlicedWriter } from '../../src/protocol/sliced-writer.ts';
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

test('lists that are written in slices are written as they are at once', () => {
  const drainedBytes = (items: readonly unknown[], slice: Slice): Uint8Array => {
    const writer = new SlicedWriter();
    writer.list(3);
    writer.value('before');
    const work = (function* () {
      yield* writer.items(items.length, (i) => items[i], 1, slice);
      writer.value({ after: 1 });
      return yield* writer.bytes(slice);
    })();
    for (;;) {
      slice.refill(50);
      const next = work.next();
      if (next.done === true) return next.value;
    }
  };
  fc.assert(
    fc.property(fc.array(value, { maxLength: 30 }), fc.constantFrom(0, 1, 23, 24, 100, 101, 255, 256, 300), (items, length) => {
      const list = Array.from({ length }, (_, i) => items[i % Math.max(1, items.length)] ?? i);
      assert.deepEqual(drainedBytes(list, new Slice(50)), Uint8Array.from(encode(['before', list, { after: 1 }])));
    }),
    { numRuns: 200 },
  );
  const long = Array.from({ length: 70_000 }, (_, i) => i);
  assert.deepEqual(drainedBytes(long, new Slice(50)), Uint8Array.from(encode(['before', long, { after: 1 }])));
});
