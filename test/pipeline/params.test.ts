/** Goal: parameters from a command line or a program get their declared types, or a message that helps. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Json } from '../../src/core/cell/types.ts';
import { resolveParams } from '../../src/pipeline/params.ts';
import { failure, load } from './helpers.ts';

const pipeline = await load(`
name: p
params:
  src: {}
  crf: { type: integer, default: 23, min: 0, max: 51 }
  ratio: { type: number, default: 1.5, min: 0.5 }
  fast: { type: boolean, default: false }
  tier: { enum: [low, high], default: low }
  level: { type: integer, enum: [1, 2], required: false }
modules: { a: { run: a } }
`);

const defaults = { src: 's', crf: 23, ratio: 1.5, fast: false, tier: 'low', level: null };

const good: readonly (readonly [Record<string, Json>, Record<string, Json>])[] = [
  [{}, {}],
  [{ crf: '0' }, { crf: 0 }],
  [{ crf: ' 51 ' }, { crf: 51 }],
  [{ crf: 30 }, { crf: 30 }],
  [{ ratio: '2' }, { ratio: 2 }],
  [{ ratio: '1e3' }, { ratio: 1000 }],
  [{ fast: 'true' }, { fast: true }],
  [{ fast: true }, { fast: true }],
  [{ tier: 'high' }, { tier: 'high' }],
  [{ level: '2' }, { level: 2 }],
  [{ level: null }, {}],
  [{ src: '' }, { src: '' }],
  [{ src: 5 }, { src: '5' }],
];

for (const [given, changed] of good) {
  test(`accepts ${JSON.stringify(given)}`, () => {
    const values = resolveParams(pipeline, { src: 's', ...given });
    assert.deepEqual(values, { ...defaults, ...changed });
    assert.deepEqual(resolveParams(pipeline, values), values, 'resolving again changes nothing');
  });
}

const bad: readonly (readonly [Record<string, Json>, string])[] = [
  [{ src: null }, 'parameter `src` is missing (give it: -p src=TEXT)'],
  [{ crff: '3' }, 'unknown parameter `crff` (did you mean `crf`?)'],
  [{ zzz: '3' }, 'unknown parameter `zzz` (there are src, crf, ratio, fast, tier, level)'],
  [{ crf: '52' }, 'parameter `crf` must be at most 51 (given: `52`)'],
  [{ crf: '-1' }, 'parameter `crf` must be at least 0 (given: `-1`)'],
  [{ crf: '5.5' }, 'parameter `crf` must be a whole number from 0 to 51 (given: `5.5`)'],
  [{ crf: 'many' }, 'parameter `crf` must be a whole number from 0 to 51 (given: `many`)'],
  [{ crf: '0x10' }, 'parameter `crf` must be a whole number from 0 to 51 (given: `0x10`)'],
  [{ crf: '' }, 'parameter `crf` must be a whole number from 0 to 51 (given: ``)'],
  [{ crf: true }, 'parameter `crf` must be a whole number from 0 to 51 (given: `true`)'],
  [{ crf: '9007199254740993' }, 'parameter `crf` must be a whole number from 0 to 51 (given: `9007199254740993`)'],
  [{ ratio: 'Infinity' }, 'parameter `ratio` must be a number, at least 0.5 (given: `Infinity`)'],
  [{ fast: 'yes' }, 'parameter `fast` must be true or false (given: `yes`)'],
  [{ tier: 'mid' }, 'parameter `tier` must be one of low, high (given: `mid`)'],
  [{ level: '3' }, 'parameter `level` must be one of 1, 2 (given: `3`)'],
  [{ src: ['a'] }, 'parameter `src` must be a string (given: `["a"]`)'],
  [{ src: 'a\0b' }, 'parameter `src` holds a NUL character, which no variable can (given: `a b`)'],
  [{ src: '\ud800' }, 'parameter `src` holds half of a surrogate pair (given: `\ud800`)'],
];

for (const [given, message] of bad) {
  test(`refuses ${JSON.stringify(given)}`, async () => {
    const error = await failure(() => resolveParams(pipeline, { src: 's', ...given }), 'PARAM_INVALID');
    assert.equal(error.message, message);
  });
}

test('all problems at once', async () => {
  const error = await failure(() => resolveParams(pipeline, { crf: 'x', nope: 1 }), 'PARAM_INVALID');
  assert.match(error.message, /^3 problems with the parameters of p\n/);
  assert.equal((error.data['problems'] as object[]).length, 3);
});

test('names of objects are no parameters', async () => {
  for (const name of ['__proto__', 'constructor', 'toString']) {
    const given = JSON.parse(`{"src":"s","${name}":"x"}`) as Record<string, Json>;
    assert.match((await failure(() => resolveParams(pipeline, given), 'PARAM_INVALID')).message, /^unknown parameter/);
  }
});
