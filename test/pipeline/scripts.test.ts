/** Goal: pipelines in TypeScript load like any other, and what is wrong in them names the module, the key and the line. */
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { defineModule, definePipeline } from '../../src/pipeline/builder.ts';
import { compileRun } from '../../src/pipeline/compile.ts';
import { expandPipeline, loadPipeline } from '../../src/pipeline/load.ts';
import { failure, folderWith } from './helpers.ts';

const files = {
  'pipeline.ts': `
import path from 'node:path';
import { definePipeline, defineModule, type ModuleDefinition } from 'skein';
import { names } from './parts/names.ts';
const modules: Record<string, ModuleDefinition> = {};
for (const name of names) modules[name] = defineModule({ run: \`echo \${name}\`, timeout: '5m' });
export default definePipeline({ name: path.basename(import.meta.dirname) === '' ? 'x' : 'looped', modules });
`,
  'parts/names.ts': `import { readFileSync } from 'node:fs';\nexport const names: string[] = JSON.parse(readFileSync(new URL('./names.json', import.meta.url), 'utf8'));\n`,
  'parts/names.json': '["a", "b", "c"]',
  'throws.ts': `import { definePipeline } from 'skein';\n\nconst missing: any = undefined;\nexport default definePipeline({ modules: missing.modules });\n`,
  'syntax.ts': 'export default {{;\n',
  'nothing.ts': 'export const pipeline = 1;\n',
  'other-import.ts': `import { createNode } from 'skein';\nexport default createNode();\n`,
  'no-import.ts': `import { x } from './not-there.ts';\nexport default x;\n`,
  'later.js': `const { definePipeline } = await import('skein');\nexport default Promise.resolve(definePipeline({ modules: { a: { run: 'a' } } }));\n`,
  'wrong.ts': `import { definePipeline } from 'skein';\nexport default definePipeline({ modules: { build: { run: 'a', retri: 3, needs: ['fetch'] } } } as never);\n`,
};

test('a TypeScript file with imports and files of its own', async (t) => {
  const folder = await folderWith(t, files);
  const pipeline = await loadPipeline(folder);
  assert.equal(pipeline.name, 'looped');
  assert.deepEqual(pipeline.modules.map(({ name, timeoutMs }) => [name, timeoutMs]), [['a', 300_000], ['b', 300_000], ['c', 300_000]]);
});

test('a JavaScript file, and a pipeline that is a promise', async (t) => {
  const folder = await folderWith(t, files);
  assert.equal((await loadPipeline(path.join(folder, 'later.js'))).modules.length, 1);
});

const faults: readonly (readonly [string, 'PIPELINE_INVALID' | 'BUNDLE_FAILED', RegExp])[] = [
  ['throws.ts', 'PIPELINE_INVALID', /the file threw when it was loaded: Cannot read properties of undefined \(reading 'modules'\) \(throws\.ts:4:\d+\)/],
  ['syntax.ts', 'BUNDLE_FAILED', /the pipeline file syntax\.ts could not be bundled\nsyntax\.ts:1:17 /],
  ['nothing.ts', 'PIPELINE_INVALID', /no pipeline as its default export \(it exports pipeline\)/],
  ['other-import.ts', 'PIPELINE_INVALID', /a pipeline file can import definePipeline, defineModule and types from skein, not createNode/],
  ['no-import.ts', 'BUNDLE_FAILED', /no-import\.ts:1:19 Could not resolve "\.\/not-there\.ts"/],
  ['wrong.ts', 'PIPELINE_INVALID', /wrong\.ts unknown key `retri` in module `build`\n.*\n {2}did you mean `retry`\?\n\n.*wrong\.ts module `build` needs `fetch`, which does not exist/],
];

for (const [file, code, message] of faults) {
  test(`a script with a fault: ${file}`, async (t) => {
    const folder = await folderWith(t, files);
    assert.match((await failure(loadPipeline(path.join(folder, file)), code)).message, message);
  });
}

test('modules made from parameters', async () => {
  const defined = definePipeline({
    name: 'sharded',
    params: { shards: { type: 'integer', default: 2, min: 1 }, tag: { required: false } },
    modules: ({ shards, tag }) => {
      const names = Array.from({ length: shards }, (_, index) => `shard-${index + 1}`);
      const all = defineModule({ run: `echo ${tag ?? 'none'}`, needs: names });
      return { ...Object.fromEntries(names.map((name) => [name, defineModule({ run: 'echo "${{ params.shards }}"' })])), all };
    },
  });
  const pipeline = await loadPipeline(defined);
  assert.equal(pipeline.modules.length, 0);
  assert.equal((await expandPipeline(pipeline, {})).modules.length, 3);
  const spec = await compileRun(pipeline, { shards: '4' });
  assert.deepEqual(spec.modules.map(({ name }) => name), ['shard-1', 'shard-2', 'shard-3', 'shard-4', 'all']);
  assert.deepEqual(spec.modules[4]?.needs, [0, 1, 2, 3]);
  assert.deepEqual(spec.params, { shards: 4, tag: null });
});

test('a function for modules that throws or returns something else', async () => {
  const throwing = await loadPipeline(definePipeline({ modules: () => { throw new Error('no shards'); } }));
  assert.match((await failure(compileRun(throwing), 'PIPELINE_INVALID')).message, /the `modules` function threw: no shards/);
  const empty = await loadPipeline(definePipeline({ modules: () => ({}) }));
  assert.match((await failure(compileRun(empty), 'PIPELINE_INVALID')).message, /`modules` is empty/);
  const nothing = await loadPipeline(definePipeline({ modules: (() => undefined) as never }));
  assert.match((await failure(compileRun(nothing), 'PIPELINE_INVALID')).message, /`modules` must be a map of modules/);
});
