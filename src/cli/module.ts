/** `skein module list|logs|explain`: the modules of a run, what they print, and why one is not running. */
import type { ModuleExplanationJson, RunExplanationJson } from '../io/http/queue-views.ts';
import type { ModuleJson, ModuleListJson, RunProgressJson } from '../io/http/views.ts';
import type { Client } from './client.ts';
import type { EndpointFlags } from './endpoints.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { clock, estimate, nodeLabel, oneLine } from './format.ts';
import type { CliIo } from './io.ts';
import { addTo } from './logs.ts';
import { isForPeople, outputOption, printList, printOne, type Format } from './output.ts';
import { explainedBlocks, explainedLines, progressWords } from './render.ts';
import type { Column } from './table.ts';
import { action, clientFor, withNode, type AddVerb } from './verb.ts';

interface ModuleFlags extends EndpointFlags {
  readonly output: Format;
}

export const addModule: AddVerb = (program, context) => {
  const module = program.command('module').description('look at the modules of a run');
  withNode(module.command('list <run>').alias('ls').description('the modules of a run').addOption(outputOption())).action(action(context, (run: string, flags: ModuleFlags) => list(context.io, run, flags)));
  addTo(module.command('logs <run> <module>').description('what a module printed'), context);
  withNode(module.command('explain <run> [module]').description('why a module is not running, for every node; without one: why those that are ready are not').addOption(outputOption())).action(
    action(context, (run: string, name: string | undefined, flags: ModuleFlags) => (name === undefined ? explainRun(context.io, run, flags) : explain(context.io, run, name, flags))),
  );
};

/** @param progress of the modules that run, by name. */
export function moduleColumns(progress: ReadonlyMap<string, RunProgressJson['modules'][number]>): Column<ModuleJson>[] {
  if (progress.size === 0) return columns;
  const column: Column<ModuleJson> = { head: 'PROGRESS', cell: ({ name }) => shownProgress(progress.get(name)) };
  return columns.flatMap((each) => (each.head === 'NOTE' ? [column, each] : [each]));
}

function shownProgress(progress: RunProgressJson['modules'][number] | undefined): string {
  const eta = progress?.etaMs ?? null;
  return `${progressWords(progress)}${eta === null ? '' : ` (${estimate(eta)} left)`}`.trim();
}

/** Modules that run and of which something is known. Nothing is worth an error here. */
export async function progressOfRun(client: Client, { runId, modules }: { readonly runId: string; readonly modules: { readonly claimed: number } }): Promise<Map<string, RunProgressJson['modules'][number]>> {
  if (modules.claimed === 0) return new Map();
  const told = await client.get<RunProgressJson>(`/api/v1/runs/${encodeURIComponent(runId)}/progress`).catch(() => undefined);
  return new Map(told?.modules.filter(({ fraction, message, etaMs }) => fraction !== null || message !== '' || etaMs !== null).map((one) => [one.module, one]));
}

const columns: Column<ModuleJson>[] = [
  { head: 'MODULE', cell: (module) => oneLine(module.name) },
  { head: 'PHASE', cell: (module) => module.phase },
  { head: 'NODE', cell: (module) => oneLine(module.copy === null ? module.node : `${module.node}+${module.copy.node}`) },
  { head: 'ATTEMPT', cell: (module) => (module.attempt === 0 ? '' : String(module.attempt)) },
  { head: 'DURATION', cell: (module) => (module.durationMs === 0 ? '' : clock(module.durationMs)) },
  { head: 'NOTE', cell: (module) => oneLine(module.error === null ? module.note : `${module.error.code}: ${module.error.message}`) },
  { head: 'PEER', cell: (module) => nodeLabel('', module.nodeId).trim(), wide: true },
  { head: 'LOSSES', cell: (module) => String(module.losses), wide: true },
  { head: 'FENCE', cell: (module) => (module.fence === 0 ? '' : String(module.fence)), wide: true },
  { head: 'PRIORITY', cell: (module) => String(module.priority), wide: true },
  { head: 'LIMITS', cell: (module) => oneLine(module.limits.map(({ key, max }) => (max === 1 ? key : `${key}:${max}`)).join(',')), wide: true },
  { head: 'FILES', cell: (module) => oneLine(Object.keys(module.files).join(',')), wide: true },
  { head: 'HOLDERS', cell: holders, wide: true },
  { head: 'NEEDS', cell: (module) => oneLine(module.needs.join(',')), wide: true },
];

/** Nodes that have its files, those that are away in brackets. */
function holders({ files, holders: nodes }: ModuleJson): string {
  if (Object.keys(files).length === 0) return '';
  const there = nodes.some(({ alive }) => alive);
  return oneLine(`${there ? '' : 'lost '}${nodes.map(({ node, alive }) => (alive ? node : `(${node})`)).join(',')}`.trim());
}

async function list(io: CliIo, run: string, flags: ModuleFlags): Promise<ExitCode> {
  const client = clientFor(io, flags);
  const whole = await client.get<ModuleListJson>(`/api/v1/runs/${encodeURIComponent(run)}/modules`);
  const claimed = whole.modules.filter(({ phase }) => phase === 'running' || phase === 'claimed').length;
  const progress = isForPeople(flags.output) ? await progressOfRun(client, { runId: run, modules: { claimed } }) : new Map<string, RunProgressJson['modules'][number]>();
  printList(io, flags.output, { whole, rows: whole.modules, columns: moduleColumns(progress), name: (module) => module.name, empty: 'No modules.' });
  return exitCodes.ok;
}

async function explainRun(io: CliIo, run: string, flags: ModuleFlags): Promise<ExitCode> {
  const found = await clientFor(io, flags).get<RunExplanationJson>(`/api/v1/runs/${encodeURIComponent(run)}/explain`);
  printOne(io, flags.output, found, found.runId, () => [`run ${found.shortId}: ${oneLine(found.summary)}`, ...explainedBlocks(found)].join('\n\n'));
  return exitCodes.ok;
}

async function explain(io: CliIo, run: string, name: string, flags: ModuleFlags): Promise<ExitCode> {
  const found = await clientFor(io, flags).get<ModuleExplanationJson>(`/api/v1/runs/${encodeURIComponent(run)}/modules/${encodeURIComponent(name)}/explain`);
  printOne(io, flags.output, found, found.module, () => [`${oneLine(found.module)} (${found.phase}): ${oneLine(found.summary)}`, ...explainedLines(found.nodes)].join('\n'));
  return exitCodes.ok;
}
