/** `skein queue [stats|pause|resume]`: the queue of the whole cluster. */
import type { Command } from 'commander';
import type { QueueJson, QueuePausedJson } from '../io/http/queue-views.ts';
import type { EndpointFlags } from './endpoints.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { age, oneLine, painter, pausedText, timeOf } from './format.ts';
import { hasColour, line, type CliIo } from './io.ts';
import { outputOption, printOne, type Format } from './output.ts';
import type { Paint } from './render.ts';
import { table, type Column } from './table.ts';
import { action, clientFor, withNode, type AddVerb, type VerbContext } from './verb.ts';

interface QueueFlags extends EndpointFlags {
  readonly output: Format;
  readonly reason?: string;
}

export const addQueue: AddVerb = (program, context) => {
  const queue = program.command('queue').description('the queue of the whole cluster: what waits, what is paused');
  withNode(queue.command('stats', { isDefault: true }).description('what waits, what is paused, who holds which limits').addOption(outputOption()))
    .allowExcessArguments()
    .action(action(context, (flags: QueueFlags, command: Command) => (command.args.length === 0 ? stats(context.io, flags) : refuseWords(queue, command.args))));
  addPause(queue.command('pause').description('execute nothing new in the whole cluster; what is under way goes on').option('--reason <text>', 'kept with the pause'), context, 'pause');
  addPause(queue.command('resume').description('go on'), context, 'resume');
};

/** A word after `queue` that is no verb comes to the verb that needs no word. */
async function refuseWords(queue: Command, words: readonly string[]): Promise<never> {
  if (queue.args[0] === 'stats') queue.error(`error: too many arguments for 'stats': ${words.join(' ')}`, { code: 'commander.excessArguments' });
  const { suggest } = await import('../pipeline/suggest.ts');
  const [word = ''] = words;
  const meant = suggest(word, queue.commands.map((command) => command.name()));
  queue.error(`error: unknown command '${word}'${meant === undefined ? '' : `\n(Did you mean ${meant}?)`}`, { code: 'commander.unknownCommand' });
}

function addPause(command: Command, context: VerbContext, verb: 'pause' | 'resume'): void {
  withNode(command.addOption(outputOption())).action(action(context, (flags: QueueFlags) => pause(context.io, verb, flags)));
}

async function pause(io: CliIo, verb: 'pause' | 'resume', flags: QueueFlags): Promise<ExitCode> {
  const body = flags.reason === undefined ? {} : { reason: flags.reason };
  const queue = await clientFor(io, flags).post<QueuePausedJson>(`/api/v1/queue:${verb}`, { body });
  printOne(io, flags.output, queue, queue.paused === null ? 'running' : 'paused', () => {
    if (verb === 'resume') return queue.changed ? 'the queue goes on' : 'the queue was not paused';
    const before = queue.changed || queue.paused === null ? '' : ` already, ${pausedText(queue.paused, io.now())}`;
    return `the queue is paused${before}: nothing new is executed, what is under way goes on`;
  });
  return exitCodes.ok;
}

async function stats(io: CliIo, flags: QueueFlags): Promise<ExitCode> {
  const queue = await clientFor(io, flags).get<QueueJson>('/api/v1/queue');
  printOne(io, flags.output, queue, queue.paused === null ? 'running' : 'paused', () => describe(queue, io.now(), painter(hasColour(io, io.stdout))));
  if (queue.limitsCount > queue.limits.length && (flags.output === 'table' || flags.output === 'wide')) line(io.stderr, `${queue.limitsCount} keys are held in all.`);
  return exitCodes.ok;
}

const priorityColumns: Column<QueueJson['priorities'][number]>[] = [
  { head: 'PRIORITY', cell: (row) => String(row.priority) },
  { head: 'RUNNING', cell: (row) => String(row.claimed) },
  { head: 'READY', cell: (row) => String(row.ready) },
  { head: 'WAITING', cell: (row) => String(row.waiting) },
];

const limitColumns: Column<QueueJson['limits'][number]>[] = [
  { head: 'LIMIT', cell: (row) => oneLine(row.key) },
  { head: 'HELD', cell: (row) => (row.max === 0 ? String(row.held) : `${row.held}/${row.max}`) },
  { head: 'BY', cell: (row) => oneLine(row.holders.slice(0, HOLDERS_SHOWN_MAX).map(({ text }) => text).join(', ')) + (row.held > HOLDERS_SHOWN_MAX ? ` and ${row.held - HOLDERS_SHOWN_MAX} more` : '') },
];
const HOLDERS_SHOWN_MAX = 3;

function describe(queue: QueueJson, now: number, paint: Paint): string {
  const { modules, slots, oldest } = queue;
  const rows: [string, string][] = [
    ['Queue', queue.paused === null ? paint('green', 'running') : paint('yellow', `paused ${pausedText(queue.paused, now)}`)],
    ['Runs', `${queue.runs} live${queue.pausedRunsCount === 0 ? '' : `, ${queue.pausedRunsCount} of them paused: ${queue.pausedRuns.map(({ shortId }) => shortId).join(', ')}`}`],
    ['Modules', `${modules.claimed} running, ${modules.ready} ready, ${modules.waiting} waiting for others`],
    ['Slots', `${slots.free} of ${slots.total} free`],
  ];
  if (oldest !== null) rows.push(['Oldest', `${oneLine(oldest.module)} of run ${oldest.shortId} has been ready for ${age(now - timeOf(oldest.since))}: skein module explain ${oldest.shortId} ${oneLine(oldest.module)}`]);
  const blocks = [rows.map(([head, text]) => `${`${head}:`.padEnd(9)}${text}`).join('\n')];
  if (queue.priorities.length > 0) blocks.push(table(queue.priorities, priorityColumns, false));
  if (queue.limits.length > 0) blocks.push(table(queue.limits, limitColumns, false));
  return blocks.join('\n\n');
}
