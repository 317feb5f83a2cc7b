/** The search against histories of others, whose verdicts were found with porcupine. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { checkLinearizable, type WglResult } from '../../../sim/history/wgl.ts';
import { parseJepsen, parseStore, register, text } from './porcupine-models.ts';

const folder = new URL('../../../../shared/fixtures/porcupine/', import.meta.url);
const verdictsFile = new URL('expected-visible.json', folder);
const skip = existsSync(verdictsFile) ? false : 'the recorded histories of porcupine are not here';
const expected = skip === false ? (JSON.parse(readFileSync(verdictsFile, 'utf8')) as Readonly<Record<string, boolean>>) : {};
/** Enough for each of them many times over; without it a bug in the search would not end. */
const visitedMax = 200_000;

function read(name: string): string {
  return readFileSync(new URL(name, folder), 'utf8');
}

function check(name: string): WglResult[] {
  if (name.startsWith('jepsen/')) return [checkLinearizable(register, parseJepsen(read(name)), { visitedMax })];
  return Array.from(parseStore(read(name)).values(), (operations) => checkLinearizable(text, operations, { visitedMax }));
}

test('recorded histories: the verdicts are those of porcupine', { skip }, (t) => {
  assert.ok(Object.keys(expected).length >= 33);
  let visited = 0;
  for (const [name, linearizable] of Object.entries(expected)) {
    const results = check(name);
    visited += results.reduce((sum, result) => sum + result.visited, 0);
    assert.ok(results.every(({ verdict }) => verdict !== 'unknown'), `${name} is decided`);
    assert.equal(results.every(({ verdict }) => verdict === 'ok'), linearizable, name);
  }
  t.diagnostic(`${visited} configurations looked at`);
});

test('recorded histories: the operation that cannot be placed is where the history goes wrong', { skip }, () => {
  let explained = 0;
  for (const [name, linearizable] of Object.entries(expected)) {
    if (linearizable || !name.startsWith('jepsen/')) continue;
    const operations = parseJepsen(read(name));
    const result = checkLinearizable(register, operations, { visitedMax });
    assert.ok(result.verdict === 'violation');
    const end = operations[result.explanation.blocked]?.outcome?.returnedAt ?? NaN;
    // Up to just before that return there is an order; with that return there is none.
    const upTo = (time: number): WglResult['verdict'] => {
      const begun = operations.filter(({ invokedAt }) => invokedAt <= time);
      return checkLinearizable(register, begun.map((operation) => ({ ...operation, outcome: operation.outcome !== undefined && operation.outcome.returnedAt <= time ? operation.outcome : undefined })), { visitedMax }).verdict;
    };
    assert.equal(upTo(end - 1), 'ok', name);
    assert.equal(upTo(end), 'violation', name);
    explained += 1;
  }
  assert.ok(explained > 10);
});
