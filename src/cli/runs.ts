/** `skein runs list|view|cancel|pause|resume|rerun|wait|watch|download`, and the short cuts `ps` and `cancel`. */
import { Option, type Command } from 'commander';
import type { RunExplanationJson, RunPausedJson } from '../io/http/queue-views.ts';
import { PAGE_LIMIT_MAX } from '../io/http/limits.ts';
import type { ModuleJson, RunJson, RunListJson, RunSummaryJson } from '../io/http/views.ts';
import { addDownload } from './download.ts';
import { addRerun } from './rerun.ts';
import type { EndpointFlags } from './endpoints.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { checkLogs, followRun } from './follow.ts';
import { age, clock, oneLine, painter, pausedText, timeOf } from './format.ts';
import { hasColour, line, type CliIo } from './io.ts';
import { moduleColumns, progressOfRun, withProgress } from './module.ts';
import { outputOption, printList, printOne, type Format } from './output.ts';
import { durationOf, explainedBlocks, failureBlocks, policyLine, summaryBlock } from './render.ts';
import { table, type Column } from './table.ts';
import { action, clientFor, duration, wholeNumber, withNode, type AddVerb, type VerbContext } from './verb.ts';
import { waitForRun } from './wait.ts';

/** When nothing is said. */
const RUNS_LISTED = 20;
const phases = ['queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled'];

interface ListFlags extends EndpointFlags {
  readonly output: Format;
  readonly limit: number;
  readonly phase?: string;
  readonly status?: string;
}

interface ShowFlags extends EndpointFlags {
  readonly output: Format;
  readonly reason?: string;
  readonly timeout?: number;
  readonly placeTimeout?: number;
  readonly wait?: boolean;
  readonly strong?: boolean;
  readonly logs?: boolean;
}

export const addRuns: AddVerb = (program, context) => {
  const runs = program.command('runs').description('look at runs');
  addList(runs.command('list').alias('ls').description('runs, newest first'), context);
  withNode(runs.command('view <run>').description('one run with its modules').addOption(outputOption()))
    .option('--strong', 'as of now, from the leader')
    .action(action(context, (run: string, flags: ShowFlags) => view(context.io, run, flags)));
  addCancel(runs.command('cancel <run>').description('cancel a run'), context);
  addPause(runs.command('pause <run>').description('execute nothing new of a run; what is under way goes on').option('--reason <text>', 'kept with the pause'), context, 'pause');
  addPause(runs.command('resume <run>').description('go on with a paused run'), context, 'resume');
  addRerun(runs, context);
  withNode(runs.command('watch <run>').description('follow a run to its end').addOption(outputOption()))
    .option('--logs', 'show what its modules print, too')
    .addOption(new Option('--timeout <duration>', 'stop following after this long (exit 124)').argParser(duration))
    .addOption(new Option('--place-timeout <duration>', 'exit 5 when no node takes a module for this long').argParser(duration))
    .action(action(context, (run: string, flags: ShowFlags) => watch(context.io, run, flags)));
  withNode(runs.command('wait <run>').description('wait until a run has ended; the exit code tells how').addOption(outputOption('name')))
    .addOption(new Option('--timeout <duration>', 'wait this long at most (exit 124)').argParser(duration))
    .option('--no-wait', 'only look: exit 8 if it has not ended')
    .action(action(context, (run: string, flags: ShowFlags) => wait(context.io, run, flags)));
  addDownload(runs, context);
};

export const addShortCuts: AddVerb = (program, context) => {
  addList(program.command('ps').description('short for runs list'), context);
  addCancel(program.command('cancel <run>').description('short for runs cancel'), context);
};

function addList(command: Command, context: VerbContext): void {
  withNode(command.addOption(outputOption()))
    .addOption(new Option('--limit <n>', 'at most this many').argParser(wholeNumber(1, PAGE_LIMIT_MAX)).default(RUNS_LISTED))
    .addOption(new Option('--phase <phase>', 'only those').choices(phases))
    .addOption(new Option('--status <status>', 'only those').choices(['pending', 'running', 'completed', 'failed']))
    .action(action(context, (flags: ListFlags) => list(context.io, flags)));
}

function addCancel(command: Command, context: VerbContext): void {
  withNode(command.addOption(outputOption()))
    .option('--reason <text>', 'kept with the run')
    .action(action(context, (run: string, flags: ShowFlags) => cancel(context.io, run, flags)));
}

function addPause(command: Command, context: VerbContext, verb: 'pause' | 'resume'): void {
  withNode(command.addOption(outputOption())).action(action(context, (run: string, flags: ShowFlags) => pause(context.io, run, verb, flags)));
}

function runColumns(now: number): Column<RunSummaryJson>[] {
  return [
    { head: 'RUN', cell: (run) => run.shortId },
    { head: 'NAME', cell: (run) => oneLine(run.name) },
    { head: 'PHASE', cell: (run) => run.phase },
    { head: 'MODULES', cell: ({ modules }) => `${modules.succeeded + modules.failed + modules.cancelled + modules.skipped}/${modules.total}` },
    { head: 'DURATION', cell: (run) => (run.startedAt === null ? '' : clock(durationOf(run, now))) },
    { head: 'AGE', cell: (run) => age(now - timeOf(run.submittedAt)) },
    { head: 'PRIORITY', cell: (run) => String(run.priority), wide: true },
    { head: 'SUBMITTED', cell: (run) => run.submittedAt ?? '', wide: true },
    { head: 'ID', cell: (run) => run.runId, wide: true },
    { head: 'REASON', cell: (run) => oneLine(run.paused?.reason ?? run.reason), wide: true },
  ];
}

async function list(io: CliIo, flags: ListFlags): Promise<ExitCode> {
  const query = new URLSearchParams({ limit: String(flags.limit) });
  if (flags.phase !== undefined) query.set('phase', flags.phase);
  if (flags.status !== undefined) query.set('status', flags.status);
  const whole = await clientFor(io, flags).get<RunListJson>(`/api/v1/runs?${query.toString()}`);
  printList(io, flags.output, { whole, rows: whole.runs, columns: runColumns(io.now()), name: (run) => run.runId, empty: 'No runs.' });
  if (whole.nextCursor !== null && (flags.output === 'table' || flags.output === 'wide')) line(io.stderr, `${whole.count} runs in all; --limit shows more.`);
  return exitCodes.ok;
}

async function view(io: CliIo, run: string, flags: ShowFlags): Promise<ExitCode> {
  const client = clientFor(io, flags);
  const found = await client.get<RunJson>(`/api/v1/runs/${encodeURIComponent(run)}${flags.strong === true ? '?consistency=strong' : ''}`);
  const people = flags.output === 'table' || flags.output === 'wide';
  const explained = people && found.modules.ready > 0 ? await client.get<RunExplanationJson>(`/api/v1/runs/${encodeURIComponent(found.runId)}/explain`) : undefined;
  const progress = await progressOfRun(client, found.runId, flags.output !== 'name' && found.modules.claimed > 0);
  const whole = { ...found, etaMs: progress.etaMs, moduleList: withProgress(found.moduleList, progress) };
  printOne(io, flags.output, whole, found.runId, () => describeRun(io, found, explained, moduleColumns(progress), flags.output === 'wide'));
  return exitCodes.ok;
}

function describeRun(io: CliIo, run: RunJson, explained: RunExplanationJson | undefined, columns: Column<ModuleJson>[], wide: boolean): string {
  const paint = painter(hasColour(io, io.stdout));
  const now = io.now();
  const policy = policyLine(run, now, paint);
  const head = [`run ${run.shortId} ${oneLine(run.name)} (${run.runId})`, ...(policy === '' ? [] : [policy])].join('\n');
  const blocks = [head, table(run.moduleList, columns, wide), ...failureBlocks(run, paint), ...(explained === undefined ? [] : explainedBlocks(explained)), summaryBlock(run, now, paint)];
  return blocks.join('\n\n');
}

function watch(io: CliIo, run: string, flags: ShowFlags): Promise<ExitCode> {
  checkLogs(flags);
  return followRun(clientFor(io, flags), io, run, { format: flags.output, timeoutMs: flags.timeout, placeTimeoutMs: flags.placeTimeout, logs: flags.logs });
}

async function pause(io: CliIo, run: string, verb: 'pause' | 'resume', flags: ShowFlags): Promise<ExitCode> {
  const body = flags.reason === undefined ? {} : { reason: flags.reason };
  const found = await clientFor(io, flags).post<RunPausedJson>(`/api/v1/runs/${encodeURIComponent(run)}:${verb}`, { body });
  printOne(io, flags.output, found, found.runId, () => {
    const which = `run ${found.shortId} ${oneLine(found.name)}`;
    if (verb === 'resume') return `${which} ${found.changed ? 'goes on' : 'was not paused'}`;
    const before = found.changed || found.paused === null ? '' : ` already, ${pausedText(found.paused, io.now())}`;
    return `${which} is paused${before}: nothing new of it is executed, what is under way goes on`;
  });
  return exitCodes.ok;
}

async function cancel(io: CliIo, run: string, flags: ShowFlags): Promise<ExitCode> {
  const body = flags.reason === undefined ? {} : { reason: flags.reason };
  const summary = await clientFor(io, flags).post<RunSummaryJson>(`/api/v1/runs/${encodeURIComponent(run)}:cancel`, { body });
  printOne(io, flags.output, summary, summary.runId, () => `run ${summary.shortId} ${oneLine(summary.name)} is ${summary.phase}`);
  return exitCodes.ok;
}

async function wait(io: CliIo, run: string, flags: ShowFlags): Promise<ExitCode> {
  const { ending, view: found } = await waitForRun(clientFor(io, flags), io, run, { wait: flags.wait !== false, timeoutMs: flags.timeout });
  printOne(io, flags.output, found, `${found.shortId} ${found.phase}`, () => summaryBlock(found, io.now(), painter(hasColour(io, io.stdout))));
  return ending;
}
