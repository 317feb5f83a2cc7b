/**
 * What happened, kept in two forms: a hash over everything (equal seeds give equal hashes, so a difference proves that
 * something outside the seed leaked in), and the last lines for people.
 */

/** Lines kept for the report of a failing seed. */
export const TRACE_LINES_MAX = 400;

export class TraceHash {
  #high = 0x811c9dc5;
  #low = 0x9e3779b9;
  readonly #real = new Float64Array(1);
  readonly #words = new Uint32Array(this.#real.buffer);

  number(value: number): void {
    this.#real[0] = value;
    this.#word(this.#words[0] as number);
    this.#word(this.#words[1] as number);
  }

  text(value: string): void {
    for (let i = 0; i < value.length; i += 1) this.#word(value.charCodeAt(i));
  }

  /** By length and end: with the time and order of all events that is enough to see a history part from another. */
  bytes(value: Uint8Array): void {
    for (let i = Math.max(0, value.length - 8); i < value.length; i += 1) this.#high = Math.imul(this.#high ^ (value[i] as number), 0x01000193);
    this.#word(value.length);
  }

  /** 16 hex digits. */
  digest(): string {
    return [this.#high, this.#low].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }

  #word(word: number): void {
    this.#high = Math.imul(this.#high ^ word, 0x01000193);
    this.#low = Math.imul((this.#low << 5) ^ (this.#low >>> 27) ^ word ^ this.#high, 0x85ebca6b);
  }
}

export interface TraceLine {
  /** Virtual ms. */
  readonly time: number;
  /** `world`, a node's name, or `client`. */
  readonly who: string;
  readonly text: string;
}

/** Cheap: a ring of the lines that the world and the nodes put out, and whoever else wants to see them. */
export class Trace {
  /** Called for each line; the timeline listens here when somebody asked for one. */
  onLine: ((line: TraceLine) => void) | undefined;
  readonly #lines: TraceLine[] = [];
  readonly #print: ((line: string) => void) | undefined;
  #next = 0;

  constructor(print?: (line: string) => void) {
    this.#print = print;
  }

  line(time: number, who: string, text: string): void {
    const line = { time, who, text };
    this.#lines[this.#next % TRACE_LINES_MAX] = line;
    this.#next += 1;
    this.#print?.(formatLine(line));
    this.onLine?.(line);
  }

  /** Oldest first. */
  last(count: number): string[] {
    const kept = Math.min(count, this.#next, TRACE_LINES_MAX);
    const lines: string[] = [];
    for (let i = this.#next - kept; i < this.#next; i += 1) lines.push(formatLine(this.#lines[i % TRACE_LINES_MAX] as TraceLine));
    return lines;
  }
}

export function formatLine({ time, who, text }: TraceLine): string {
  return `${(time / 1000).toFixed(4).padStart(11)} s  ${who.padEnd(7)} ${text}`;
}
