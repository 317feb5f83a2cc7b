/**
 * How node, supervisor and pooled processes talk: one line per message, `kind TAB id TAB head TAB body`, where head and
 * body are JSON texts (which hold no raw tab or newline). So the supervisor passes a body on without parsing it, and
 * all messages of one turn leave in one write.
 */
import type { Writable } from 'node:stream';

export interface Line {
  readonly kind: string;
  readonly id: number;
  /** JSON text. */
  readonly head: string;
  /** JSON text. */
  readonly body: string;
}

/** @param head JSON text. @param body JSON text. */
export function lineText(kind: string, id: number, head: string, body: string): string {
  return `${kind}\t${id}\t${head}\t${body}\n`;
}

export class LineWriter {
  readonly #stream: Writable;
  #waiting: string[] = [];

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  send(kind: string, id: number, head = '{}', body = '{}'): void {
    if (this.#waiting.push(lineText(kind, id, head, body)) === 1) process.nextTick(() => this.flush());
  }

  flush(): void {
    if (this.#waiting.length === 0) return;
    const text = this.#waiting.length === 1 ? (this.#waiting[0] ?? '') : this.#waiting.join('');
    this.#waiting = [];
    if (this.#stream.writable) this.#stream.write(text);
  }
}

export class LineReader {
  readonly #lengthMax: number;
  readonly #onLine: (line: Line) => void;
  readonly #onTooLong: () => void;
  #parts: string[] = [];
  #length = 0;
  #broken = false;

  /** @param onTooLong called once for a line over `lengthMax`; nothing is read after it. */
  constructor(lengthMax: number, onLine: (line: Line) => void, onTooLong: () => void) {
    this.#lengthMax = lengthMax;
    this.#onLine = onLine;
    this.#onTooLong = onTooLong;
  }

  push(chunk: string): void {
    let from = 0;
    while (!this.#broken) {
      const at = chunk.indexOf('\n', from);
      if (at < 0) break;
      const text = this.#parts.length === 0 ? chunk.slice(from, at) : this.#parts.join('') + chunk.slice(from, at);
      this.#parts = [];
      this.#length = 0;
      from = at + 1;
      this.#onLine(parseLine(text));
    }
    if (this.#broken || from >= chunk.length) return;
    this.#parts.push(from === 0 ? chunk : chunk.slice(from));
    this.#length += chunk.length - from;
    if (this.#length <= this.#lengthMax) return;
    this.#broken = true;
    this.#parts = [];
    this.#onTooLong();
  }
}

function parseLine(text: string): Line {
  const idAt = text.indexOf('\t');
  const headAt = text.indexOf('\t', idAt + 1);
  const bodyAt = text.indexOf('\t', headAt + 1);
  if (idAt < 0 || headAt < 0 || bodyAt < 0) return { kind: '', id: 0, head: '{}', body: '{}' };
  return {
    kind: text.slice(0, idAt),
    id: Number(text.slice(idAt + 1, headAt)),
    head: text.slice(headAt + 1, bodyAt),
    body: text.slice(bodyAt + 1),
  };
}
