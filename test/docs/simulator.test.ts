/** Goal: every simulator command that the pages show is taken, and those for somebody's own pipeline end as the page says. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { parseArguments } from '../../sim/arguments.ts';
import { EXIT_OK } from '../../sim/exit-codes.ts';
import { runPipeline } from '../../sim/own-pipeline/main.ts';
import { parseScript, parseScriptLine } from '../../sim/own-pipeline/script.ts';
import { pages, repository } from './support/pages.ts';

/** As a shell would split it: words, and what stands in quotes. */
function words(command: string): string[] {
  return Array.from(command.matchAll(/'([^']*)'|(\S+)/g), ([, quoted, bare]) => quoted ?? bare ?? '');
}

const shown = pages.flatMap(({ file, blocks, prose }) =>
  [...blocks.flatMap(({ text }) => text.split('\n')), ...Array.from(prose.matchAll(/`(npm run sim -- [^`]+)`/g), ([, code = '']) => code)]
    .flatMap((line) => /^npm run sim -- (.*?)(?: {2,}.*| #.*| \| less)?$/.exec(line)?.slice(1, 2) ?? [])
    .map((text) => ({ file, text })),
);

test('every command line is taken', () => {
  assert.ok(shown.length >= 10, `${shown.length}`);
  for (const { file, text } of shown) assert.doesNotThrow(() => parseArguments(words(text)), `${file}: ${text}`);
});

test('commands for an own pipeline run, and the first one comes out as the page shows', async (t) => {
  const own = shown.filter(({ text }) => text.includes('--pipeline examples/'));
  assert.ok(own.length >= 2);
  const folder = mkdtempSync(path.join(tmpdir(), 'skein-docs-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [index, { text }] of own.entries()) {
    const { pipeline, ...args } = parseArguments(words(text.replace('examples/', `${repository}/examples/`)));
    assert.ok(pipeline !== undefined);
    const lines: string[] = [];
    assert.equal(await runPipeline({ ...args, pipeline, html: path.join(folder, 'page.html') }, pipeline, (line) => lines.push(line)), EXIT_OK, lines.join('\n'));
    if (index > 0) continue;
    const page = pages.find(({ file }) => file === 'docs/simulator.md')?.blocks.find(({ language }) => language === 'text')?.text.split('\n') ?? [];
    // Times change with the code; which lines there are, and what they say otherwise, does not.
    const plain = (all: readonly string[]): string[] => all.filter((line) => /^(?:pipeline|fault|result|modules|leaders) /.test(line)).map((line) => line.replaceAll(/[\d.]+ (?:ms|s)\b/g, 'TIME').replaceAll(/\d+ executions?, .*|(?<=leaders +).*/g, ''));
    assert.deepEqual(plain(lines), plain(page));
  }
});

test('every fault of the table and of the script is understood', () => {
  const text = readFileSync(path.join(repository, 'docs/simulator.md'), 'utf8');
  const lines = Array.from(text.matchAll(/^\| `(\d+\w+ [^`]+)` \|/gm), ([, line = '']) => line.replaceAll('\\|', '|'));
  assert.ok(lines.length >= 10);
  for (const line of lines) parseScriptLine(line, 'docs', 5);
  const script = /```text\n(# the switch[^]*?)```/.exec(text)?.[1] ?? '';
  assert.equal(parseScript(script, 'docs', 5).length, 3);
});
