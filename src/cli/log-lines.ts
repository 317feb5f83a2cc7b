/** How what modules print is shown: as it is for one module, a line at a time with the module's name for several. */
import type { LogEventJson } from '../io/http/views.ts';
import { oneLine, painter, type Colour } from './format.ts';
import { hasColour, line, type CliIo } from './io.ts';
import { LOG_LINE_BYTES_MAX, LOG_NAME_WIDTH_MAX } from './limits.ts';

export interface LogLinesInit {
  readonly io: CliIo;
  /** Names in front of lines; '' = the bytes as they come. */
  readonly name: string;
  /** Of the names. */
  readonly width: number;
  readonly colour: Colour;
  /** Only the last so many lines of what was there already; undefined = all. */
  readonly tail: number | undefined;
}

const NEWLINE = 0x0a;
const RESET = '\u001b[0m';
export const logColours: readonly Colour[] = ['cyan', 'green', 'yellow', 'magenta', 'blue', 'red'];

/** The lines of one module. */
export class LogLines {
  readonly #init: LogLinesInit;
  readonly #prefix: string;
  readonly #reset: boolean;
  /** The beginning of a line whose end has not come. */
  #open: Buffer[] = [];
  #openBytes = 0;
  /** The last lines of what was there already, until all of it has come: a ring, whose next line goes to `#heldAt`. */
  #held: Buffer[] | undefined;
  #heldAt = 0;
  #executions = 0;

  constructor(init: LogLinesInit) {
    this.#init = init;
    const { io, name, width, colour, tail } = init;
    const coloured = hasColour(io, io.stdout);
    this.#prefix = name === '' ? '' : `${painter(coloured)(colour, oneLine(name).padEnd(Math.min(width, LOG_NAME_WIDTH_MAX)))} | `;
    // Or the colour of one module's line would go on in the next one's.
    this.#reset = coloured && name !== '';
    if (tail !== undefined) this.#held = [];
  }

  take(event: LogEventJson): void {
    switch (event.type) {
      case 'execution':
        this.#executions++;
        if (this.#executions > 1 || event.attempt > 1) this.#note(`attempt ${event.attempt} on ${oneLine(event.node)}`);
        return;
      case 'output':
        return this.#output(event.text === undefined ? Buffer.from(event.base64 ?? '', 'base64') : Buffer.from(event.text));
      case 'lost':
        return this.#note(lostWords(event));
      case 'idle':
        return this.#caughtUp();
      case 'end':
        this.#caughtUp();
        if (this.#openBytes > 0 && this.#prefix !== '') this.#line(Buffer.concat([...this.#takeOpen(), Buffer.of(NEWLINE)]));
    }
  }

  /** Words that are not the module's own go where they do not mix with what it printed. */
  #note(text: string): void {
    line(this.#init.io.stderr, `${this.#prefix}--- ${text}`);
  }

  #output(bytes: Buffer): void {
    if (this.#prefix === '' && this.#held === undefined) return void this.#init.io.stdout.write(bytes);
    let from = 0;
    for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, from)) {
      this.#line(Buffer.concat([...this.#takeOpen(), bytes.subarray(from, at + 1)]));
      from = at + 1;
    }
    if (from === bytes.length) return;
    this.#open.push(bytes.subarray(from));
    this.#openBytes += bytes.length - from;
    if (this.#openBytes > LOG_LINE_BYTES_MAX) this.#line(Buffer.concat([...this.#takeOpen(), ...(this.#prefix === '' ? [] : [Buffer.of(NEWLINE)])]));
  }

  #line(bytes: Buffer): void {
    const { io, tail } = this.#init;
    if (this.#held === undefined) {
      const body = this.#reset && bytes.includes(0x1b) ? Buffer.concat([bytes.subarray(0, -1), Buffer.from(`${RESET}\n`)]) : bytes;
      io.stdout.write(this.#prefix === '' ? body : Buffer.concat([Buffer.from(this.#prefix), body]));
      return;
    }
    if (tail === undefined || tail === 0) return;
    this.#held[this.#heldAt] = bytes;
    this.#heldAt = (this.#heldAt + 1) % tail;
  }

  /** What was there is complete: from now on lines are shown as they come. */
  #caughtUp(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    for (const bytes of [...held.slice(this.#heldAt), ...held.slice(0, this.#heldAt)]) this.#line(bytes);
    if (this.#prefix === '' && (this.#init.tail ?? 0) > 0) for (const bytes of this.#takeOpen()) this.#init.io.stdout.write(bytes);
  }

  #takeOpen(): Buffer[] {
    const open = this.#open;
    this.#open = [];
    this.#openBytes = 0;
    return open;
  }
}

function lostWords({ attempt, node, why }: Extract<LogEventJson, { type: 'lost' }>): string {
  switch (why) {
    case 'node':
      return `the log of attempt ${attempt} was lost with node ${oneLine(node)}`;
    case 'dropped':
      return `attempt ${attempt} was stopped on ${oneLine(node)}: the rest of its log is not kept`;
    case 'silent':
      return `${oneLine(node)}, which executes attempt ${attempt}, does not answer`;
  }
}
