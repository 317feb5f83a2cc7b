/** `skein logs RUN [MODULE]`, `module logs`: what modules printed, and with -f what they print. */
import { Option, type Command } from 'commander';
import { RETRY_ATTEMPTS_MAX } from '../core/cell/limits.ts';
import type { RunEventJson, RunJson } from '../io/http/views.ts';
import type { Client } from './client.ts';
import type { EndpointFlags } from './endpoints.ts';
import { exitCodeOf, exitCodes, type ExitCode } from './exit-codes.ts';
import { printError } from './errors.ts';
import type { CliIo } from './io.ts';
import { LOG_TAIL_LINES_MAX } from './limits.ts';
import { LogLines } from './log-lines.ts';
import { Crowd, jsonLines, LogReader, modulesWithLogs, namedLines, ofModule, type Print } from './run-logs.ts';
import { action, clientFor, wholeNumber, withNode, type AddVerb, type VerbContext } from './verb.ts';

interface LogsFlags extends EndpointFlags {
  readonly follow?: boolean;
  readonly tail?: number;
  readonly attempt?: number;
  readonly output: 'text' | 'jsonl';
}

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
  const { signal } = over;
  try {
    const view = await client.get<RunJson>(`/api/v1/runs/${encodeURIComponent(run)}`, { signal });
    const reader = new LogReader(client, view.runId, { follow: flags.follow === true, attempt: flags.attempt, signal });
    if (module !== undefined) return await ofOne(io, reader, module, flags);
    const print = flags.output === 'jsonl' ? jsonLines(io) : namedLines(io, view, flags.tail);
    return flags.follow === true ? await followRun(client, view, new Crowd(reader, print), signal) : await ofRun(io, view, reader, print, signal);
  } catch (error) {
    if (signal.aborted) return exitCodes.interrupted;
    throw error;
  } finally {
    off();
  }
}

async function ofOne(io: CliIo, reader: LogReader, module: string, flags: LogsFlags): Promise<ExitCode> {
  const lines = new LogLines({ io, name: '', width: 0, colour: 'cyan', tail: flags.tail });
  const end = await reader.read(module, flags.output === 'jsonl' ? jsonLines(io) : (_name, event) => lines.take(event));
  if (end === undefined) return exitCodes.interrupted;
  return flags.follow === true && end.phase !== 'succeeded' && end.phase !== 'cached' ? exitCodes.runFailed : exitCodes.ok;
}

/** What cannot be read of one module keeps nobody from the others. */
async function ofRun(io: CliIo, view: RunJson, reader: LogReader, print: Print, signal: AbortSignal): Promise<ExitCode> {
  let code: ExitCode = exitCodes.ok;
  for (const name of modulesWithLogs(view)) {
    try {
      await reader.read(name, print);
    } catch (error) {
      printError(io, ofModule(name, error));
      code = exitCodeOf(error);
    }
    if (signal.aborted) return exitCodes.interrupted;
  }
  return code;
}

async function followRun(client: Client, { runId }: RunJson, crowd: Crowd, signal: AbortSignal): Promise<ExitCode> {
  let final: RunJson | undefined;
  for await (const { event, data } of client.events(`/api/v1/runs/${encodeURIComponent(runId)}/events`, 0, signal)) {
    if (event === 'final') final = JSON.parse(data) as RunJson;
    else if (event === 'module') crowd.heard(JSON.parse(data) as RunEventJson);
  }
  await crowd.ended(final);
  if (signal.aborted || final === undefined) return exitCodes.interrupted;
  return final.phase === 'succeeded' ? exitCodes.ok : exitCodes.runFailed;
}
