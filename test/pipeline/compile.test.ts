/** Goal: a run carries its TypeScript, once per file, the same on every machine, within bounds; what is missing is told at submit. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import path from 'node:path';
import test from 'node:test';
import { specProblem } from '../../src/core/cell/run-spec.ts';
import { compileRun } from '../../src/pipeline/compile.ts';
import { loadPipeline } from '../../src/pipeline/load.ts';
import { failure, folderWith } from './helpers.ts';

const steps = `
import { helper } from './lib/helper.ts';
import type { ModuleContext } from 'skein';
export async function fetchAll({ params }: ModuleContext): Promise<{ n: number }> { return { n: helper(Number(params['n'])) }; }
export const report = (): string => 'done';
export default () => 'default';
`;

const files = {
  'steps.ts': steps,
  'lib/helper.ts': 'export const helper = (n: number): number => n + 1;\n',
  'pipeline.yaml': 'name: p\nmodules:\n  a: { uses: "./steps.ts#fetchAll" }\n  b: { uses: "./steps.ts#report", needs: [a] }\n  c: { uses: "./lib/../steps.ts", needs: [a] }\n  d: { call: own.fn }\n  e: { run: "true" }\n',
};

test('one bundle a file, named by its hash', async (t) => {
  const folder = await folderWith(t, files);
  const spec = await compileRun(await loadPipeline(folder));
  const [[hash, source] = ['', '']] = Object.entries(spec.bundles);
  assert.equal(Object.keys(spec.bundles).length, 1);
  assert.equal(hash, createHash('sha256').update(source).digest('hex'));
  assert.deepEqual(
    spec.modules.map(({ action }) => action),
    [
      { type: 'bundle', bundle: hash, export: 'fetchAll', sourceName: './steps.ts' },
      { type: 'bundle', bundle: hash, export: 'report', sourceName: './steps.ts' },
      { type: 'bundle', bundle: hash, export: 'default', sourceName: './lib/../steps.ts' },
      { type: 'registered', function: 'own.fn' },
      { type: 'run', command: 'true' },
    ],
  );
  assert.equal(specProblem(spec), undefined);
  const code = (await import(`data:text/javascript,${encodeURIComponent(source)}`)) as { fetchAll: (context: object) => Promise<unknown> };
  assert.deepEqual(await code.fetchAll({ params: { n: 4 } }), { n: 5 });
});

test('the same files give the same bundle in another folder', async (t) => {
  const [one, two] = [await folderWith(t, files), await folderWith(t, files)];
  assert.deepEqual(await compileRun(await loadPipeline(one)), await compileRun(await loadPipeline(two)));
});

test('a pipeline and its functions in one file', async (t) => {
  const text = `import { definePipeline } from 'skein';\nexport const work = () => ({ ok: true });\nexport default definePipeline({ modules: { a: { uses: './all.ts#work' } } });\n`;
  const folder = await folderWith(t, { 'all.ts': text });
  const spec = await compileRun(await loadPipeline(path.join(folder, 'all.ts')));
  const [source = ''] = Object.values(spec.bundles);
  assert.ok(source.length < 1000, 'the library is not part of the bundle');
  const code = (await import(`data:text/javascript,${encodeURIComponent(source)}`)) as { work: () => unknown };
  assert.deepEqual(code.work(), { ok: true });
});

test('a missing export and a missing file, with what was meant', async (t) => {
  const yaml = 'modules:\n  a: { uses: "./steps.ts#fetchAl" }\n  b: { uses: ./step.ts }\n  c: { uses: "./steps.ts#report" }\n';
  const folder = await folderWith(t, { ...files, 'bad.yaml': yaml });
  const file = path.join(folder, 'bad.yaml');
  const error = await failure(compileRun(await loadPipeline(file)), 'PIPELINE_INVALID');
  assert.equal(
    error.message.replaceAll(file, 'bad.yaml'),
    [
      '2 problems in bad.yaml',
      '',
      'bad.yaml:2:14 module `a`: `./steps.ts` does not export `fetchAl`',
      '    2 |   a: { uses: "./steps.ts#fetchAl" }',
      '      |              ^^^^^^^^^^^^^^^^^^^^',
      '  allowed: default, fetchAll, report',
      '  did you mean `fetchAll`?',
      '',
      'bad.yaml:3:14 module `b`: there is no file `./step.ts`',
      '    3 |   b: { uses: ./step.ts }',
      '      |              ^^^^^^^^^',
      '  did you mean `./steps.ts`?',
    ].join('\n'),
  );
});

test('code that cannot be bundled: the place and the line', async (t) => {
  const folder = await folderWith(t, { 'broken.ts': 'export const a = 1;\nexport function b( {\n', 'pipeline.yaml': 'modules: { a: { uses: "./broken.ts#a" } }' });
  const error = await failure(compileRun(await loadPipeline(folder)), 'BUNDLE_FAILED');
  assert.match(error.message, /^broken\.ts could not be bundled\nbroken\.ts:3:1 /);
});

test('a bundle over the limit names the module', async (t) => {
  const data = `export const data = ${JSON.stringify('x'.repeat(300_000))};\nexport const a = () => data;\n`;
  const folder = await folderWith(t, { 'large.ts': data, 'pipeline.yaml': 'modules: { render: { uses: "./large.ts#a" } }' });
  const error = await failure(compileRun(await loadPipeline(folder)), 'REQUEST_TOO_LARGE');
  assert.match(error.message, /^module `render`: the bundle of `\.\/large\.ts` is 30\d{4} bytes; at most 262144/);
  assert.equal(error.data['module'], 'render');
});

test('a bundle that fits without its whitespace is made smaller', async (t) => {
  const lines = Array.from({ length: 6000 }, (_, index) => `export   function   work${index}(   ) {\n        // keep ${'.'.repeat(20)}\n        return    ${index};\n}\n`);
  const folder = await folderWith(t, { 'wide.ts': lines.join(''), 'pipeline.yaml': 'modules: { a: { uses: "./wide.ts#work5999" } }' });
  const pipeline = await loadPipeline(folder);
  const error = await failure(compileRun(pipeline), 'REQUEST_TOO_LARGE');
  assert.ok((error.data['bytes'] as number) < lines.join('').length / 1.2);
  const fewer = await folderWith(t, { 'wide.ts': lines.slice(0, 3300).join(''), 'pipeline.yaml': 'modules: { a: { uses: "./wide.ts#work3299" } }' });
  const spec = await compileRun(await loadPipeline(fewer));
  const [source = ''] = Object.values(spec.bundles);
  assert.ok(source.length <= 256 * 1024);
});

test('CommonJS packages may ask for what Node.js brings', async (t) => {
  const folder = await folderWith(t, {
    'node_modules/old/index.js': "const path = require('path'); exports.base = (file) => path.basename(file);\n",
    'node_modules/old/package.json': '{ "name": "old", "main": "index.js" }',
    'use.ts': "import old from 'old';\nexport const base = () => old.base('/a/b');\n",
    'pipeline.yaml': 'modules: { a: { uses: "./use.ts#base" } }',
  });
  const spec = await compileRun(await loadPipeline(folder));
  const { writeFile } = await import('node:fs/promises');
  const file = path.join(folder, 'bundle.mjs');
  await writeFile(file, Object.values(spec.bundles)[0] ?? '');
  const code = (await import(file)) as { base: () => string };
  assert.equal(code.base(), 'b');
});

test('the environment that a run carries fits the HTTP API and the reducer', async () => {
  const env = Array.from({ length: 192 }, (_, index) => `V${index}: x`).join(', ');
  const expressions = Array.from({ length: 64 }, (_, index) => `\${{ env.V${index} }}`).join(' ');
  const spec = await compileRun(await loadPipeline({ text: `modules: { a: { run: "echo ${expressions}", env: { ${env} } } }` }));
  assert.equal(Object.keys(spec.modules[0]?.env ?? {}).length, 256);
  assert.equal(specProblem(spec), undefined);
  const { runSpecSchema } = await import('../../src/io/http/schemas.ts');
  assert.equal(runSpecSchema.safeParse(spec).success, true);
});
