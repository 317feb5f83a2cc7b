import { strict as assert } from 'node:assert';
import test from 'node:test';
import * as fc from 'fast-check';
import { Hasher, unitOf } from '../../../src/core/lib/hash.ts';
import { Heap } from '../../../src/core/lib/heap.ts';
import { jsonProblem, jsonText, utf8Length } from '../../../src/core/lib/json-text.ts';
import { hashPlain, type Plain } from '../../../src/core/lib/plain.ts';
import { uuidV7, uuidV7Time } from '../../../src/core/lib/uuid-v7.ts';
import { isVersionRange, versionFits } from '../../../src/core/lib/version-range.ts';

function hashOf(plain: Plain): string {
  const hasher = new Hasher();
  hashPlain(hasher, plain);
  return hasher.hex();
}

test('the hash is the same on every machine and in every version: these values never change', () => {
  assert.equal(new Hasher().hex(), '1020c03736c6b0dc9859ab13b4002412');
  assert.equal(new Hasher().text('skein').number(1.5).bytes(new Uint8Array([1, 2, 3, 4, 5])).hex(), '117851bf8d132ae6ec27a12804853da6');
});

test('plain values of different kind, order or grouping hash differently', () => {
  const values: Plain[] = [null, true, false, 0, 1, -1, 0.1, '', '0', '1', 'ab', [], [[]], [1, 2], [2, 1], [[1], 2], [1, [2]], ['a', 'b'], ['ab'], new Uint8Array(), new Uint8Array([0]), new Uint8Array([0, 0])];
  assert.equal(new Set(values.map(hashOf)).size, values.length);
  assert.equal(hashOf(-0), hashOf(0), 'an encoding may lose the sign of zero');
});

test('a hash of many similar inputs has no collision and flips half of its bits', () => {
  const seen = new Set<string>();
  let flipped = 0;
  let before = new Hasher().number(0).digest();
  for (let i = 1; i <= 20_000; i++) {
    const digest = new Hasher().number(i).digest();
    seen.add(digest.slice(0, 2).join());
    digest.forEach((word, w) => {
      for (let bits = (word ^ before[w]!) >>> 0; bits !== 0; bits &= bits - 1) flipped++;
    });
    before = digest;
  }
  assert.equal(seen.size, 20_000);
  assert.ok(Math.abs(flipped / 20_000 / 128 - 0.5) < 0.01);
  const units = Array.from({ length: 1_000 }, (_, i) => unitOf(i, 1, 2));
  assert.ok(units.every((unit) => unit >= 0 && unit < 1));
});

test('a heap gives its items in order, whatever the mix of calls', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 50 })), fc.array(fc.nat({ max: 50 })), fc.nat({ max: 50 }), (first, later, limit) => {
      const heap = new Heap<number>((a, b) => a < b, [...first]);
      for (const item of later) heap.push(item);
      heap.filter((item) => item <= limit);
      const out: number[] = [];
      for (let item = heap.pop(); item !== undefined; item = heap.pop()) out.push(item);
      const expected = [...first, ...later].filter((item) => item <= limit).sort((a, b) => a - b);
      assert.deepEqual(out, expected);
      assert.equal(heap.size, 0);
    }),
  );
});

test('a heap follows a changed top', () => {
  const items = [{ at: 1 }, { at: 2 }, { at: 3 }];
  const heap = new Heap<{ at: number }>((a, b) => a.at < b.at, items.slice());
  heap.peek()!.at = 9;
  heap.topChanged();
  assert.deepEqual([heap.pop()!.at, heap.pop()!.at, heap.pop()!.at], [2, 3, 9]);
});

test('JSON text does not depend on the order of keys and reads back', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      if (jsonProblem(value) !== undefined) return;
      assert.deepEqual(JSON.parse(jsonText(value)), JSON.parse(JSON.stringify(value)));
    }),
  );
  assert.equal(jsonText({ b: 1, a: { d: [2, { f: 3, e: null }], c: '"' } }), '{"a":{"c":"\\"","d":[2,{"e":null,"f":3}]},"b":1}');
});

test('what would change on the wire is no JSON', () => {
  const deep = Array.from({ length: 100 }).reduce<unknown>((inner) => [inner], 0);
  for (const bad of [NaN, Infinity, undefined, '\ud800', { '\ud800': 1 }, [1, { a: undefined }], new Uint8Array(1), 1n, deep]) {
    assert.notEqual(jsonProblem(bad), undefined);
  }
});

test('UTF-8 lengths are exact', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => assert.equal(utf8Length(text), new TextEncoder().encode(text).length)));
});

test('a UUIDv7 carries its time', () => {
  const key = uuidV7(1_700_000_000_123, new Uint8Array([0xff, 0xee, 0xdd, 1, 2, 3, 4, 5, 6, 7]));
  assert.equal(uuidV7Time(key), 1_700_000_000_123);
  assert.match(key, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  for (const other of ['', 'recover:abc', '017f22e2-79b0-4cc3-98c4-dc0c0c07398f']) assert.equal(uuidV7Time(other), undefined);
});

const ranges: readonly (readonly [string, string, boolean])[] = [
  ['6.1.1', '*', true],
  ['', '*', true],
  ['', '>=1', false],
  ['6.1.1', '>=6', true],
  ['5.9', '>=6', false],
  ['v24.1.0', '>=22', true],
  ['v24.1.0', '>= 22 <25', true],
  ['v25.0.0', '>=22 <25', false],
  ['6.1.1-3ubuntu5', '6', true],
  ['6.1.1-3ubuntu5', '6.x', true],
  ['6.1.1', '6.1.x', true],
  ['6.2.1', '6.1.x', false],
  ['6.1.1', '6.1.1', true],
  ['6.1.2', '6.1.1', false],
  ['1.9.9', '^1.2', true],
  ['2.0.0', '^1.2', false],
  ['0.2.9', '^0.2.3', true],
  ['0.3.0', '^0.2.3', false],
  ['1.2.9', '~1.2.3', true],
  ['1.3.0', '~1.2.3', false],
  ['1.2.3', '>1.2', false],
  ['1.3.0', '>1.2', true],
  ['1.2.9', '<=1.2', true],
  ['1.3.0', '<=1.2', false],
  ['5.1.2', '>=6 || 5.1', true],
  ['5.2.0', '>=6 || 5.1', false],
  ['Python 3.12.3', '>=3.10', true],
  ['6', '=6.1', false],
  ['6.1', 'newest', false],
  ['6.1', '>=', false],
];

for (const [version, range, expected] of ranges) {
  test(`version ${version || '(unknown)'} ${expected ? 'fits' : 'does not fit'} ${range}`, () => assert.equal(versionFits(version, range), expected));
}

test('what is no version range is told apart', () => {
  for (const good of ['*', 'x', '1', '>=1.2.3 <2 || ~4', '6.x', 'v6']) assert.ok(isVersionRange(good), good);
  for (const bad of ['', 'newest', '>=', '1..2', '>=x', '1 - 2', 'a'.repeat(500)]) assert.ok(!isVersionRange(bad), bad);
});
