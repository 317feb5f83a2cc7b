import { strict as assert } from 'node:assert';
import test from 'node:test';
import * as fc from 'fast-check';
import { parseRunId, runIdOf, runNumberOfShort, shortIdOf } from '../../../src/core/cell/run-id.ts';
import { cellId } from '../../../src/core/lib/ids.ts';
import { cellName } from './cells.ts';

const index = fc.oneof(fc.integer({ min: 1, max: 5_000 }), fc.integer({ min: 1, max: 2 ** 41 }), fc.constantFrom(2 ** 20 - 1, 2 ** 20, 2 ** 25 - 1, 2 ** 25, 2 ** 40));

test('a short id leads back to its index', () => {
  fc.assert(
    fc.property(index, fc.stringMatching(/^[0-9a-f]{32}$/), (number, name) => {
      const cell = cellId(name);
      assert.equal(runNumberOfShort(cell, shortIdOf(cell, number)), number);
      assert.deepEqual(parseRunId(runIdOf(cell, number)), { short: shortIdOf(cell, number), cell });
    }),
  );
});

test('short ids are unique, 4 characters up to a million entries, and neighbours look different', () => {
  const seen = new Set<string>();
  let alike = 0;
  for (let i = 1; i <= 50_000; i++) {
    const short = shortIdOf(cellName, i);
    assert.match(short, /^[a-km-np-z2-9]{4}$/);
    if (short.slice(0, 2) === shortIdOf(cellName, i + 1).slice(0, 2)) alike++;
    seen.add(short);
  }
  assert.equal(seen.size, 50_000);
  assert.ok(alike < 2_500, `${alike} neighbours share their first two characters`);
  assert.equal(shortIdOf(cellName, 2 ** 20).length, 5);
});

test('text that is no short id of this length stands for no run', () => {
  for (const bad of ['', 'abc', 'ab!d', 'ABCD', 'l0o1', 'a'.repeat(11)]) assert.equal(runNumberOfShort(cellName, bad), undefined, bad);
  fc.assert(
    fc.property(fc.stringMatching(/^[a-km-np-z2-9]{4,10}$/), (short) => {
      const number = runNumberOfShort(cellName, short);
      if (number !== undefined) assert.equal(shortIdOf(cellName, number), short);
    }),
  );
});
