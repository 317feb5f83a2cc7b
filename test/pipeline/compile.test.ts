/** Goal: a run carries its TypeScript, once per file, the same on every machine, within bounds; what is missing is told at submit. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import path from 'node:path';
import test from 'node:test';
import { bundleBlobs } from '../../src/core/cell/files.ts';
import { specProblem } from '../../src/core/cell/run-spec.ts';
import type { RunSpec } from '../../src/core/cell/types.ts';
import { SkeinError } from '../../src/errors.ts';
import { NoUploads } from '../../src/io/blobs/uploads.ts';
import { bundleModuleFile, bundleWithin } from '../../src/pipeline/bundle.ts';
import { compileRun } from '../../src/pipeline/compile.ts';
import { loadPipeline } from '../../src/pipeline/load.ts';
import type { BlobPlace } from '../../src/pipeline/param-files.ts';
import { decodeSpec, encodeSpec } from '../../src/protocol/spec-codec.ts';
import { testBlobs } from '../support/node-blobs.ts';
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

/** The one bundle of a run that carries it. */
function onlyText({ bundles }: RunSpec): string {
  const [source, ...more] = Object.values(bundles);
  assert.ok(typeof source === 'string' && more.length === 0);
  return source;
}

test('one bundle a file, named by its hash', async (t) => {
  const folder = await folderWith(t, files);
  const spec = await compileRun(await loadPipeline(folder));
  const [hash = ''] = Object.keys(spec.bundles);
  const source = onlyText(spec);
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
  const source = onlyText(spec);
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

/** A table of so many bytes, and a function that knows its length. */
function tableOf(bytes: number): string {
  return `export const data = ${JSON.stringify('x'.repeat(bytes))};\nexport const length = () => ({ length: data.length });\n`;
}

test('a bundle that is too large for the log is put as a blob, once, and goes by its name', async (t) => {
  const yaml = 'modules:\n  a: { uses: "./large.ts#length" }\n  b: { uses: "./in/../large.ts#length" }\n  c: { uses: "./small.ts#length" }\n';
  const folder = await folderWith(t, { 'large.ts': tableOf(300_000), 'small.ts': tableOf(20), 'pipeline.yaml': yaml });
  const { node, store } = testBlobs(path.join(folder, 'blobs'));
  const spec = await compileRun(await loadPipeline(folder), {}, { place: node });
  const [blob, ...more] = bundleBlobs(spec.bundles).values();
  assert.ok(blob !== undefined && more.length === 0);
  assert.deepEqual([blob.name, blob.kind, blob.count], ['large.ts', 'file', 1]);
  assert.deepEqual(spec.modules.map(({ action }) => action.type === 'bundle' && action.bundle === blob.cid), [true, true, false]);
  assert.equal(typeof spec.bundles[spec.modules[2]?.action.type === 'bundle' ? spec.modules[2].action.bundle : ''], 'string');
  assert.deepEqual(store.list().map(({ cid, size }) => ({ cid, size })), [{ cid: blob.cid, size: blob.size }]);
  assert.equal(specProblem(spec), undefined);
  const { runSpecSchema } = await import('../../src/io/http/schemas.ts');
  assert.deepEqual(runSpecSchema.safeParse(spec).error, undefined);
  assert.deepEqual(decodeSpec(encodeSpec(spec)), spec);
  assert.deepEqual((await compileRun(await loadPipeline(folder), {}, { place: new NoUploads() })).bundles, spec.bundles, 'planned, nothing is sent, and its name is the same');
});

test('a large bundle without a place to put it, and one that the place refuses: the file is named', async (t) => {
  const folder = await folderWith(t, { 'large.ts': tableOf(300_000), 'pipeline.yaml': 'modules: { render: { uses: "./large.ts#length" } }' });
  const nowhere = await failure(compileRun(await loadPipeline(folder)), 'BUNDLE_FAILED');
  assert.match(nowhere.message, /^the bundle of `\.\/large\.ts` is 29\d(\.\d)? KiB: over 32 KiB it travels as a blob, and nothing here puts it on a node$/);
  const full: BlobPlace = Object.assign(new NoUploads(), { putBytes: () => Promise.reject(new SkeinError('BLOB_DISK_FULL', 'no room')) });
  const refused = await failure(compileRun(await loadPipeline(folder), {}, { place: full }), 'BLOB_DISK_FULL');
  assert.equal(refused.message, 'the bundle of `./large.ts`: no room');
});

test('a bundle over the limit names the module', async (t) => {
  const folder = await folderWith(t, { 'huge.ts': tableOf(3 * 1024 * 1024) });
  const error = await failure(bundleWithin(path.join(folder, 'huge.ts'), 'render', './huge.ts', 1024 * 1024), 'REQUEST_TOO_LARGE');
  assert.match(error.message, /^module `render`: the bundle of `\.\/huge\.ts` is 3 MiB; at most 1 MiB travel with a run\. Give data as a file/);
  assert.equal(error.data['module'], 'render');
});

test('a bundle that fits without its map, or without its whitespace, is made smaller', async (t) => {
  const lines = Array.from({ length: 600 }, (_, index) => `export   function   work${index}(   ) {\n        const   theNumberOfThisFunction   =   ${index};\n        return    theNumberOfThisFunction   +   theNumberOfThisFunction;\n}\n`);
  const folder = await folderWith(t, { 'wide.ts': lines.join('') });
  const bytesOf = async (wished: number): Promise<number> => (await bundleModuleFile(path.join(folder, 'wide.ts'), wished)).bytes;
  const mapped = await bytesOf(1e9);
  const plain = await bytesOf(mapped - 1);
  const minified = await bytesOf(plain - 1);
  assert.ok(minified < plain && plain < mapped, `${minified} < ${plain} < ${mapped}`);
  assert.equal(await bytesOf(minified - 1), minified, 'there is no smaller one');
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
  await writeFile(file, onlyText(spec));
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
