/** Goal: YAML, JSON and the builder give one model with every default in place; files, folders and text are found. */
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { definePipeline } from '../../src/pipeline/builder.ts';
import { loadPipeline } from '../../src/pipeline/load.ts';
import type { Pipeline } from '../../src/pipeline/model.ts';
import { pipelineSchema } from '../../src/pipeline/schema.ts';
import { pipelineToJson } from '../../src/pipeline/to-json.ts';
import { goodCorpus } from './good-corpus.ts';
import { failure, folderWith, load } from './helpers.ts';

/** What two pipelines must agree in: all but where they come from. */
function model({ name, params, env, policy, modules }: Pipeline): unknown {
  return { name, params, env, policy, modules };
}

test('every default is filled in', async () => {
  const { name, modules, policy } = await load('modules: { a: { run: make } }', 'ci/build.yaml');
  assert.equal(name, 'build');
  assert.deepEqual(modules, [
    {
      name: 'a',
      needs: [],
      action: { type: 'run', command: 'make' },
      env: {},
      requires: { cpu: 1, memory: 0, labels: [], tools: {}, os: [], arch: [] },
      timeoutMs: 1_800_000,
      retry: { attempts: 1, backoffMs: 5000, factor: 2, jitter: true, capMs: 300_000 },
      effectful: false,
      cache: false,
      checkpoint: null,
      durationMs: 0,
      policy: { priority: 0, limits: [], hedgeFactor: 0 },
      files: { inputs: [], outputs: [] },
      foreach: null,
    },
  ]);
  assert.deepEqual(policy, { priority: 5, parallelMax: 0, barrier: 'none' });
});

test('every key is read', async () => {
  const pipeline = await load(goodCorpus['everything'] ?? '');
  assert.equal(pipeline.name, 'everything at once');
  assert.deepEqual(pipeline.env, { LC_ALL: 'C', VERSION: '1.10', FLAG: 'yes', EMPTY: '', TITLE: '${{ params.src }}-${{ env.VERSION }}' });
  assert.deepEqual(pipeline.params['crf'], { type: 'integer', description: '', required: false, default: 23, min: 0, max: 51, enum: [] });
  assert.deepEqual(pipeline.params['src'], { type: 'string', description: 'a folder', required: true, default: null, min: null, max: null, enum: [] });
  assert.equal(pipeline.params['note']?.required, false);
  const [fetch, encode, publish, notify, check] = pipeline.modules;
  assert.deepEqual(fetch?.files.outputs, [{ name: 'source', pattern: 'in' }, { name: 'logs', pattern: 'logs/**/*.txt' }]);
  assert.deepEqual(check?.files.inputs, [{ variable: 'SRC', module: 'fetch/source', output: 'source' }, { variable: 'LOGS', module: 'fetch/source', output: 'logs' }]);
  assert.deepEqual(fetch?.requires, { cpu: 0.5, memory: 512 * 1024 ** 2, labels: ['ssd', 'zone=a'], tools: { curl: '>=7 <9', git: '*' }, os: ['linux', 'darwin'], arch: ['x64'] });
  assert.deepEqual(fetch?.retry, { attempts: 3, backoffMs: 500, factor: 1.5, jitter: false, capMs: 60_000 });
  assert.deepEqual([fetch?.timeoutMs, fetch?.durationMs], [90_000, 2500]);
  assert.deepEqual(encode?.action, { type: 'uses', file: './encode.ts', export: 'encode' });
  assert.deepEqual([encode?.needs, encode?.retry.attempts, encode?.timeoutMs], [['fetch/source'], 2, 0]);
  assert.deepEqual([publish?.needs, publish?.timeoutMs, publish?.effectful], [['encode', 'fetch/source'], 300_000, true]);
  assert.deepEqual(publish?.requires.tools, { docker: '*' });
  assert.deepEqual(pipeline.policy, { priority: 8, parallelMax: 4, barrier: 'wave' });
  assert.deepEqual([fetch, encode, publish, notify].map((module) => module?.policy), [
    { priority: 10, limits: [], hedgeFactor: 1.5 },
    { priority: 0, limits: [{ key: 'nas', max: 1 }, { key: 'licences', max: 20 }], hedgeFactor: 0 },
    { priority: 0, limits: [{ key: 'shop', max: 1 }, { key: 'the till', max: 1 }, { key: 'a', max: 2 }, { key: 'b', max: 3 }], hedgeFactor: 0 },
    { priority: 0, limits: [], hedgeFactor: 2 },
  ]);
  assert.deepEqual([publish?.action, notify?.action], [{ type: 'call', function: 'publish.toShop' }, { type: 'call', function: 'notify' }]);
});

test('modules keep the order of the file, also when their names are numbers', async () => {
  const { modules } = await load(goodCorpus['list'] ?? '');
  assert.deepEqual(modules.map(({ name }) => name), ['10', '9']);
});

test('anchors, aliases and merge keys', async () => {
  const { modules } = await load(goodCorpus['anchors'] ?? '');
  assert.deepEqual(modules.map(({ timeoutMs, needs }) => [timeoutMs, needs]), [[300_000, []], [300_000, []], [300_000, ['a']]]);
});

const validate = new Ajv({ strict: false, allErrors: true }).compile(pipelineSchema());

for (const [name, text] of Object.entries(goodCorpus)) {
  test(`${name}: YAML → model → JSON → model is the same model`, async () => {
    const pipeline = await load(text);
    const json = JSON.stringify(pipelineToJson(pipeline));
    assert.deepEqual(model(await load(json, 'again.json')), model(pipeline));
    const built = await loadPipeline(definePipeline(JSON.parse(json) as never));
    assert.deepEqual(model(built), model(pipeline));
  });

  test(`${name}: the editor's schema accepts it`, () => {
    const ok = validate(parse(text, { merge: true }));
    assert.deepEqual(ok ? [] : validate.errors, []);
  });
}

test('a folder stands for the pipeline file in it', async (t) => {
  const folder = await folderWith(t, { 'ci/pipeline.yml': 'modules: { a: { run: a } }', 'none/readme.md': '' });
  const pipeline = await loadPipeline(path.join(folder, 'ci'));
  assert.equal(pipeline.name, 'ci');
  assert.equal(pipeline.origin.directory, path.join(folder, 'ci'));
  const error = await failure(loadPipeline(path.join(folder, 'none')), 'PIPELINE_INVALID');
  assert.match(error.message, /the folder has none of pipeline\.yaml, /);
});

test('files that are not there, not text or too large', async (t) => {
  const folder = await folderWith(t, { 'large.yaml': `# ${'x'.repeat(16 * 1024 * 1024)}`, 'latin.yaml': '' });
  const { writeFile } = await import('node:fs/promises');
  await writeFile(path.join(folder, 'latin.yaml'), Buffer.from([0x6e, 0xe4, 0x3a]));
  assert.match((await failure(loadPipeline(path.join(folder, 'no.yaml')), 'PIPELINE_INVALID')).message, /no such file/);
  assert.match((await failure(loadPipeline(path.join(folder, 'no.ts')), 'PIPELINE_INVALID')).message, /no such file/);
  assert.match((await failure(loadPipeline(path.join(folder, 'latin.yaml')), 'PIPELINE_INVALID')).message, /not UTF-8/);
  assert.match((await failure(loadPipeline(path.join(folder, 'large.yaml')), 'PIPELINE_INVALID')).message, /at most 16777216/);
});

test('text without a folder cannot use files', async () => {
  const error = await failure(loadPipeline({ text: 'modules: { a: { uses: ./a.ts } }', directory: null }), 'PIPELINE_INVALID');
  assert.match(error.message, /only the text of the pipeline is here/);
});

test('problems carry data for programs', async () => {
  const error = await failure(load('modules:\n  a: { run: a, retries: 3 }\n'), 'PIPELINE_INVALID');
  const [problem] = error.data['problems'] as object[];
  assert.deepEqual({ ...problem, allowed: '' }, { file: 'pipeline.yaml', line: 2, column: 16, message: 'unknown key `retries` in module `a`', found: '', allowed: '', hint: 'use `retry`' });
});

test('the list of problems is bounded', async () => {
  const lines = Array.from({ length: 500 }, (_, index) => `  m${index}: { runn: a }`);
  const error = await failure(load(`modules:\n${lines.join('\n')}\n`), 'PIPELINE_INVALID');
  assert.equal((error.data['problems'] as object[]).length, 100);
  assert.match(error.message, /^1000 problems in pipeline\.yaml/);
  assert.match(error.message, /… and 900 more$/);
});
