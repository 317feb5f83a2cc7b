/** Goal: the examples are what the documentation says of them, and do what they promise. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, readFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { specProblem } from '../../src/core/cell/run-spec.ts';
import type { Json, ModuleSpec, RunSpec } from '../../src/core/cell/types.ts';
import { planWaves } from '../../src/core/plan/waves.ts';
import { compileRun } from '../../src/pipeline/compile.ts';
import { evaluateEnv } from '../../src/pipeline/expressions.ts';
import { loadPipeline } from '../../src/pipeline/load.ts';
import type { ModuleFunction } from '../../src/ports/module-function.ts';
import { failure, folderWith, repository } from './helpers.ts';

const fourModules = path.join(repository, 'examples/four-modules');
const audit = path.join(repository, 'examples/audit/pipeline.ts');

async function compileFile(file: string, params: Record<string, Json> = {}): Promise<RunSpec> {
  const spec = await compileRun(await loadPipeline(file), params);
  assert.equal(specProblem(spec), undefined);
  return spec;
}

type Outputs = Record<string, Json>;

/** Executes a run in this process, module by module, as a cluster does on many machines. */
async function execute(spec: RunSpec, one: (module: ModuleSpec, env: Record<string, string>, needs: Record<string, { outputs: Outputs }>) => Promise<Outputs>): Promise<Map<string, Outputs>> {
  const done = new Map<string, Outputs>();
  for (const position of planWaves(spec.modules).flat()) {
    const module = spec.modules[position];
    assert.ok(module);
    const names = module.needs.map((need) => spec.modules[need]?.name ?? '');
    const needs = Object.fromEntries(names.map((name) => [name, { outputs: done.get(name) ?? {} }]));
    const env = evaluateEnv({ ...spec.env, ...module.env }, { params: spec.params, needs, run: { id: 'run-1', name: spec.name } });
    done.set(module.name, await one(module, env, needs));
  }
  return done;
}

test('four-modules: the waves', async () => {
  const { modules } = await compileFile(path.join(fourModules, 'pipeline.yaml'));
  const waves = planWaves(modules).map((wave) => wave.map((position) => modules[position]?.name));
  assert.deepEqual(waves, [['FetchData', 'ValidateEnvironment'], ['ProcessData'], ['PublishResults']]);
});

test('four-modules: YAML and TypeScript are the same run up to the kind of action', async () => {
  const neutral = ({ modules, name, params, env }: RunSpec): unknown => ({ name, params, env, modules: modules.map((module) => ({ ...module, action: null })) });
  const [yaml, script] = [await compileFile(path.join(fourModules, 'pipeline.yaml')), await compileFile(path.join(fourModules, 'pipeline.ts'))];
  assert.deepEqual(neutral(yaml), neutral(script));
  assert.deepEqual(yaml.modules.map(({ action }) => action.type), ['run', 'run', 'run', 'run']);
  assert.deepEqual(script.modules.map(({ action }) => action.type), ['bundle', 'bundle', 'bundle', 'bundle']);
});

test('four-modules: the commands pass data on', async (t) => {
  const folder = await folderWith(t, { 'bin/sleep': '#!/bin/sh\n' });
  await chmod(path.join(folder, 'bin/sleep'), 0o755);
  const results = await execute(await compileFile(path.join(fourModules, 'pipeline.yaml')), async (module, env) => {
    assert.ok(module.action.type === 'run');
    const output = path.join(folder, module.name);
    const said = execFileSync('/bin/sh', ['-c', module.action.command], { env: { PATH: `${folder}/bin:${process.env['PATH']}`, SKEIN_OUTPUT: output, ...env }, encoding: 'utf8' });
    assert.match(said, /✓/);
    const text = existsSync(output) ? await readFile(output, 'utf8') : '';
    return Object.fromEntries(text.split('\n').filter(Boolean).map((line) => line.split('=') as [string, string]));
  });
  const published = results.get('PublishResults')?.['published'];
  assert.match(typeof published === 'string' ? published : '', /^Data fetched at \d\d:\d\d:\d\d, processed$/);
});

/** Of a bundle that lies in the log. */
function textOf(source: RunSpec['bundles'][string] | undefined): string {
  assert.ok(typeof source === 'string');
  return source;
}

/** Calls the functions of the bundles that travel with a run. */
async function callBundles(t: TestContext, spec: RunSpec): Promise<Map<string, Outputs>> {
  const folder = await folderWith(t, Object.fromEntries(Object.entries(spec.bundles).map(([hash, source]) => [`${hash}.mjs`, textOf(source)])));
  let fence = 0;
  return execute(spec, async (module, env, needs) => {
    assert.ok(module.action.type === 'bundle');
    const code = (await import(pathToFileURL(path.join(folder, `${module.action.bundle}.mjs`)).href)) as Record<string, ModuleFunction>;
    const work = code[module.action.export];
    assert.ok(work);
    const context = { runId: 'run-1', runName: spec.name, module: module.name, attempt: 1, fence: ++fence, idempotencyKey: 'k', params: spec.params, needs, env, inputs: {}, checkpointDir: '', workDir: '', signal: new AbortController().signal, log: () => {}, progress: () => {} };
    const outputs = ((await work(context)) ?? {}) as Outputs;
    for (const [name, value] of Object.entries(outputs)) assert.ok(JSON.stringify(value).length <= 4096, `${module.name}: output ${name} fits`);
    assert.ok(JSON.stringify(outputs).length <= 16 * 1024, `${module.name}: all outputs fit`);
    return outputs;
  });
}

const packageFiles = {
  'nm/left/package.json': '{ "name": "left", "version": "1.0.0", "license": "MIT" }',
  'nm/left/index.js': 'one\ntwo\n',
  'nm/left/data.bin': 'a\0b\n\n\n',
  'nm/left/node_modules/inner/package.json': '{ "name": "inner", "version": "0.1.0", "licenses": [{ "type": "ISC" }, { "type": "MIT" }] }',
  'nm/@scope/right/package.json': '{ "name": "@scope/right", "version": "2.0.0" }',
  'nm/@scope/right/LICENSE.md': 'Apache License\n  Version 2.0, January 2004\n',
  'nm/.bin/tool': 'not a package',
  'nm/empty/readme.md': 'not a package either',
};

test('audit: counts what is there, each package once', async (t) => {
  const folder = await folderWith(t, packageFiles);
  const [report, ledger] = [path.join(folder, 'out/report.md'), path.join(folder, 'ledger')];
  const spec = await compileFile(audit, { folder: path.join(folder, 'nm'), report, ledger });
  assert.deepEqual(spec.modules.map(({ name }) => name), ['audit:@scope/right', 'audit:left', 'audit:left/node_modules/inner', 'collect:1', 'report']);
  const results = await callBundles(t, spec);
  const left = packageFiles['nm/left/package.json'].length + 'one\ntwo\n'.length + 6;
  assert.deepEqual(results.get('audit:left'), { name: 'left', version: '1.0.0', licence: 'MIT', files: 3, bytes: left, lines: 2 });
  assert.equal(results.get('audit:@scope/right')?.['licence'], 'Apache-2.0');
  assert.equal(results.get('audit:left/node_modules/inner')?.['licence'], 'ISC OR MIT');
  assert.equal(results.get('report')?.['report'], report);
  assert.deepEqual(readdirSync(path.dirname(report)), ['report.md'], 'no draft is left behind');
  const text = readFileSync(report, 'utf8');
  assert.match(text, /^3 packages under /m);
  assert.match(text, /^\| Apache-2\.0 \| 1 \| 0\.00 \|$/m);
  assert.match(text, /^\| left \| 1\.0\.0 \| MIT \| 3 \| 0\.00 \| 2 \|$/m);
  const lines = readFileSync(ledger, 'utf8').trimEnd().split('\n');
  assert.deepEqual(lines, spec.modules.map(({ name }, index) => `run-1 ${name} ${index + 1}`));
});

test('audit: many packages with long names still fit the outputs', async (t) => {
  const names = Array.from({ length: 60 }, (_, index) => `${'p'.repeat(100)}${index}`);
  const files = Object.fromEntries(names.map((name) => [`nm/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', license: 'L'.repeat(500) })]));
  const folder = await folderWith(t, files);
  const report = path.join(folder, 'report.md');
  const spec = await compileFile(audit, { folder: path.join(folder, 'nm'), report });
  assert.equal(spec.modules.length, 60 + 3 + 1);
  assert.equal((await callBundles(t, spec)).get('report')?.['packages'], 60);
});

test('audit: the default is the repository itself, 100 to 250 modules', async () => {
  const spec = await compileFile(audit);
  assert.ok(spec.modules.length >= 100 && spec.modules.length <= 250, `${spec.modules.length} modules`);
  assert.equal(Object.keys(spec.bundles).length, 1);
});

test('audit: a folder without packages is refused with the reason', async (t) => {
  const folder = await folderWith(t, {});
  const error = await failure(compileFile(audit, { folder }), 'PIPELINE_INVALID');
  assert.match(error.message, /the `modules` function threw: there are no packages under /);
});
