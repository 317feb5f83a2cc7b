/** One self-contained page: markup, style, program and data in a single file that opens from a disk. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { buildSync } from 'esbuild';
import type { ReplayData } from './data.ts';

const folder = path.join(import.meta.dirname, 'page');

/** The program of the page as one script without imports. */
function bundleProgram(): string {
  const { outputFiles } = buildSync({ entryPoints: [path.join(folder, 'main.ts')], bundle: true, minify: true, format: 'iife', target: 'es2022', write: false, legalComments: 'none', charset: 'utf8' });
  return outputFiles[0]?.text ?? '';
}

/** Data inside a script element: nothing in it may end the element or begin a comment. */
export function embeddedJson(data: unknown): string {
  return JSON.stringify(data).replaceAll('<', '\\u003c').replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

export function renderPage(data: ReplayData): string {
  const parts: Readonly<Record<string, string>> = {
    title: escaped(`Skein simulator: ${data.seed}`),
    style: readFileSync(path.join(folder, 'style.css'), 'utf8'),
    program: bundleProgram().replaceAll('</script', '<\\/script'),
    data: embeddedJson(data),
  };
  return readFileSync(path.join(folder, 'page.html'), 'utf8').replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => parts[name] ?? '');
}
