/** What is wrong with a pipeline file: every place at once, each with what was found and what would be right. */
import { SkeinError } from '../errors.ts';
import { PROBLEMS_MAX } from './limits.ts';

export interface Problem {
  readonly file: string;
  /** From 1; 0 when the pipeline comes from a builder and has no text. */
  readonly line: number;
  /** From 1, in UTF-16 units; 0 like `line`. */
  readonly column: number;
  /** One clause that names the module and the key. */
  readonly message: string;
  /** What stands there, '' when the message says it. */
  readonly found: string;
  /** What may stand there, '' when nothing can. */
  readonly allowed: string;
  /** `did you mean …` or what to do instead, '' if nothing is near. */
  readonly hint: string;
}

/** Offsets in the text of a file; both -1 when there is no text. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export const NOWHERE: Span = { start: -1, end: -1 };

export interface ProblemDetail {
  readonly found?: string;
  readonly allowed?: string;
  readonly hint?: string | undefined;
}

/** Width of a source excerpt in characters. */
const EXCERPT_MAX = 100;
const SHOWN_VALUE_MAX = 60;

export class Problems {
  readonly #file: string;
  readonly #text: string;
  readonly #list: { readonly problem: Problem; readonly span: Span }[] = [];
  #dropped = 0;
  #lineStarts: number[] | undefined;

  constructor(file: string, text: string) {
    this.#file = file;
    this.#text = text;
  }

  get file(): string {
    return this.#file;
  }

  get count(): number {
    return this.#list.length + this.#dropped;
  }

  add(span: Span, message: string, detail: ProblemDetail = {}): void {
    if (this.#list.length >= PROBLEMS_MAX) {
      this.#dropped++;
      return;
    }
    const { line, column } = this.position(span.start);
    const { found = '', allowed = '', hint = '' } = detail;
    this.#list.push({ problem: { file: this.#file, line, column, message, found, allowed, hint }, span });
  }

  /** Line and column, from 1, of an offset; 0 and 0 when there is no text. */
  position(offset: number): { line: number; column: number } {
    if (offset < 0 || this.#text === '') return { line: 0, column: 0 };
    const starts = (this.#lineStarts ??= lineStartsOf(this.#text));
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  }

  /** Throws PIPELINE_INVALID with every problem, in the order of the file; returns when there is none. */
  throwIfAny(): void {
    if (this.#list.length === 0) return;
    const sorted = this.#list.toSorted((a, b) => a.span.start - b.span.start);
    const count = this.count === 1 ? '1 problem' : `${this.count} problems`;
    const parts = sorted.map(({ problem, span }) => this.#describe(problem, span));
    if (this.#dropped > 0) parts.push(`… and ${this.#dropped} more`);
    throw new SkeinError('PIPELINE_INVALID', `${count} in ${this.#file}\n\n${parts.join('\n\n')}`, {
      problems: sorted.map(({ problem }) => problem),
      total: this.count,
    });
  }

  #describe(problem: Problem, span: Span): string {
    const place = problem.line === 0 ? problem.file : `${problem.file}:${problem.line}:${problem.column}`;
    const lines = [`${place} ${problem.message}`];
    if (problem.line > 0) lines.push(...this.#excerpt(problem, span));
    if (problem.found !== '') lines.push(`  found: ${problem.found}`);
    if (problem.allowed !== '') lines.push(`  allowed: ${problem.allowed}`);
    if (problem.hint !== '') lines.push(`  ${problem.hint}`);
    return lines.join('\n');
  }

  #excerpt({ line, column }: Problem, span: Span): string[] {
    const starts = this.#lineStarts ?? [];
    const lineText = this.#text.slice(starts[line - 1] ?? 0, starts[line] ?? this.#text.length).replace(/[\r\n]+$/, '');
    const shift = column > EXCERPT_MAX - 20 ? column - 40 : 0;
    const shown = printable(lineText.slice(shift, shift + EXCERPT_MAX));
    const caretAt = column - 1 - shift;
    const width = Math.max(1, Math.min(span.end - span.start, lineText.length - (column - 1), EXCERPT_MAX - caretAt));
    const margin = String(line).padStart(5);
    return [`${margin} | ${shown}`, `${' '.repeat(margin.length)} | ${' '.repeat(caretAt)}${'^'.repeat(width)}`];
  }
}

function lineStartsOf(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

/** Control characters would move the caret or the cursor of the terminal. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ');
}

/** A piece of the file inside backquotes, short and on one line. */
export function quote(text: string): string {
  const line = printable(text);
  return `\`${line.length > SHOWN_VALUE_MAX ? `${line.slice(0, SHOWN_VALUE_MAX - 1)}…` : line}\``;
}

export function didYouMean(name: string | undefined): string | undefined {
  return name === undefined ? undefined : `did you mean ${quote(name)}?`;
}
