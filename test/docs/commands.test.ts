/**
 * Goal: whoever types what the pages show gets what they promise. Every line of an `sh` block is run, against a cluster of
 * one node; RUN, MODULE, NODE and CID stand for a run, one of its modules, a node and the blob stored last. Lines for `skein` or `node dist/node.js` go to the command line in
 * this process, which saves a start of Node.js for each.
 */
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { StartNode } from '../../src/io/running-node.ts';
import type { NodeOptions } from '../../src/options.ts';
import { compileRun } from '../../src/pipeline/compile.ts';
import { loadPipeline } from '../../src/pipeline/load.ts';
import { TestBed } from '../cli/harness.ts';
import { shell, startNode, type Said } from './support/cluster-of-one.ts';
import { commandsOf, pages, repository, type ShellCommand } from './support/pages.ts';

/** Shown, but not run here. That a named npm script exists is checked in pages.test.ts. */
const notRun: readonly (readonly [RegExp, string])[] = [
  [/^npm ci\b/, 'installs packages; continuous integration runs it'],
  [/^npm (?:test|run (?:types|lint|knip|build|unit|e2e))\b/, 'runs this very test, or is a step of npm test'],
  [/^npm run (?:demo|bench|sim)\b/, 'takes minutes, and is run on purpose'],
  [/^node --test /, 'runs as a part of the unit tests'],
  [/^node test\/reference\.test\.ts --rewrite$/, 'writes into the source tree'],
  [/^(?:[A-Z_]+=\S+ )*docker /, 'needs a container engine'],
  [/^sudo /, 'changes the machine'],
  [/^nc /, 'another program, and an address that stands for the reader’s own'],
];

/** Run only where this is installed. */
const needsProgram: readonly (readonly [RegExp, string])[] = [
  [/examples\/build/, 'gcc'],
  [/examples\/transcode/, 'ffmpeg'],
];

const program = /^((?:[A-Z_]+=\S+ )*)(?:skein|node dist\/node\.js)(?: |$)/;

interface Call {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What follows the program's name, and the variables before it; undefined for another program. */
function callOf(text: string): Call | undefined {
  const found = program.exec(text);
  if (found === null) return undefined;
  const words = (part: string): string[] => part.split(/\s+/).filter((word) => word !== '');
  const env = Object.fromEntries(words(found[1] ?? '').map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]));
  return { args: words(text.slice(found[0].length)).map((word) => (word.startsWith('examples/') ? path.join(repository, word) : word)), env };
}

function isStart(text: string): boolean {
  const call = callOf(text);
  return call !== undefined && (call.args[0] === undefined || call.args[0].startsWith('-'));
}

/** Each command once, however many pages show it. */
function distinct(commands: readonly ShellCommand[]): ShellCommand[] {
  const seen = new Set<string>();
  return commands.filter(({ text }) => {
    const same = text.replace(program, '$1skein ');
    return seen.has(same) ? false : seen.add(same);
  });
}

const shown = pages.flatMap(commandsOf);
const commands = distinct(shown).filter(({ text }) => notRun.every(([pattern]) => !pattern.test(text)));

test('there are commands to run, and each exception is still needed', () => {
  assert.ok(commands.length > 20, `${commands.length}`);
  for (const [pattern, reason] of notRun) assert.ok(shown.some(({ text }) => pattern.test(text)), `${pattern} (${reason}) fits nothing any more`);
});

test('lines that start a node: their options are taken', async (t) => {
  const starts = commands.filter(({ text }) => isStart(text));
  assert.ok(starts.length >= 4);
  const bed = new TestBed(t);
  for (const { text, page, line } of starts) {
    const asked: NodeOptions[] = [];
    const startOnly: StartNode = (options) => {
      asked.push(options);
      return Promise.reject(new Error('enough'));
    };
    const { stderr } = await bed.run(callOf(text)?.args ?? [], { startNode: startOnly });
    assert.equal(asked.length, 1, `${page}:${line}: ${text}: ${stderr}`);
  }
});

test('lines that talk to a node succeed', async (t) => {
  const bed = new TestBed(t);
  const node = await startNode(t, bed.env);
  const lacking = async (text: string): Promise<string | false> => {
    const needed = [...(text.startsWith('curl') ? ['curl'] : []), ...needsProgram.flatMap(([pattern, name]) => (pattern.test(text) ? [name] : []))];
    for (const name of needed) if ((await shell(`command -v ${name}`, bed.env)).code !== 0) return `there is no ${name} here`;
    return false;
  };
  let runId = '';
  let cid = '';
  const perform = async (text: string): Promise<Said> => {
    const real = text.replaceAll(/\bRUN\b/g, runId).replaceAll(/\bMODULE\b/g, 'FetchData').replaceAll(/\bNODE\b/g, node.name).replaceAll(/\bCID\b/g, cid).replaceAll('127.0.0.1:8080', `127.0.0.1:${node.httpPort}`);
    const call = callOf(real);
    if (call !== undefined) {
      const { code, stdout, stderr } = await bed.run(call.args, { now: Date.now, env: call.env });
      runId = /\/runs\/(\S+)/.exec(stdout)?.[1] ?? /^[0-9a-z]+-[0-9a-f]{32}$/m.exec(stdout)?.[0] ?? runId;
      cid = /^ba\w{57}$/m.exec(stdout)?.[0] ?? cid;
      return { code, output: stdout + stderr };
    }
    const local = real.replaceAll('~/.local/share', bed.env['XDG_DATA_HOME'] ?? '');
    return shell(local.replace(/^curl /, 'curl --fail -s '), bed.env);
  };
  for (const { text, page, line } of commands.filter((command) => !isStart(command.text))) {
    await t.test(`${page}:${line}: ${text}`, { skip: await lacking(text) }, async () => {
      const { code, output } = await perform(text);
      assert.equal(code, 0, output);
      assert.notEqual(output.trim(), '');
    });
  }
  assert.equal(await node.stop(), 0);
});

test('the pipelines on the pages load and compile', async () => {
  // docs/pipelines.md has a test of its own, which also compares what is printed.
  const pipelines = pages.filter(({ file }) => file !== 'docs/pipelines.md').flatMap(({ blocks }) => blocks.filter(({ language, text }) => language === 'yaml' && /^modules:/m.test(text)));
  assert.ok(pipelines.length > 0);
  for (const { text } of pipelines) await compileRun(await loadPipeline({ text }), {});
});

test('the programs on the README run', async (t) => {
  const programs = pages.find(({ file }) => file === 'README.md')?.blocks.filter(({ language }) => language === 'ts') ?? [];
  assert.ok(programs.length > 0);
  for (const { text } of programs) assert.match(await runProgram(t, text), /^succeeded .*hello flock/m);
});

/** As a reader would: a file beside a `node_modules` that has `skein`. Runs in this process. */
async function runProgram(t: TestContext, text: string): Promise<string> {
  const { home, env } = new TestBed(t);
  const folder = path.join(home, 'project');
  const library = path.join(folder, 'node_modules/skein');
  await mkdir(library, { recursive: true });
  await writeFile(path.join(library, 'package.json'), '{ "name": "skein", "type": "module", "exports": "./index.js" }');
  await writeFile(path.join(library, 'index.js'), `export * from '${pathToFileURL(path.join(repository, 'src/index.ts')).href}';\n`);
  await writeFile(path.join(folder, 'package.json'), '{ "type": "module" }');
  await writeFile(path.join(folder, 'program.ts'), text.replace('createNode({', 'createNode({ mdns: false, p2pPort: { port: 0, fixed: true }, httpPort: { port: 0, fixed: true },'));
  Object.assign(process.env, env);
  const log = t.mock.method(console, 'log', () => undefined);
  await import(pathToFileURL(path.join(folder, 'program.ts')).href);
  return log.mock.calls.map((call) => call.arguments.map((argument: unknown) => (typeof argument === 'string' ? argument : JSON.stringify(argument))).join(' ')).join('\n');
}

test('the demo on the README is one that really ran', async () => {
  const readme = await readFile(path.join(repository, 'README.md'), 'utf8');
  const shown = /```text\n([^]*?Nothing lost, nothing twice\.)\n```/.exec(readme)?.[1] ?? '';
  const source = (await Promise.all(['demo.ts', 'count.ts'].map((file) => readFile(path.join(repository, 'examples/demo', file), 'utf8')))).join('\n');
  // Each label of the summary is one that the program prints.
  const labels = Array.from(shown.matchAll(/^ {3}([A-Z][a-z ]+?) {2,}\S/gm), ([, label = '']) => label);
  assert.ok(labels.length >= 9);
  for (const label of labels) assert.ok(source.includes(`'${label}'`), `the demo does not print "${label}"`);
});
