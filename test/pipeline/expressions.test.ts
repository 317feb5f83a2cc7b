/** Goal: expressions give what the grammar says, and whatever values hold, they arrive as data. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import test from 'node:test';
import * as fc from 'fast-check';
import type { Json } from '../../src/core/cell/types.ts';
import { compileRun } from '../../src/pipeline/compile.ts';
import { evaluateEnv, type ExpressionContext } from '../../src/pipeline/expressions.ts';
import { failure, load } from './helpers.ts';

const context: ExpressionContext = {
  params: { name: 'Ada', crf: 23, ratio: 1.5, tiny: 1e-20, on: true, off: false, none: null, list: ['a', 'b', 3], tree: { A: 'upper', a: 'lower', constructor: 'kept' }, text: "it's" },
  needs: { fetch: { outputs: { size: 5, files: ['x', 'y'], 'odd-name': 'odd', json: '{"k":[1,2]}' } }, 'a/b': { outputs: { v: 'slash' } } },
  env: { OUTER: 'outer', A: 'hidden' },
  run: { id: 'r1-cell', name: 'demo' },
};

const table: readonly (readonly [string, string])[] = [
  ['plain', 'plain'],
  ['', ''],
  ['${{ params.name }}', 'Ada'],
  ['a${{params.name}}b${{ params.crf }}', 'aAdab23'],
  ['${{ params.ratio }} ${{ params.tiny }}', '1.5 1e-20'],
  ['${{ params.on }}/${{ params.off }}/${{ params.none }}/${{ params.missing }}', 'true/false//'],
  ['${{ params.list }}', '["a","b",3]'],
  ['${{ params.tree.A }} ${{ params.tree.a }} ${{ params.tree.constructor }}', 'upper lower kept'],
  ['${{ params.list[1] }}${{ params.list[9] }}', 'b'],
  ["${{ params['name'] }}", 'Ada'],
  ['${{ needs.fetch.outputs.size }}', '5'],
  ["${{ needs['a/b'].outputs.v }} ${{ needs.fetch.outputs.odd-name }}", 'slash odd'],
  ['${{ needs.*.outputs.size }}', '[5]'],
  ['${{ run.id }} ${{ run.name }}', 'r1-cell demo'],
  ['${{ env.OUTER }} ${{ env.A }} ${{ env.B }}', 'outer a ab'],
  ["${{ contains(params.name, 'd') }} ${{ contains(params.list, 'b') }} ${{ contains(params.list, 'z') }}", 'true true false'],
  ["${{ startsWith(params.name, 'A') }} ${{ endsWith(params.name, 'x') }}", 'true false'],
  ["${{ format('{0}-{1}{{}}', params.name, params.crf) }}", 'Ada-23{}'],
  ["${{ join(params.list, '+') }} ${{ join(params.list) }} ${{ join('solo') }}", 'a+b+3 a,b,3 solo'],
  ['${{ toJSON(params.list) }}', '[\n  "a",\n  "b",\n  3\n]'],
  ['${{ fromJSON(needs.fetch.outputs.json).k[1] }}', '2'],
  ["${{ toJSON(fromJSON('{\"__proto__\": 1, \"a\": null}')) }}", '{\n  "__proto__": 1,\n  "a": null\n}'],
  ["${{ params.on && 'yes' || 'no' }} ${{ params.off && 'yes' || 'no' }}", 'yes no'],
  ['${{ params.crf > 20 }} ${{ params.crf == 23 }} ${{ params.crf != 23 }} ${{ !params.on }} ${{ (1 < 2) }}', 'true true false false true'],
  ["${{ case(params.crf > 50, 'high', params.crf > 20, 'middle', 'low') }}", 'middle'],
  ["${{ 'it''s ''quoted'' }}' }}", "it's 'quoted' }}"],
  ["${{ '${{ params.name }}' }}", '${{ params.name }}'],
  ['$ {{ x }} ${ x } {{ y }}', '$ {{ x }} ${ x } {{ y }}'],
];

for (const [template, expected] of table) {
  test(`evaluates ${JSON.stringify(template)}`, () => {
    const result = evaluateEnv({ A: 'a', B: '${{ env.A }}b', RESULT: template }, context);
    assert.deepEqual(result, { A: 'a', B: 'ab', RESULT: expected });
  });
}

test('what cannot be evaluated says which variable', async () => {
  assert.match((await failure(() => evaluateEnv({ X: "${{ fromJSON('{') }}" }, context), 'MODULE_SPAWN')).message, /^env X: fromJSON: not JSON: \{$/);
  assert.match((await failure(() => evaluateEnv({ X: '${{ env.Y }}', Y: '${{ env.X }}' }, context), 'MODULE_SPAWN')).message, /^env X needs itself: X → Y → X$/);
  assert.match((await failure(() => evaluateEnv({ X: '${{ nope }}' }, context), 'MODULE_SPAWN')).message, /^env X: unknown name `nope`$/);
  assert.match((await failure(() => evaluateEnv({ X: "${{ format('{5}', 1) }}" }, context), 'MODULE_SPAWN')).message, /^env X: The following format string references more arguments/);
});

test('any template gives text or a SkeinError', () => {
  const piece = fc.constantFrom('${{', '}}', ' ', 'params', 'needs', '.', '[', ']', '(', ')', "'", 'format', 'toJSON', 'fromJSON', ',', '*', '!', '==', '&&', '||', '<', '1', '-', '"', '\n', 'env', 'A', 'constructor', '__proto__');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 25 }), (pieces) => {
      try {
        assert.equal(typeof evaluateEnv({ A: pieces.join('') }, context)['A'], 'string');
      } catch (error) {
        assert.equal((error as { code?: unknown }).code, 'MODULE_SPAWN', String((error as Error).stack));
      }
    }),
    { numRuns: 2000, seed: 7 },
  );
});

test('a value is never read again as an expression', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.constantFrom('${{ params.secret }}', '}}', "' }}")), (value) => {
      const env = { X: '<${{ params.value }}>' };
      assert.equal(evaluateEnv(env, { params: { value, secret: 'leak' }, needs: {} })['X'], `<${value}>`);
    }),
  );
});

test('expressions in a command become variables; equal ones share one', async () => {
  const spec = await compileRun(await load('params: { x: {} }\nmodules:\n  a: { run: "echo ${{ params.x }} ${{params.x}}-${{ run.id }}", env: { K: v } }\n'), { x: 'y' });
  const [module] = spec.modules;
  assert.deepEqual(module?.action, { type: 'run', command: 'echo ${SKEIN_EXPR_1} ${SKEIN_EXPR_1}-${SKEIN_EXPR_2}' });
  assert.deepEqual(module?.env, { K: 'v', SKEIN_EXPR_1: '${{ params.x }}', SKEIN_EXPR_2: '${{ run.id }}' });
});

/** Executes a module's command as the executor does: sh with the evaluated variables. */
async function shell(yaml: string, params: Record<string, Json>): Promise<string> {
  const spec = await compileRun(await load(yaml), params);
  const [module] = spec.modules;
  assert.ok(module?.action.type === 'run');
  const env = evaluateEnv({ ...spec.env, ...module.env }, { params: spec.params, needs: {}, run: { id: 'r', name: 'n' } });
  return execFileSync('/bin/sh', ['-c', module.action.command], { env: { PATH: process.env['PATH'] ?? '', ...env }, encoding: 'utf8' });
}

const evil = ['"; echo pwned #', '$(echo pwned)', '`echo pwned`', "'; echo pwned; '", '\n echo pwned\n', '${PATH}', '\\', '"', "'", '$((1+1))', '> /tmp/skein-pwned', '* ?', '!!', '%s%n', '-n', '\t tab ', 'ünïcødé 💥', '${{ params.other }}'];

for (const value of evil) {
  test(`a parameter arrives as it is: ${JSON.stringify(value)}`, async () => {
    const yaml = 'params: { x: {}, other: { default: o } }\nmodules:\n  a:\n    run: |\n      printf "%s|" "${{ params.x }}" "${{ format(\'<{0}>\', params.x) }}"\n';
    assert.equal(await shell(yaml, { x: value }), `${value}|<${value}>|`);
  });
}

test('any parameter arrives as it is', async () => {
  const yaml = 'params: { x: {} }\nmodules:\n  a: { run: \'printf "%s" "${{ params.x }}"\' }\n';
  const text = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((value) => !value.includes('\0') && value.isWellFormed());
  await fc.assert(
    fc.asyncProperty(text, async (x) => assert.equal(await shell(yaml, { x }), x)),
    { numRuns: 40 },
  );
});
