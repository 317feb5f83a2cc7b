/** The first file on an old Node.js: runs again with the bundled one, passes signals and the exit code on, or says what it needs. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { transformSync } from 'esbuild';

const root = new URL('../../', import.meta.url).pathname;
const majorMin = 22;

/** A Node.js on this machine that is too old for Skein but knows ES modules. */
function oldNode(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'));
  return [...folders, '/usr/bin', '/usr/local/bin']
    .map((folder) => join(folder, 'node'))
    .filter((path) => existsSync(path))
    .find((path) => {
      const major = Number(execFileSync(path, ['-p', 'process.versions.node.split(".")[0]'], { encoding: 'utf8' }));
      return major >= 18 && major < majorMin;
    });
}

const old = oldNode();
const skip = old === undefined ? `no Node.js older than ${majorMin} on this machine` : existsSync(join(root, 'node_modules', 'node', 'bin')) ? false : 'the npm package node is not installed';

/** The built first file in a package of its own; behind it a main program that the test writes. */
function packageWith(t: TestContext, mainProgram: string, nodeModules: 'beside' | 'above' | 'none' = 'beside'): string {
  const folder = mkdtempSync(join(tmpdir(), 'skein-old-node-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const home = nodeModules === 'above' ? join(folder, 'node_modules', 'skein') : folder;
  mkdirSync(join(home, 'dist', 'cli'), { recursive: true });
  writeFileSync(join(home, 'package.json'), '{"type":"module"}');
  for (const file of ['node', 'cli/reexecute']) {
    const { code } = transformSync(readFileSync(join(root, 'src', `${file}.ts`), 'utf8'), { loader: 'ts', format: 'esm', target: 'es2024' });
    writeFileSync(join(home, 'dist', `${file}.js`), code.replaceAll(/(['"])(\.[^'"]*)\.ts\1/g, '$1$2.js$1'));
  }
  writeFileSync(join(home, 'dist', 'cli', 'process.js'), mainProgram);
  if (nodeModules !== 'none') {
    mkdirSync(join(folder, 'node_modules'), { recursive: true });
    symlinkSync(join(root, 'node_modules', 'node'), join(folder, 'node_modules', 'node'));
  }
  return join(home, 'dist', 'node.js');
}

function start(script: string, argv: readonly string[] = [], env: Record<string, string> = {}): { child: ChildProcess; ended: Promise<[number | null, NodeJS.Signals | null]>; output: () => string; saw: (pattern: RegExp) => Promise<void> } {
  const child = spawn(old ?? '', [script, ...argv], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  let text = '';
  const watchers = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      for (const watcher of watchers) watcher();
    });
  }
  const saw = (pattern: RegExp): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (pattern.test(text)) resolve();
      };
      watchers.add(look);
      look();
    });
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  return { child, ended, output: () => text, saw };
}

const report = `export async function runProcess(argv) {
  console.log(JSON.stringify({ major: Number(process.versions.node.split('.')[0]), argv, wrapped: process.env.SKEIN_REEXECUTED }));
  process.exit(7);
}`;

test('runs again with the bundled Node.js, arguments and exit code as they are', { skip }, async (t) => {
  for (const nodeModules of ['beside', 'above'] as const) {
    const { ended, output } = start(packageWith(t, report, nodeModules), ['run', 'a b', '--x']);
    assert.deepEqual(await ended, [7, null], output());
    const told = JSON.parse(output()) as { major: number; argv: string[]; wrapped: string };
    assert.ok(told.major >= majorMin);
    assert.deepEqual(told.argv, ['run', 'a b', '--x']);
    assert.equal(told.wrapped, '1');
  }
});

test('without a newer one: one line that says what is needed', { skip }, async (t) => {
  const cases = [start(packageWith(t, report, 'none')), start(packageWith(t, report), [], { SKEIN_REEXECUTED: '1' })];
  for (const { ended, output } of cases) {
    assert.deepEqual(await ended, [2, null]);
    assert.match(output(), /^skein needs Node\.js 22 or later, and this is \d+\.\d+\.\d+: [^\n]+\n$/);
  }
});

test('signals are passed on, and a death by signal is one here too', { skip }, async (t) => {
  const polite = packageWith(t, `export async function runProcess() { process.on('SIGTERM', () => { console.log('asked'); process.exit(9); }); setInterval(() => {}, 1000); console.log('up'); }`);
  const first = start(polite);
  await first.saw(/up/);
  first.child.kill('SIGTERM');
  assert.deepEqual(await first.ended, [9, null]);
  assert.match(first.output(), /asked/);
  const plain = start(packageWith(t, `export async function runProcess() { setInterval(() => {}, 1000); console.log('up'); }`));
  await plain.saw(/up/);
  plain.child.kill('SIGTERM');
  assert.deepEqual(await plain.ended, [null, 'SIGTERM']);
});

test('when the wrapper is killed the real process does not live on', { skip, timeout: 20_000 }, async (t) => {
  const url = new URL('../../src/cli/process.ts', import.meta.url).pathname;
  // The real rule, taken from the source, in front of a program that would run for ever.
  const source = transformSync(readFileSync(url, 'utf8'), { loader: 'ts', format: 'esm' }).code;
  const rule = source.slice(source.indexOf('function followWrapper'), source.lastIndexOf('export {'));
  const script = packageWith(t, `const WRAPPED_VARIABLE = 'SKEIN_REEXECUTED';\nexport async function runProcess() { const w = followWrapper(); setInterval(() => {}, 1000); console.log('up', w, process.env.SKEIN_REEXECUTED); }\n${rule}`);
  const { child, ended, saw } = start(script);
  await saw(/up true undefined/);
  child.kill('SIGKILL');
  // stdout is inherited by the real process: `close` comes only when it, too, is gone.
  await ended;
});
