/** Values as people read them. */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { age, clock, estimate, harmless, nodeLabel, oneLine } from '../../src/cli/format.ts';
import { newRequestKey } from '../../src/cli/request-key.ts';
import { table } from '../../src/cli/table.ts';
import { uuidV7Time } from '../../src/core/lib/uuid-v7.ts';

test('durations', () => {
  assert.deepEqual([0, 499, 8000, 3_600_000, 359_999_000, -5].map(clock), ['00:00:00', '00:00:00', '00:00:08', '01:00:00', '99:59:59', '00:00:00']);
  assert.deepEqual([0, 119_000, 120_000, 7_199_000, 7_200_000, 172_800_000].map(age), ['0s', '119s', '2m', '119m', '2h', '2d']);
  assert.deepEqual([0, 59_000, 250_000, 3_600_000].map(estimate), ['0s', '59s', '4m10s', '1h00m']);
});

test('node labels carry the end of the peer id', () => {
  assert.equal(nodeLabel('n', '12D3KooWabcdefgh12345678'), 'n (12345678)');
  assert.equal(nodeLabel('n', ''), 'n');
});

test('text from elsewhere cannot steer the terminal', () => {
  assert.equal(harmless('a\u001b[31mred\u001b[0m\u001b]0;title\u0007b\u001b]8;;http://x\u001b\\link\r\n\tc\u202e'), 'aredblink\n\tc');
  assert.equal(oneLine('a\n b\t\tc '), 'a b c');
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => assert.equal(Array.from(harmless(text)).some((letter) => /\p{Cc}/u.test(letter) && letter !== '\n' && letter !== '\t'), false)));
});

test('tables: columns by display width, wide ones on demand, - for nothing', () => {
  const columns = [
    { head: 'NAME', cell: (row: string[]) => row[0] ?? '' },
    { head: 'X', cell: (row: string[]) => row[1] ?? '' },
    { head: 'MORE', cell: () => 'm', wide: true },
  ];
  assert.equal(table([['日本', '1'], ['b', '']], columns, false), 'NAME   X\n日本   1\nb      -');
  assert.equal(table([['a', '1']], columns, true), 'NAME   X   MORE\na      1   m');
});

test('request keys are UUIDv7 of their time, and differ', () => {
  const now = 1_772_366_400_123;
  const keys = Array.from({ length: 100 }, () => newRequestKey(now));
  for (const key of keys) assert.equal(uuidV7Time(key), now);
  assert.equal(new Set(keys).size, 100);
});
