/** Goal: what the pages name exists: files, links, npm scripts, commands and their flags, dependencies. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { TestBed } from '../cli/harness.ts';
import { commandsOf, pages, repository } from './support/pages.ts';

interface PackageJson {
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8')) as PackageJson;
const inlineCode = pages.flatMap(({ file, prose }) => Array.from(prose.matchAll(/`([^`\n]+)`/g), ([, code = '']) => ({ file, code })));

test('the pages are there, and each block says what it is', () => {
  const files = pages.map(({ file }) => file);
  for (const file of ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'docs/README.md', 'docs/usage.md', 'docs/seeds.md']) assert.ok(files.includes(file), file);
  const languages = new Set(['sh', 'console', 'text', 'yaml', 'ts', 'json']);
  for (const { file, blocks } of pages) for (const { language, line } of blocks) assert.ok(languages.has(language), `${file}:${line}: a block of "${language}"; known: ${[...languages].join(' ')}`);
});

test('every link leads somewhere', () => {
  for (const { file, prose } of pages) {
    for (const [, target = ''] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [name = '', anchor] = target.split('#');
      const to = name === '' ? file : path.posix.join(path.posix.dirname(file), name);
      assert.ok(existsSync(path.join(repository, to)), `${file}: ${target} is not there`);
      if (anchor !== undefined) assert.ok(pages.find((page) => page.file === to)?.anchors.has(anchor), `${file}: ${target} has no such heading`);
    }
  }
});

test('every page of docs/ is reached from its index', () => {
  const index = pages.find(({ file }) => file === 'docs/README.md')?.prose ?? '';
  for (const { file } of pages.filter((page) => page.file.startsWith('docs/') && page.file !== 'docs/README.md')) assert.ok(index.includes(`(${file.slice('docs/'.length)})`), `docs/README.md does not link ${file}`);
});

test('files that are named exist', () => {
  const named = pages.flatMap(({ file, prose }) => Array.from(prose.matchAll(/(?<![\w./-])((?:src|sim|test|bench|examples|docs)\/[\w./-]*[\w/])(?![\w*{…])/g), ([, name = '']) => ({ file, name })));
  assert.ok(named.length > 40);
  for (const { file, name } of named) assert.ok(existsSync(path.join(repository, name)), `${file} names ${name}, which is not there`);
});

test('npm scripts that are named exist, and those that exist are explained', () => {
  const named = new Set<string>();
  for (const { file, prose, blocks } of pages) {
    for (const [, name = ''] of [prose, ...blocks.map(({ text }) => text)].join('\n').matchAll(/\bnpm run (?:-s )?([a-z0-9:]+)/g)) {
      assert.ok(Object.hasOwn(manifest.scripts, name), `${file}: npm run ${name}`);
      named.add(name);
    }
  }
  // What npm calls by itself, what has words of its own, and the checking twin of `format`.
  const unnamed = Object.keys(manifest.scripts).filter((name) => !named.has(name) && !['prepare', 'test', 'format:check'].includes(name));
  assert.deepEqual(unnamed, []);
});

test('commands that are named exist, with their flags', async (t) => {
  const bed = new TestBed(t);
  const helps = new Map<string, string>();
  const help = async (words: readonly string[]): Promise<string> => {
    const key = words.join(' ');
    if (!helps.has(key)) helps.set(key, (await bed.run([...words, '--help'])).stdout);
    return helps.get(key) ?? '';
  };
  const shown = [...inlineCode.map(({ file, code }) => ({ file, code })), ...pages.flatMap((page) => commandsOf(page).map(({ text }) => ({ file: page.file, code: text })))];
  const commands = shown.flatMap(({ file, code }) => {
    const rest = /^(?:\S+=\S+ )*(?:skein|node dist\/node\.js)(?: (.*))?$/.exec(code);
    return rest === null ? [] : [{ file, code, words: (rest[1] ?? '').split(/\s*\|\s*/)[0]?.split(/\s+/).filter((word) => word !== '') ?? [] }];
  });
  assert.ok(commands.length > 30);
  for (const { file, code, words } of commands) {
    const first = words[0] === undefined || /^(?:-|\[|…|COMMAND$)/.test(words[0]) ? [] : [words[0]];
    const program = await help([]);
    if (first[0] !== undefined) assert.match(program, new RegExp(`^  ${first[0]}\\b`, 'm'), `${file}: ${code}`);
    let text = first.length === 0 ? program : await help(first);
    if (first.length > 0 && /^Commands:/m.test(text) && words[1] !== undefined && /^[a-z]+$/.test(words[1])) {
      assert.match(text, new RegExp(`^  ${words[1]}\\b`, 'm'), `${file}: ${code}`);
      text = await help([first[0] ?? '', words[1]]);
    }
    for (const flag of words.filter((word) => /^--?[a-z]/.test(word))) assert.ok(new RegExp(`(?:^|[\\s,])${flag.split('=')[0]}\\b`, 'm').test(text), `${file}: ${code}: ${flag} is not among the flags`);
  }
});

test('docs/dependencies.md and package.json name the same packages', () => {
  const page = pages.find(({ file }) => file === 'docs/dependencies.md')?.prose ?? '';
  const [runtime = '', development = ''] = page.split('\n## Development\n');
  const namesIn = (text: string): string[] =>
    text
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .flatMap((line) => Array.from((line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g), ([, name = '']) => name))
      .toSorted();
  assert.deepEqual(namesIn(runtime), Object.keys(manifest.dependencies).toSorted());
  assert.deepEqual(namesIn(development), Object.keys(manifest.devDependencies).toSorted());
});
