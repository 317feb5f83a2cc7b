/** Goal: the page about pipelines is true: each file in it loads, each command prints what stands there, the types check. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'node:test';
import { isSkeinError } from '../../src/errors.ts';
import { NoUploads } from '../../src/io/blobs/uploads.ts';
import { compileRun } from '../../src/pipeline/compile.ts';
import { moduleKeys, paramKeys, paramTypes, pipelineKeys, requiresKeys, retryKeys } from '../../src/pipeline/keys.ts';
import { loadPipeline } from '../../src/pipeline/load.ts';
import type { Pipeline } from '../../src/pipeline/model.ts';
import { folderWith, repository } from './helpers.ts';

const page = readFileSync(path.join(repository, 'docs/pipelines.md'), 'utf8');
const blocks = Array.from(page.matchAll(/^```(\w+)\n([^]*?)^```$/gm), ([, language = '', text = '']) => ({ language, text }));
const files = blocks.filter(({ language }) => language !== 'console').map(({ text }) => ({ name: /^(?:#|\/\/) (\S+)\n/.exec(text)?.[1] ?? '', text }));
/** Files that show a problem: the console block after them says which. */
const faulty = new Set(['quotes.yaml', 'typo.yaml', 'wrong.yaml']);

/** A file that is there for each file that must be given. */
function givenTo({ params }: Pipeline): Record<string, string> {
  const wanted = Object.entries(params).filter(([, { type, required }]) => required && type === 'file');
  return Object.fromEntries(wanted.map(([name]) => [name, 'steps.ts']));
}

interface Ended {
  readonly code: number;
  readonly said: string;
}

function execute(program: string, args: readonly string[], cwd: string): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(program, args, { cwd, env: { ...process.env, NO_COLOR: '1' } }, (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), said: `${stdout}${stderr}` }));
  });
}

test('every block is a named file or a console', () => {
  for (const { name, text } of files) assert.match(name, /^[\w-]+\.(yaml|ts)$/, text);
  assert.ok(files.length >= 10 && blocks.length - files.length >= 5);
});

test('each pipeline loads and compiles, or is meant to be refused', async (t) => {
  const folder = await folderWith(t, Object.fromEntries(files.map(({ name, text }) => [name, text])));
  for (const { name } of files.filter((file) => file.name.endsWith('.yaml') || file.text.includes('export default definePipeline'))) {
    await t.test(name, async () => {
      const outcome = await loadPipeline(path.join(folder, name)).then(
        (pipeline) => compileRun(pipeline, givenTo(pipeline), { place: new NoUploads(), directory: folder }),
        (error: unknown) => error,
      ).catch((error: unknown) => error);
      if (faulty.has(name)) assert.ok(isSkeinError(outcome, 'PIPELINE_INVALID'));
      else assert.ok(typeof outcome === 'object' && outcome !== null && 'modules' in outcome, String(outcome));
    });
  }
});

test('each command prints what the page shows', async (t) => {
  const folder = await folderWith(t, Object.fromEntries(files.map(({ name, text }) => [name, text])));
  for (const { text } of blocks.filter(({ language }) => language === 'console')) {
    for (const part of text.split(/^\$ skein /m).slice(1)) {
      const [command = '', ...output] = part.split('\n');
      await t.test(command, async () => {
        const { said } = await execute(process.execPath, [path.join(repository, 'src/node.ts'), ...command.split(' ')], folder);
        // The page leaves out what stands around each error: its code and a general hint.
        const plain = said.replaceAll(`${folder}/`, '').replace(/^error [A-Z_]+: /, '').replace(/\nhint: .*\n$/, '');
        assert.equal(plain.trimEnd(), output.join('\n').trimEnd());
      });
    }
  }
});

test('the TypeScript on the page type-checks', async (t) => {
  const scripts = files.filter(({ name }) => name.endsWith('.ts'));
  const folder = await folderWith(t, Object.fromEntries(scripts.map(({ name, text }) => [name, text])));
  const config = {
    extends: path.join(repository, 'tsconfig.json'),
    compilerOptions: { paths: { skein: [path.join(folder, 'skein.ts')] }, typeRoots: [path.join(repository, 'node_modules/@types')] },
    include: ['*.ts'],
  };
  await writeFile(path.join(folder, 'tsconfig.json'), JSON.stringify(config));
  await writeFile(path.join(folder, 'package.json'), '{ "type": "module" }');
  // The two parts of src/index.ts that pipelines use; the whole of it would take the compiler seconds.
  const parts = ['src/pipeline/builder.ts', 'src/ports/module-function.ts'].map((part) => `export * from '${path.join(repository, part)}';`);
  await writeFile(path.join(folder, 'skein.ts'), parts.join('\n'));
  const { said } = await execute(path.join(repository, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.json'], folder);
  const own = said.split('\n').filter((line) => scripts.some(({ name }) => line.startsWith(name)));
  assert.deepEqual(own, []);
});

test('every word of the format is on the page', () => {
  const words = [...pipelineKeys, ...moduleKeys, ...requiresKeys, ...retryKeys, ...paramKeys, ...paramTypes].filter((word) => !word.startsWith('$'));
  for (const word of words) assert.match(page, new RegExp(`\`${word}[\`:]|[ {]${word}:`), word);
});
