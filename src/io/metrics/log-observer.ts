/** Notes → log lines: one JSON object a line for machines, short lines for people. */
import type { Writable } from 'node:stream';
import { styleText } from 'node:util';
import { pino } from 'pino';
import type { Note, NoteLevel, Observer } from '../../ports/observer.ts';
import { mask, maskText } from './masking.ts';

export interface LogInit {
  /** Notes below this level are dropped. */
  readonly level: NoteLevel;
  readonly format: 'json' | 'pretty';
  readonly output: Writable;
  /** In every line, e.g. `{ node: 'node1' }`; asked each time, since a name may become known only later. */
  readonly bindings?: () => Readonly<Record<string, unknown>>;
  /** Texts that are never shown, whatever they stand in. */
  readonly secrets?: readonly string[];
  /** Only for `pretty`. @default false */
  readonly colour?: boolean;
  /** Wall clock, ms. @default Date.now */
  readonly now?: () => number;
}

const ranks: Readonly<Record<NoteLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };
/** Keys that the line itself has. */
const reserved: ReadonlySet<string> = new Set(['time', 'level', 'msg', 'event']);

export function logObserver(init: LogInit): Observer {
  const write = init.format === 'json' ? jsonWriter(init) : prettyWriter(init);
  const secrets = init.secrets ?? [];
  return {
    notify(note) {
      if (ranks[note.level] < ranks[init.level]) return;
      const data = mask(note.data ?? {}, secrets) as Record<string, unknown>;
      write({ ...note, message: maskText(note.message, secrets), data });
    },
  };
}

type Write = (note: Note & { readonly data: Readonly<Record<string, unknown>> }) => void;

function jsonWriter({ output, bindings = () => ({}), now = Date.now }: LogInit): Write {
  const logger = pino(
    {
      level: 'debug',
      base: null,
      messageKey: 'msg',
      timestamp: () => `,"time":"${new Date(now()).toISOString()}"`,
      // Errors come here in their final form.
      serializers: { err: (err: unknown) => err },
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (text: string) => void output.write(text) },
  );
  return ({ level, event, message, data }) => {
    const own = Object.entries(data).map(([key, value]) => [reserved.has(key) ? `${key}_` : key, value] as const);
    logger[level]({ ...bindings(), event, ...Object.fromEntries(own) }, '%s', message);
  };
}

const colours = { debug: 'dim', info: 'cyan', warn: 'yellow', error: 'red' } as const;

function prettyWriter({ output, colour = false, now = Date.now }: LogInit): Write {
  const paint = (style: (typeof colours)[NoteLevel], text: string): string => (colour ? styleText(style, text, { validateStream: false }) : text);
  return ({ level, message, data }) => {
    const at = new Date(now());
    const two = (value: number): string => String(value).padStart(2, '0');
    const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`;
    const { err, ...rest } = data;
    const pairs = Object.entries(rest).map(([key, value]) => `${key}=${shown(value)}`).join(' ');
    const stack = level === 'error' && typeof err === 'object' && err !== null && 'stack' in err ? `\n${String(err.stack)}` : err === undefined ? '' : ` ${shown(err)}`;
    output.write(`${paint('dim', time)} ${paint(colours[level], level.toUpperCase().padEnd(5))} ${message}${pairs === '' ? '' : ` ${paint('dim', pairs)}`}${stack}\n`);
  };
}

/** A word as it is, anything else as JSON. */
function shown(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : (JSON.stringify(value) ?? 'undefined');
}
