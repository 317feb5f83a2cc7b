/**
 * Where in a JSON text a value stands. `JSON.parse` forgets it, and a parser that keeps places is twenty times slower:
 * so the place is looked for only when there is something to say about it.
 */
import { NOWHERE, type Span } from '../problems.ts';

/** Keys and positions from the root. */
export type JsonPath = readonly (string | number)[];

const space = /[ \t\r\n]*/y;
const string = /"(?:[^"\\]|\\.)*"/y;
const plain = /[^\s,\]}]+/y;

class Scanner {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? '';
    this.at += found.length;
    return found;
  }

  /** The next sign that is no space, not consumed. */
  peek(): string {
    this.match(space);
    return this.text[this.at] ?? '';
  }

  /** Without recursion: a text may be nested deeper than the stack. */
  skipValue(): void {
    let depth = 0;
    do {
      const sign = this.peek();
      if (sign === '') return;
      if (sign === '"') this.match(string);
      else if (sign === '{' || sign === '[') {
        depth++;
        this.at++;
      } else if (sign === '}' || sign === ']') {
        depth--;
        this.at++;
      } else if (sign === ',' || sign === ':') this.at++;
      else this.match(plain);
    } while (depth > 0);
  }

  /** Moves from the start of a map to the value of a key; the last one counts, as for `JSON.parse`. */
  enterKey(key: string): boolean {
    let found = -1;
    this.at++;
    while (this.peek() === '"') {
      const name: unknown = JSON.parse(this.match(string));
      this.peek();
      this.at++;
      this.peek();
      if (name === key) found = this.at;
      this.skipValue();
      if (this.peek() === ',') this.at++;
    }
    if (found !== -1) this.at = found;
    return found !== -1;
  }

  enterItem(position: number): boolean {
    this.at++;
    for (let i = 0; i < position; i++) {
      if (this.peek() === ']') return false;
      this.skipValue();
      if (this.peek() === ',') this.at++;
    }
    return this.peek() !== ']';
  }
}

/** @param text valid JSON. @returns the span of the value, or of the nearest map or list around it that exists. */
export function placeOf(text: string, path: JsonPath): Span {
  const scanner = new Scanner(text);
  scanner.peek();
  for (const step of path) {
    const start = scanner.at;
    const sign = scanner.peek();
    const found = typeof step === 'string' ? sign === '{' && scanner.enterKey(step) : sign === '[' && scanner.enterItem(step);
    if (found) continue;
    return { start, end: start + 1 };
  }
  const start = scanner.at;
  if (start >= text.length) return NOWHERE;
  scanner.skipValue();
  return { start, end: scanner.at };
}

/** `workflow.execution.tasks[3]`. */
export function pathText(path: JsonPath): string {
  return path.map((step, i) => (typeof step === 'number' ? `[${step}]` : `${i === 0 ? '' : '.'}${step}`)).join('');
}
