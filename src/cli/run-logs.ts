/** What the modules of a run print, several at the same time: for `logs` and for whoever follows a run. */
import { isSkeinError, SkeinError } from '../errors.ts';
import type { LogEventJson, ModuleJson, RunEventJson, RunJson } from '../io/http/views.ts';
import type { Client } from './client.ts';
import { line, type CliIo } from './io.ts';
import { LOG_STREAMS_MAX } from './limits.ts';
import { logColours, LogLines } from './log-lines.ts';

/** Prints one event of one module. */
export type Print = (module: string, event: LogEventJson) => void;

export interface LogReading {
  /** Goes on until the module is final. */
  readonly follow: boolean;
  /** Only this one. */
  readonly attempt?: number | undefined;
  readonly signal: AbortSignal;
}

/** The streams of modules of one run. */
export class LogReader {
  readonly #client: Client;
  readonly #path: string;
  readonly #query: string;
  readonly #signal: AbortSignal;

  constructor(client: Client, runId: string, { follow, attempt, signal }: LogReading) {
    this.#client = client;
    this.#path = `/api/v1/runs/${encodeURIComponent(runId)}`;
    this.#query = `?follow=${follow}${attempt === undefined ? '' : `&attempt=${attempt}`}`;
    this.#signal = signal;
  }

  /** @returns how the module stands at the end; undefined when the reader was stopped before. */
  async read(module: string, print: Print): Promise<Extract<LogEventJson, { type: 'end' }> | undefined> {
    for await (const { data } of this.#client.events(`${this.#path}/modules/${encodeURIComponent(module)}/log${this.#query}`, 0, this.#signal)) {
      const event = JSON.parse(data) as LogEventJson;
      print(module, event);
      if (event.type === 'end') return event;
    }
    return undefined;
  }
}

/** The events of the API, each with its module. */
export function jsonLines(io: CliIo): Print {
  return (module, event) => line(io.stdout, JSON.stringify({ module, ...event }));
}

/** A colour for each module, in the order of the file. @param tail of what is there already only the last lines. */
export function namedLines(io: CliIo, view: RunJson, tail?: number): Print {
  // A run may have more modules than a call may have arguments.
  const width = view.moduleList.reduce((most, { name }) => Math.max(most, name.length), 0);
  const positions = new Map(view.moduleList.map(({ name }, position) => [name, position]));
  const all = new Map<string, LogLines>();
  return (name, event) => {
    let lines = all.get(name);
    if (lines === undefined) all.set(name, (lines = new LogLines({ io, name, width, colour: logColours[(positions.get(name) ?? 0) % logColours.length]!, tail })));
    lines.take(event);
    if (event.type === 'end') all.delete(name);
  };
}

/** Modules of which there is something to read, in the order in which they began. */
export function modulesWithLogs({ moduleList }: RunJson): string[] {
  return moduleList.filter(hasLog).toSorted(byStart).map(({ name }) => name);
}

/** Something was printed, or is being printed, or was lost. */
function hasLog({ items, phase, tail, log, earlierExecutions }: ModuleJson): boolean {
  // A module with `foreach` prints nothing: its items do.
  if (items !== null) return false;
  return phase === 'running' || phase === 'claimed' || tail !== '' || log !== null || earlierExecutions > 0;
}

function byStart(a: ModuleJson, b: ModuleJson): number {
  return (a.startedAt ?? '').localeCompare(b.startedAt ?? '');
}

/** The same error, with the module in front. */
export function ofModule(module: string, error: unknown): unknown {
  return isSkeinError(error) ? new SkeinError(error.code, `the log of ${module}: ${error.message}`, error.data, { cause: error }) : error;
}

/** Modules that are followed at the same time, a bounded number; others wait for their turn. */
export class Crowd {
  readonly #reader: LogReader;
  readonly #print: Print;
  readonly #known = new Set<string>();
  readonly #waiting: string[] = [];
  readonly #reading = new Set<Promise<unknown>>();
  #error: unknown;

  constructor(reader: LogReader, print: Print) {
    this.#reader = reader;
    this.#print = print;
  }

  heard({ module, phase, printed, attempt, items }: RunEventJson): void {
    if (items !== null) return;
    // Of what ended before it was heard to begin, and said nothing, there is nothing to ask.
    if (phase === 'running' || phase === 'claimed' || printed || attempt > 1) this.#add(module);
  }

  #add(module: string): void {
    if (this.#known.has(module)) return;
    this.#known.add(module);
    this.#waiting.push(module);
    this.#fill();
  }

  /** Those of which no event was heard; all have been read when this resolves. Rejects with the first error, after all. */
  async ended(final: RunJson | undefined): Promise<void> {
    for (const name of final === undefined ? [] : modulesWithLogs(final)) this.#add(name);
    while (this.#reading.size > 0) await Promise.all(this.#reading);
    if (this.#error !== undefined) throw this.#error;
  }

  #fill(): void {
    while (this.#reading.size < LOG_STREAMS_MAX) {
      const module = this.#waiting.shift();
      if (module === undefined) return;
      const reading = this.#reader
        .read(module, this.#print)
        .catch((error: unknown) => {
          this.#error ??= ofModule(module, error);
        })
        .finally(() => {
          this.#reading.delete(reading);
          this.#fill();
        });
      this.#reading.add(reading);
    }
  }
}
