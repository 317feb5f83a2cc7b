/** Goal: what the house style says about files is true of every file. Each rule is one test; ARCHITECTURE and CONTRIBUTING say why. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { isTimed } from './support/files.ts';

const root = path.join(import.meta.dirname, '..');
const LINES_MAX = 400;

interface Source {
  readonly file: string;
  readonly text: string;
  readonly lines: readonly string[];
}

function read(pattern: string): readonly Source[] {
  return globSync(pattern, { cwd: root, exclude: (name) => name === 'node_modules' || name === 'dist' })
    .map((file) => ({ file: file.replaceAll('\\', '/'), text: readFileSync(path.join(root, file), 'utf8') }))
    .map(({ file, text }) => ({ file, text, lines: text.split('\n') }))
    .toSorted((a, b) => (a.file < b.file ? -1 : 1));
}

const sources = read('{src,sim,test,bench,examples}/**/*.ts');
const texts = [...sources, ...read('{*.md,docs/**/*.md,src/**/*.md,*.json,*.yml,Dockerfile,.ci/*,examples/**/*.{yaml,md}}')];

/** `file:line text` of every line that fits. */
function linesWith(files: readonly Source[], pattern: RegExp, except: (source: Source, line: string) => boolean = () => false): string[] {
  return files.flatMap((source) =>
    source.lines.flatMap((line, index) => (pattern.test(line) && !except(source, line) ? [`${source.file}:${index + 1} ${line.trim()}`] : [])),
  );
}

test('there is something to look at', () => {
  assert.ok(sources.length > 300 && texts.length > sources.length + 10);
});

test(`no file is over ${LINES_MAX} lines`, () => {
  assert.deepEqual(sources.filter(({ lines }) => lines.length - 1 > LINES_MAX).map(({ file }) => file), []);
});

test('names are kebab-case', () => {
  const odd = sources.filter(({ file }) => !/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.(?:test|e2e|bench))?\.ts$/.test(path.basename(file)));
  assert.deepEqual(odd.map(({ file }) => file), []);
});

test('nothing is left for later', () => {
  // In brackets, so that this line does not find itself.
  const words = /\b(?:T[O]DO|F[I]XME|X[X]X|H[A]CK)\b/;
  assert.deepEqual(linesWith(sources, words), []);
});

test('no test stands alone, and none is left out without saying why', () => {
  const tests = sources.filter(({ file }) => file.startsWith('test/'));
  assert.deepEqual(linesWith(tests, /\b(?:test|it|describe|suite|t)\.(?:only|todo)\(|\b(?:only|todo): true/), []);
  // Allowed: `skip: 'reason'`, a constant `skip` that holds a reason or false, and `t.skip('reason')`.
  assert.deepEqual(linesWith(tests, /\b(?:test|it|describe|suite)\.skip\(|\bskip: true\b|\bskip = true\b|\bt\.skip\(\)/), []);
});

test('no address of a package registry, no path of one machine', () => {
  const hosts = /\b(?:registry\.(?!md)[a-z-]+\.[a-z]{2,}|[a-z.-]*(?:artifactory|nexus|verdaccio)[a-z.-]*\.[a-z]{2,}|npm\.pkg\.github\.com)/i;
  assert.deepEqual(linesWith(texts, hosts), []);
  const paths = /(?<![\w.~/])\/(?:work|root|home\/[a-z]+|Users\/[A-Za-z]+)\//;
  assert.deepEqual(linesWith(texts, paths, ({ file }, line) => file === 'test/tidy.test.ts' && line.includes('const paths')), []);
  assert.deepEqual(linesWith(read('package-lock.json'), /"resolved": "(?!https:\/\/registry\.npmjs\.org\/)/), []);
});

/** Comments and strings may speak of clocks. */
function code(line: string): string {
  return line.replace(/^\s*(?:\/?\*|\/\/).*$/, '').replace(/\s\/\/ .*$/, '').replace(/'(?:[^'\\]|\\.)*'|`[^`]*`/g, "''");
}

test('core and runtime read no clock, no chance and nothing of Node.js', () => {
  const impure = /\b(?:Date|performance|process|console|Buffer|setTimeout|setInterval|setImmediate|queueMicrotask|structuredClone)\b(?!:)|\bMath\.random\b|\bcrypto\./;
  const pure = sources.filter(({ file }) => file.startsWith('src/core/'));
  const driven = sources.filter(({ file }) => file.startsWith('src/runtime/'));
  assert.ok(pure.length > 40 && driven.length > 30);
  const found = [...pure, ...driven].flatMap(({ file, lines }) => lines.flatMap((line, index) => (impure.test(code(line)) ? [`${file}:${index + 1} ${line.trim()}`] : [])));
  assert.deepEqual(found, []);
  assert.deepEqual(linesWith([...pure, ...driven], /from '(?:node:|libp2p|@libp2p\/)/), []);
});

/** What each room may import besides itself. `node.ts` and `index.ts` are doors: they may import anything below them. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  'src/errors.ts': [],
  'src/error-hints.ts': ['src/errors.ts'],
  'src/version.ts': [],
  'src/core': ['src/errors.ts'],
  'src/ports': ['src/core'],
  'src/protocol': ['src/core', 'src/errors.ts'],
  'src/pipeline': ['src/core', 'src/ports', 'src/errors.ts'],
  'src/runtime': ['src/core', 'src/ports', 'src/protocol', 'src/errors.ts'],
  'src/options': ['src/runtime', 'src/pipeline', 'src/errors.ts'],
  'src/options.ts': ['src/options', 'src/runtime', 'src/pipeline', 'src/errors.ts'],
  'src/io': ['src/runtime', 'src/core', 'src/ports', 'src/protocol', 'src/pipeline', 'src/options', 'src/options.ts', 'src/errors.ts', 'src/error-hints.ts', 'src/version.ts'],
  'src/cli': ['src/io', 'src/core', 'src/ports', 'src/pipeline', 'src/options', 'src/options.ts', 'src/errors.ts', 'src/error-hints.ts', 'src/version.ts'],
  'src/node.ts': ['src/cli'],
  'src/index.ts': ['src/io', 'src/core', 'src/ports', 'src/pipeline', 'src/runtime', 'src/options.ts', 'src/errors.ts'],
  // The pipeline file: somebody's own pipeline is simulated too.
  sim: ['src/runtime', 'src/core', 'src/ports', 'src/protocol', 'src/pipeline', 'src/options', 'src/errors.ts'],
};

/** Records what clients of real nodes ask and are told, so it talks as they do; nothing simulated uses it. */
const exceptions = new Set(['sim/history/http-client.ts → src/cli/client.ts']);

function roomOf(file: string): string {
  const parts = file.split('/');
  return parts[0] === 'src' ? parts.slice(0, 2).join('/') : (parts[0] ?? '');
}

function importsOf({ file, text }: Source): string[] {
  return Array.from(text.matchAll(/(?:from |import\()'(\.[^']+)'/g), ([, to = '']) => path.posix.join(path.posix.dirname(file), to));
}

test('tests that run beside all others see no clock', () => {
  const timeless = sources.filter(({ file }) => file.endsWith('.test.ts') && !isTimed(file));
  assert.ok(timeless.length > 100);
  const found = timeless.flatMap(({ file, lines }) => lines.flatMap((line, index) => (/\b(?:setTimeout|setInterval|performance\.now|Date\.now)\(|timers\/promises'/.test(line) && file !== 'test/tidy.test.ts' ? [`${file}:${index + 1} ${line.trim()}`] : [])));
  assert.deepEqual(found, [], 'list it in test/support/files.ts');
});

test('imports point one way: node → io → runtime → core; the simulator never meets io', () => {
  const wrong: string[] = [];
  for (const source of sources.filter(({ file }) => /^(?:src|sim)\//.test(file))) {
    const room = roomOf(source.file);
    const allowed = mayImport[room];
    assert.ok(allowed, `${room} is a new room: say in this test what it may import, and in docs/architecture.md what it is for`);
    for (const to of importsOf(source)) if (roomOf(to) !== room && !allowed.includes(roomOf(to)) && !exceptions.has(`${source.file} → ${to}`)) wrong.push(`${source.file} → ${to}`);
  }
  assert.deepEqual(wrong, []);
});

test('imports carry their suffix, exports have names', () => {
  const bare = sources.flatMap((source) => importsOf(source).filter((to) => !/\.(?:ts|json)$/.test(to)).map((to) => `${source.file} → ${to}`));
  assert.deepEqual(bare, []);
  // A pipeline file is loaded by its default export.
  assert.deepEqual(linesWith(sources.filter(({ file }) => file.startsWith('src/')), /^export default /), []);
});

test('the README starts with the two commands', () => {
  const readme = readFileSync(path.join(root, 'README.md'), 'utf8').split('\n').slice(0, 60).join('\n');
  assert.match(readme, /^npm ci && npm run demo/m);
  assert.match(readme, /^npm ci && npm test/m);
});
