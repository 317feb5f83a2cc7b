/** `skein module list|logs|explain`: the modules of a run, what they print, and why one is not running. */
import type { ModuleExplanationJson, RunExplanationJson } from '../io/http/queue-views.ts';
import type { ModuleJson, ModuleListJson, RunProgressJson } from '../io/http/views.ts';
import type { Client } from './client.ts';
import type { EndpointFlags } from './endpoints.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { clock, estimate, nodeLabel, oneLine } from './format.ts';
import type { CliIo } from './io.ts';
import { addTo } from './logs.ts';
import { outputOption, printList, printOne, type Format } from './output.ts';
import { explainedBlocks, explainedLines, placementLines, progressWords } from './render.ts';
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

/** What a running module says of how far it is, and what is known of how long it may still take. */
type ModuleProgress = Omit<RunProgressJson['modules'][number], 'module'>;

/** How far a run is; of modules that run and of which something is known, by name. */
export interface ShownProgress {
  readonly etaMs: number | null;
  readonly modules: ReadonlyMap<string, ModuleProgress>;
}

const noProgress: ShownProgress = { etaMs: null, modules: new Map() };

export function moduleColumns({ modules }: ShownProgress): Column<ModuleJson>[] {
  if (modules.size === 0) return columns;
  const column: Column<ModuleJson> = { head: 'PROGRESS', cell: ({ name }) => shownProgress(modules.get(name)) };
  return columns.flatMap((each) => (each.head === 'NOTE' ? [column, each] : [each]));
}

/** The same for programs. */
export function withProgress(list: readonly ModuleJson[], { modules }: ShownProgress): (ModuleJson & { readonly progress: ModuleProgress | null })[] {
  return list.map((module) => ({ ...module, progress: modules.get(module.name) ?? null }));
}

function shownProgress(progress: ModuleProgress | undefined): string {
  const eta = progress?.etaMs ?? null;
  return `${progressWords(progress)}${eta === null ? '' : ` (${estimate(eta)} left)`}`.trim();
}

/** Nothing is worth an error here. */
export async function progressOfRun(client: Client, runId: string, running: boolean): Promise<ShownProgress> {
  const told = running ? await client.get<RunProgressJson>(`/api/v1/runs/${encodeURIComponent(runId)}/progress`).catch(() => undefined) : undefined;
  if (told === undefined) return noProgress;
  const known = told.modules.filter(({ fraction, message, etaMs }) => fraction !== null || message !== '' || etaMs !== null);
  return { etaMs: told.etaMs, modules: new Map(known.map(({ module, ...progress }) => [module, progress])) };
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
  const progress = flags.output === 'name' ? noProgress : await progressOfRun(client, run, whole.modules.some(isExecuted));
  const rows = withProgress(whole.modules, progress);
  printList(io, flags.output, { whole: { ...whole, modules: rows }, rows, columns: moduleColumns(progress), name: (module) => module.name, empty: 'No modules.' });
  return exitCodes.ok;
}

function isExecuted({ phase }: Pick<ModuleJson, 'phase'>): boolean {
  return phase === 'running' || phase === 'claimed';
}

async function explainRun(io: CliIo, run: string, flags: ModuleFlags): Promise<ExitCode> {
  const found = await clientFor(io, flags).get<RunExplanationJson>(`/api/v1/runs/${encodeURIComponent(run)}/explain`);
  printOne(io, flags.output, found, found.runId, () => [`run ${found.shortId}: ${oneLine(found.summary)}`, ...explainedBlocks(found)].join('\n\n'));
  return exitCodes.ok;
}

async function explain(io: CliIo, run: string, name: string, flags: ModuleFlags): Promise<ExitCode> {
  const client = clientFor(io, flags);
  const found = await client.get<ModuleExplanationJson>(`/api/v1/runs/${encodeURIComponent(run)}/modules/${encodeURIComponent(name)}/explain`);
  const progress = flags.output === 'name' ? undefined : (await progressOfRun(client, found.runId, isExecuted(found))).modules.get(found.module);
  printOne(io, flags.output, { ...found, progress: progress ?? null }, found.module, () => {
    const far = progress === undefined ? [] : [`  progress: ${shownProgress(progress)}`];
    return [`${oneLine(found.module)} (${found.phase}): ${oneLine(found.summary)}`, ...far, ...explainedLines(found.nodes), ...placementLines(found.placement)].join('\n');
  });
  return exitCodes.ok;
}
