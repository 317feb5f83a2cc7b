/**
 * The reference pages say what the code says, both ways: the tables in them are made from the code.
 * After a change: node test/reference.test.ts --rewrite, and review the difference.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import test from 'node:test';
import { runInNewContext } from 'node:vm';
import { exitCodeOf, exitCodes } from '../src/cli/exit-codes.ts';
import { hintOf } from '../src/error-hints.ts';
import { errorCodes, SkeinError, type ErrorCode } from '../src/errors.ts';
import { problemOf } from '../src/io/http/problem.ts';
import { definitions } from '../src/options/definitions.ts';

const root = new URL('../', import.meta.url);
const rewrite = process.argv.includes('--rewrite');

function checkTable(page: string, mark: string, table: string): void {
  const path = new URL(`docs/reference/${page}`, root);
  const text = readFileSync(path, 'utf8');
  const section = new RegExp(`(<!-- ${mark}: [^>]*-->\n)([^]*?)(<!-- /${mark} -->)`);
  const found = section.exec(text);
  assert.ok(found, `${page} has no section ${mark}`);
  if (rewrite) writeFileSync(path, text.replace(section, (_all, start: string, _old: string, end: string) => `${start}${table}\n${end}`));
  else assert.equal(found[2], `${table}\n`, `${page} differs from the code; run: node test/reference.test.ts --rewrite`);
}

function tableOf(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [row(heads), `|${heads.map(() => '---').join('|')}|`, ...rows.map(row)].join('\n');
}

test('options.md lists every option', () => {
  const rows = definitions.map(({ flag, env, value, repeatable, meaning, fallback }) => [
    flag === '' ? '' : `\`--${flag}${value === undefined ? '' : ` ${value}`}\`${repeatable === true ? ' …' : ''}`,
    `\`${env}\``,
    fallback,
    meaning,
  ]);
  checkTable('options.md', 'options', tableOf(['flag', 'variable', 'default', 'meaning'], rows));
});

test('errors.md lists every code', () => {
  const rows = Object.entries(errorCodes).map(([code, meaning]) => {
    const error = new SkeinError(code as ErrorCode, '');
    const { status } = problemOf(error);
    const exit = exitCodeOf(error);
    return [`\`${code}\``, meaning, status === 500 ? '–' : String(status), exit === exitCodes.internal ? '–' : String(exit), hintOf(code as ErrorCode)];
  });
  checkTable('errors.md', 'errors', tableOf(['code', 'meaning', 'HTTP', 'exit', 'what to do'], rows));
});

test('limits.md lists every limit', async () => {
  const files = globSync('src/**/limits.ts', { cwd: root.pathname }).toSorted();
  assert.ok(files.length >= 4);
  const parts: string[] = [];
  for (const file of files) {
    const values = (await import(new URL(file, root).href)) as Readonly<Record<string, unknown>>;
    const meanings = commentsOf(readFileSync(new URL(file, root), 'utf8'));
    const rows = Object.entries(values).filter(([, value]) => typeof value === 'number').map(([name, value]) => [`\`${name}\``, String(value), meanings.get(name) ?? '']);
    const order = [...meanings.keys()];
    rows.sort(([a = ''], [b = '']) => order.indexOf(a.replaceAll('`', '')) - order.indexOf(b.replaceAll('`', '')));
    parts.push(`## ${file}\n\n${tableOf(['limit', 'value', 'of what'], rows)}`);
  }
  checkTable('limits.md', 'limits', `\n${parts.join('\n\n')}\n`);
});

test('limits.md lists the bounds that stand beside their code', () => {
  const files = globSync('src/{core,io,protocol,runtime}/**/*.ts', { cwd: root.pathname }).filter((file) => !file.endsWith('limits.ts')).toSorted();
  const rows = files.flatMap((file) => boundsOf(readFileSync(new URL(file, root), 'utf8')).map(([name = '', value = '', meaning = '']) => [`\`${name}\``, value, file, meaning]));
  assert.ok(rows.length >= 40);
  for (const [name, value = '', file] of rows) assert.match(value, /^\d+$/, `${name} in ${file} is a number that can be read without running the file`);
  checkTable('limits.md', 'bounds', tableOf(['limit', 'value', 'in', 'of what'], rows));
});

/** Constants named …_MAX with their value and the comment right above them. */
function boundsOf(source: string): string[][] {
  const found = source.matchAll(/(?:\/\*\*((?:[^*]|\*(?!\/))*)\*\/\n)?(?:export )?const ([A-Z][A-Z0-9_]*_MAX(?:_MS)?) = ([^;]+);/g);
  return Array.from(found, ({ 1: comment = '', 2: name = '', 3: value = '', index }) => {
    // The comment at the top speaks of the whole file.
    const meaning = index === 0 ? '' : comment.replaceAll(/\n\s*\*/g, ' ').replaceAll(/\s+/g, ' ').trim();
    return [name, product(value), meaning];
  });
}

/** `4 * 1024 * 1024`, `2 ** 31 - 1`: nothing but numbers and signs is worked out. */
function product(text: string): string {
  const plain = text.replaceAll('_', '');
  return /^[\d\s*+.-]+$/.test(plain) ? String(runInNewContext(plain)) : text;
}

/** Each exported constant in the order of the file, with the comment right above it. */
function commentsOf(source: string): Map<string, string> {
  const found = source.matchAll(/(?:\/\*\*((?:[^*]|\*(?!\/))*)\*\/\n)?export const ([A-Z][A-Z0-9_]*)/g);
  return new Map(Array.from(found, ([, comment = '', name = '']) => [name, comment.replaceAll(/\n\s*\*/g, ' ').replaceAll(/\s+/g, ' ').trim()]));
}
