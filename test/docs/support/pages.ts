/** The pages that people read, taken apart: fenced blocks, inline code, links. */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const repository = path.resolve(import.meta.dirname, '../../..');

export interface Block {
  readonly language: string;
  readonly text: string;
  readonly line: number;
}

export interface Page {
  /** Relative to the repository. */
  readonly file: string;
  /** Without fenced blocks. */
  readonly prose: string;
  readonly blocks: readonly Block[];
  /** As GitHub makes them. */
  readonly anchors: ReadonlySet<string>;
}

const patterns = ['*.md', 'docs/**/*.md', 'src/**/*.md', 'examples/**/*.md'];

export const pages: readonly Page[] = patterns
  .flatMap((pattern) => globSync(pattern, { cwd: repository }))
  .map((file) => file.replaceAll('\\', '/'))
  .toSorted()
  .map(readPage);

function readPage(file: string): Page {
  const blocks: Block[] = [];
  const prose: string[] = [];
  let open: { readonly language: string; readonly line: number; readonly lines: string[] } | undefined;
  for (const [index, line] of readFileSync(path.join(repository, file), 'utf8').split('\n').entries()) {
    const fence = /^\s*```(\S*)/.exec(line);
    if (fence !== null && open === undefined) open = { language: fence[1] ?? '', line: index + 1, lines: [] };
    else if (fence !== null && open !== undefined) {
      blocks.push({ language: open.language, line: open.line, text: open.lines.join('\n') });
      open = undefined;
    } else if (open === undefined) prose.push(line);
    else open.lines.push(line);
  }
  const headings = prose.filter((line) => /^#+ /.test(line)).map((line) => line.replace(/^#+ /, ''));
  return { file, prose: prose.join('\n'), blocks, anchors: new Set(headings.map(anchorOf)) };
}

function anchorOf(heading: string): string {
  return heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').trim().replaceAll(' ', '-');
}

export interface ShellCommand {
  readonly page: string;
  readonly line: number;
  /** On one line, without its comment. */
  readonly text: string;
}

/** Each line of the `sh` blocks; a backslash at the end joins lines. */
export function commandsOf({ file, blocks }: Page): ShellCommand[] {
  return blocks
    .filter(({ language }) => language === 'sh')
    .flatMap(({ text, line }) =>
      text
        .replaceAll(/\\\n\s*/g, ' ')
        .split('\n')
        .map((command) => ({ page: file, line, text: command.replace(/\s+#\s.*$/, '').trim() }))
        .filter((command) => command.text !== '' && !command.text.startsWith('#')),
    );
}
