/** Goal: no file can do more than be refused: never another error than a SkeinError, never much time or memory. */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { stringify } from 'yaml';
import { isSkeinError } from '../../src/errors.ts';
import { definePipeline } from '../../src/pipeline/builder.ts';
import { compileRun } from '../../src/pipeline/compile.ts';
import { loadPipeline } from '../../src/pipeline/load.ts';
import { specProblem } from '../../src/core/cell/run-spec.ts';
import { goodCorpus } from './good-corpus.ts';
import { load, problemsOf } from './helpers.ts';

/** Loads, and compiles what was loaded; passes if it works or says why not. */
async function survives(work: () => Promise<Parameters<typeof compileRun>[0]>): Promise<void> {
  try {
    const spec = await compileRun(await work(), { src: 'x' });
    assert.equal(specProblem(spec), undefined, 'what is accepted here is accepted by the reducer');
  } catch (error) {
    assert.ok(isSkeinError(error), `a SkeinError, not ${error instanceof Error ? error.stack : String(error)}`);
    assert.ok(error.message.length > 10);
  }
}

const options = { numRuns: 300, seed: 5 };
const words = fc.constantFrom('name', 'params', 'env', 'modules', 'jobs', 'a', 'b', 'c', 'run', 'uses', 'call', 'needs', 'requires', 'timeout', 'retry', 'type', 'default', 'enum', '__proto__', 'constructor', 'toString', '<<', '');
const texts = fc.oneof(fc.constantFrom('a', 'b', '5m', './a.ts#b', 'fn:x', '${{ params.a }}', '${{ needs.a.outputs.x }}', "${{ format('{0}', env.A) }}", '${{', '}}', '\u0000', '\ud800', '*x', '&x', '1e999', '~'), fc.string({ maxLength: 12 }));
const values = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    texts,
    fc.integer(),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(words, texts), tie('value'), { maxKeys: 5 }),
  ),
})).value;
const nearlyRight = fc.record(
  {
    name: texts,
    params: fc.dictionary(words, values, { maxKeys: 3 }),
    env: fc.dictionary(texts, texts, { maxKeys: 3 }),
    modules: fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__', '7'), fc.oneof(values, fc.record({ run: texts, needs: fc.array(fc.constantFrom('a', 'b', 'c', 'z')), env: fc.dictionary(texts, texts), timeout: texts, retry: values, requires: values }, { requiredKeys: ['run'] })), { maxKeys: 4 }),
  },
  { requiredKeys: ['modules'] },
);

test('any text', () => fc.assert(fc.asyncProperty(fc.string({ maxLength: 200, unit: 'binary' }), (text) => survives(() => load(text))), options));

test('YAML-like text', () => {
  const pieces = fc.constantFrom('modules', 'a', 'run', ':', ': ', '- ', '\n', '  ', '{', '}', '[', ']', ',', '"', "'", '|', '>', '&x', '*x', '!!str', '? ', '#', '---', '...', '%YAML', '<<', '\t', '${{ ', ' }}', '\r\n', '\ufeff', '💥');
  return fc.assert(fc.asyncProperty(fc.array(pieces, { maxLength: 40 }), (parts) => survives(() => load(parts.join('')))), { ...options, numRuns: 600 });
});

test('right files with one piece changed', () => {
  const change = fc.tuple(fc.constantFrom(...Object.values(goodCorpus)), fc.nat(), fc.nat(30), fc.string({ maxLength: 8 }));
  return fc.assert(
    fc.asyncProperty(change, ([text, at, length, insert]) => {
      const from = at % (text.length + 1);
      return survives(() => load(text.slice(0, from) + insert + text.slice(from + length)));
    }),
    { ...options, numRuns: 600 },
  );
});

test('any document as YAML, as JSON and through the builder', () =>
  fc.assert(
    fc.asyncProperty(fc.oneof(values, nearlyRight), async (value) => {
      await survives(() => load(stringify(value, { aliasDuplicateObjects: false })));
      await survives(() => load(JSON.stringify(value), 'pipeline.json'));
      await survives(() => loadPipeline(definePipeline(value as never)));
    }),
    { ...options, numRuns: 400 },
  ));

test('aliases of aliases do not multiply', async () => {
  const levels = Array.from({ length: 30 }, (_, level) => `a${level + 1}: &a${level + 1} [${Array.from({ length: 10 }, () => `*a${level}`).join(', ')}]`);
  const [problem] = await problemsOf(`a0: &a0 [x]\n${levels.join('\n')}\nmodules: { a: { run: a } }\n`);
  assert.match(problem?.message ?? '', /^aliases add more than 100000 values/);
});

test('deep nesting', async () => {
  assert.match((await problemsOf(`modules: ${'['.repeat(70)}${']'.repeat(70)}`))[0]?.message ?? '', /nested deeper than 64/);
  assert.deepEqual((await problemsOf('['.repeat(30_000))).map(({ message }) => message), ['nested deeper than 64 levels']);
  assert.equal((await problemsOf(`${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`, 'deep.json')).length > 0, true);
});

test('prototype keys are names like any other, and no names for anything here', async () => {
  const messages = (await problemsOf('env: { __proto__: x }\nparams: { constructor: {} }\nmodules: { __proto__: { run: a }, b: { __proto__: { run: x } } }')).map(({ message }) => message);
  assert.deepEqual(messages, ['`env`: `__proto__` cannot name a variable', '`constructor` cannot name a parameter', '`__proto__` cannot name a module', 'module `b` does nothing', 'unknown key `__proto__` in module `b`']);
  assert.equal(({} as { run?: unknown }).run, undefined);
});

test('a builder given values that contain themselves, functions and instances', async () => {
  const circular: Record<string, unknown> = { run: 'a' };
  circular['env'] = circular;
  for (const module of [circular, () => 1, new Map(), Symbol('x'), 5n, new Date(0)]) {
    await survives(() => loadPipeline(definePipeline({ modules: { a: module } } as never)));
  }
});

test('a chain of 4,000 modules, and the circle that it makes', async () => {
  const chain = Array.from({ length: 4000 }, (_, index) => `  m${index}: { run: a, needs: [${index === 0 ? '' : `m${index - 1}`}] }`);
  assert.equal((await load(`modules:\n${chain.join('\n')}\n`)).modules.length, 4000);
  chain[0] = '  m0: { run: a, needs: [m3999] }';
  const [problem] = await problemsOf(`modules:\n${chain.join('\n')}\n`);
  assert.match(problem?.message ?? '', /^modules need each other in a circle: m0 → m3999 → m3998 → .* → … \(3989 more\) → m1 → m0$/);
});
