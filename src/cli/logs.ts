/** `skein logs RUN [MODULE]`, `module logs`: what modules printed, and with -f what they print. */
import { Option, type Command } from 'commander';
import { RETRY_ATTEMPTS_MAX } from '../core/cell/limits.ts';
import type { LogEventJson, ModuleJson, RunEventJson, RunJson } from '../io/http/views.ts';
import type { Client } from './client.ts';
import type { EndpointFlags } from './endpoints.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { line, type CliIo } from './io.ts';
import { LOG_STREAMS_MAX, LOG_TAIL_LINES_MAX } from './limits.ts';
import { logColours, LogLines } from './log-lines.ts';
import { action, clientFor, wholeNumber, withNode, type AddVerb, type VerbContext } from './verb.ts';

interface LogsFlags extends EndpointFlags {
  readonly follow?: boolean;
  readonly tail?: number;
  readonly attempt?: number;
  readonly output: 'text' | 'jsonl';
}

/** Prints one event of one module. */
type Print = (module: string, event: LogEventJson) => void;

export const addLogs: AddVerb = (program, context) => {
  addTo(program.command('logs <run> [module]').description('what a module printed, or all modules of a run'), context);
};

export function addTo(command: Command, context: VerbContext): void {
  withNode(command)
    .option('-f, --follow', 'go on with what is printed, until the end; the exit code tells how it ended')
    .option('--tail <n>', 'of what is there already only the last lines of each module', wholeNumber(0, LOG_TAIL_LINES_MAX))
    .option('--attempt <n>', 'only this attempt', wholeNumber(1, RETRY_ATTEMPTS_MAX))
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'jsonl']).default('text'))
    .action(action(context, (run: string, module: string | undefined, flags: LogsFlags) => logs(context.io, run, module, flags)));
}

async function logs(io: CliIo, run: string, module: string | undefined, flags: LogsFlags): Promise<ExitCode> {
  const client = clientFor(io, flags);
  const over = new AbortController();
  const off = io.onSignal('SIGINT', () => over.abort());
  try {
    const view = await client.get<RunJson>(`/api/v1/runs/${encodeURIComponent(run)}`);
    const reader = new LogReader(client, view, flags, over.signal);
    const code = module === undefined ? await ofRun(io, client, view, reader, flags, over) : await ofModule(io, reader, module, flags);
    return over.signal.aborted ? exitCodes.interrupted : code;
  } finally {
    off();
  }
}

/** The streams of modules of one run. */
class LogReader {
  readonly #client: Client;
  readonly #path: string;
  readonly #query: string;
  readonly #signal: AbortSignal;

  constructor(client: Client, view: RunJson, flags: LogsFlags, signal: AbortSignal) {
    this.#client = client;
    this.#path = `/api/v1/runs/${encodeURIComponent(view.runId)}`;
    this.#query = `?follow=${flags.follow === true}${flags.attempt === undefined ? '' : `&attempt=${flags.attempt}`}`;
    this.#signal = signal;
  }

  get path(): string {
    return this.#path;
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

async function ofModule(io: CliIo, reader: LogReader, module: string, flags: LogsFlags): Promise<ExitCode> {
  const lines = new LogLines({ io, name: '', width: 0, colour: 'cyan', tail: flags.tail });
  const end = await reader.read(module, flags.output === 'jsonl' ? (name, event) => line(io.stdout, JSON.stringify({ module: name, ...event })) : (_name, event) => lines.take(event));
  return flags.follow === true && end !== undefined && end.phase !== 'succeeded' && end.phase !== 'cached' ? exitCodes.runFailed : exitCodes.ok;
}

async function ofRun(io: CliIo, client: Client, view: RunJson, reader: LogReader, flags: LogsFlags, over: AbortController): Promise<ExitCode> {
  const print = flags.output === 'jsonl' ? (name: string, event: LogEventJson) => line(io.stdout, JSON.stringify({ module: name, ...event })) : linesOf(io, view, flags);
  if (flags.follow !== true) {
    for (const { name } of view.moduleList.filter(hasLog).toSorted(byStart)) if (!over.signal.aborted) await reader.read(name, print);
    return exitCodes.ok;
  }
  const crowd = new Crowd(reader, print);
  let final: RunJson | undefined;
  for await (const { event, data } of client.events(`${reader.path}/events`, 0, over.signal)) {
    if (event === 'final') final = JSON.parse(data) as RunJson;
    else if (event === 'module') crowd.heard(JSON.parse(data) as RunEventJson);
  }
  for (const { name } of final?.moduleList.filter(hasLog).toSorted(byStart) ?? []) crowd.add(name);
  await crowd.ended();
  return final === undefined || final.phase === 'succeeded' ? exitCodes.ok : exitCodes.runFailed;
}

/** A colour for each module, in the order of the file. */
function linesOf(io: CliIo, view: RunJson, { tail }: LogsFlags): Print {
  const width = Math.max(0, ...view.moduleList.map(({ name }) => name.length));
  const positions = new Map(view.moduleList.map(({ name }, position) => [name, position]));
  const all = new Map<string, LogLines>();
  return (name, event) => {
    let lines = all.get(name);
    if (lines === undefined) all.set(name, (lines = new LogLines({ io, name, width, colour: logColours[(positions.get(name) ?? 0) % logColours.length]!, tail })));
    lines.take(event);
    if (event.type === 'end') all.delete(name);
  };
}

/** Something was printed, or is being printed, or was lost. */
function hasLog({ items, phase, tail, log, attempt, losses }: ModuleJson): boolean {
  // A module with `foreach` prints nothing: its items do.
  if (items !== null) return false;
  return phase === 'running' || phase === 'claimed' || tail !== '' || log !== null || attempt > 1 || losses > 0;
}

function byStart(a: ModuleJson, b: ModuleJson): number {
  return (a.startedAt ?? '').localeCompare(b.startedAt ?? '');
}

/** Modules that are followed at the same time, a bounded number; others wait for their turn. */
class Crowd {
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
    if (phase === 'running' || phase === 'claimed' || printed || attempt > 1) this.add(module);
  }

  add(module: string): void {
    if (this.#known.has(module)) return;
    this.#known.add(module);
    this.#waiting.push(module);
    this.#fill();
  }

  async ended(): Promise<void> {
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
          this.#error ??= error;
        })
        .finally(() => {
          this.#reading.delete(reading);
          this.#fill();
        });
      this.#reading.add(reading);
    }
  }
}
