/**
 * `pipeline plan --cluster`: a run played through, before it runs, on the nodes that a cluster has now, as if nothing else
 * ran there. What its files weigh and how long modules take is known from the last run of the same name.
 */
import { takenFiles } from '../core/cell/copies.ts';
import { filesOf, filesOfParam } from '../core/cell/files.ts';
import type { ModuleSpec, RunSpec } from '../core/cell/types.ts';
import type { Carried } from '../core/plan/carried-files.ts';
import { expectedDurations } from '../core/plan/durations.ts';
import { knownSpeed } from '../core/plan/estimates.ts';
import { rehearse, type Rehearsal, type Worker } from '../core/plan/rehearsal.ts';
import { secondsText } from '../core/lib/seconds-text.ts';
import { sizeText } from '../core/lib/size-text.ts';
import type { NodeJson, NodeListJson, RunJson, RunListJson } from '../io/http/views.ts';
import type { Client } from './client.ts';
import { oneLine } from './format.ts';
import { PLAN_ROWS_MAX, PLAN_RUNS_SEARCHED_MAX } from './limits.ts';
import { table, type Column } from './table.ts';

type Known = 'declared' | 'earlier' | 'average';

export interface ClusterPlan {
  readonly nodes: readonly { readonly node: string; readonly nodeId: string; readonly slots: number; readonly memory: number; readonly bytesPerSecond: number }[];
  /** Whose durations and files are taken; null = the cluster knows of none. */
  readonly earlierRun: string | null;
  /** null: some modules start nowhere. */
  readonly makespanMs: number | null;
  readonly unplaced: readonly string[];
  readonly modules: readonly PlannedModule[];
}

export interface PlannedModule {
  readonly module: string;
  /** null = it starts nowhere. */
  readonly node: string | null;
  readonly startMs: number | null;
  /** Of its inputs, as far as their sizes are known. */
  readonly inputBytes: number;
  /** Outputs of others that it takes and of which no earlier run tells the size. */
  readonly unknownInputs: number;
  readonly bytesToMove: number;
  readonly moveMs: number;
  readonly predictedMs: number;
  /** Where the prediction is from: the file, the earlier run, the average of the others. */
  readonly predicted: Known;
}

export async function clusterPlan(client: Client, spec: RunSpec): Promise<ClusterPlan> {
  const [{ nodes }, earlier] = await Promise.all([client.get<NodeListJson>('/api/v1/nodes'), lastRun(client, spec.name)]);
  const usable = nodes.filter(({ state, capabilities }) => state === 'alive' && capabilities.slots > 0);
  return playedOn(spec, usable, earlier);
}

/** The newest that succeeded. */
async function lastRun(client: Client, name: string): Promise<RunJson | undefined> {
  const { runs } = await client.get<RunListJson>(`/api/v1/runs?phase=succeeded&limit=${PLAN_RUNS_SEARCHED_MAX}`);
  const found = runs.find((run) => run.name === name);
  return found && client.get<RunJson>(`/api/v1/runs/${encodeURIComponent(found.runId)}`);
}

function playedOn(spec: RunSpec, nodes: readonly NodeJson[], earlier: RunJson | undefined): ClusterPlan {
  const { modules, policy } = spec;
  const predicted = modules.map((module): Known => (module.durationMs > 0 ? 'declared' : durationIn(earlier, module) > 0 ? 'earlier' : 'average'));
  const durations = expectedDurations(modules.map((module) => ({ needs: module.needs, durationMs: module.durationMs > 0 ? module.durationMs : durationIn(earlier, module) })));
  const { files, unknown } = filesOfRun(spec, earlier);
  const workers = nodes.map(({ capabilities: { slots, memory, ...has }, receiveBytesPerSecond }): Worker => ({ slots, memory, has, bytesPerSecond: knownSpeed(receiveBytesPerSecond) }));
  const { startsMs, workerOf, movedBytes, moveMs, makespanMs, unplaced } = workers.length === 0 ? nowhere(modules.length) : rehearse(modules, durations, workers, { policy, files });
  const inputBytes = new Float64Array(modules.length);
  for (const { bytes, takers } of files) for (const taker of takers) inputBytes[taker]! += bytes;
  return {
    nodes: nodes.map(({ name, nodeId, capabilities, receiveBytesPerSecond }) => ({ node: name, nodeId, slots: capabilities.slots, memory: capabilities.memory, bytesPerSecond: knownSpeed(receiveBytesPerSecond) })),
    earlierRun: earlier?.runId ?? null,
    makespanMs: unplaced.length === 0 ? Math.round(makespanMs) : null,
    unplaced: unplaced.map((at) => modules[at]!.name),
    modules: modules.map(({ name }, at): PlannedModule => {
      const node = nodes[workerOf[at]!]?.name ?? null;
      return { module: name, node, startMs: node === null ? null : Math.round(startsMs[at]!), inputBytes: inputBytes[at]!, unknownInputs: unknown[at]!, bytesToMove: movedBytes[at]!, moveMs: Math.round(moveMs[at]!), predictedMs: Math.round(durations[at]!), predicted: predicted[at]! };
    }),
  };
}

/** No node takes modules now. */
function nowhere(count: number): Rehearsal {
  const zeros = new Float64Array(count);
  return { startsMs: zeros, workerOf: new Int32Array(count).fill(-1), movedBytes: zeros, moveMs: zeros, makespanMs: 0, unplaced: Array.from(zeros.keys()) };
}

/** A module and its items, by name. */
function viewsOf(run: RunJson | undefined, { name }: ModuleSpec): RunJson['moduleList'] {
  const items = run?.moduleList.filter(({ item }) => item?.of === name) ?? [];
  return items.length > 0 ? items : (run?.moduleList.filter((module) => module.name === name && module.item === null) ?? []);
}

/** A module with `foreach` is played as one: it takes as long as its longest item. */
function durationIn(run: RunJson | undefined, module: ModuleSpec): number {
  return viewsOf(run, module).reduce((longest, { durationMs }) => Math.max(longest, durationMs), 0);
}

/** What goes from module to module, and what comes with the run. */
function filesOfRun({ modules, params }: RunSpec, earlier: RunJson | undefined): { readonly files: readonly Carried[]; readonly unknown: readonly number[] } {
  const files = new Map<string, { from: number; bytes: number; takers: number[] }>();
  const unknown = modules.map(() => 0);
  const sizes = modules.map((module) => {
    const views = viewsOf(earlier, module);
    return (output: string): number | undefined => (views.some(({ files: left }) => Object.hasOwn(left, output)) ? views.reduce((sum, { files: left }) => sum + (Object.hasOwn(left, output) ? left[output]!.size : 0), 0) : undefined);
  });
  const take = (from: number, name: string, bytes: number, taker: number): void => {
    const known = files.get(`${from} ${name}`);
    if (known === undefined) files.set(`${from} ${name}`, { from, bytes, takers: [taker] });
    else if (!known.takers.includes(taker)) known.takers.push(taker);
  };
  for (const [taker, module] of modules.entries()) {
    for (const { module: from, output } of takenFiles(module)) {
      const bytes = sizes[from]!(output);
      if (bytes === undefined) unknown[taker]!++;
      else take(from, output, bytes, taker);
    }
    for (const name of new Set([...filesOf(module).inputs.flatMap((input) => ('param' in input ? [input.param] : [])), ...(module.foreach?.source.type === 'param' ? [module.foreach.source.param] : [])])) {
      take(-1, name, filesOfParam(params, name)?.size ?? 0, taker);
    }
  }
  return { files: [...files.values()].filter(({ bytes }) => bytes > 0), unknown };
}

const columns: Column<PlannedModule>[] = [
  { head: 'MODULE', cell: ({ module }) => oneLine(module) },
  { head: 'NODE', cell: ({ node }) => oneLine(node ?? 'none') },
  { head: 'START', cell: ({ startMs }) => (startMs === null ? '' : secondsText(startMs)) },
  { head: 'TO MOVE', cell: ({ bytesToMove, unknownInputs }) => (bytesToMove === 0 && unknownInputs > 0 ? 'unknown' : `${sizeText(bytesToMove)}${unknownInputs > 0 ? ' and more' : ''}`) },
  { head: 'MOVE', cell: ({ moveMs }) => secondsText(moveMs) },
  { head: 'PREDICTED', cell: ({ predictedMs, predicted }) => `${secondsText(predictedMs)}${predicted === 'average' ? ' (average)' : ''}` },
];

/** @param all every module, however many. */
export function clusterPlanLines({ nodes, earlierRun, makespanMs, unplaced, modules }: ClusterPlan, all: boolean): string[] {
  const slots = nodes.reduce((sum, node) => sum + node.slots, 0);
  const where = `On ${nodes.length === 1 ? '1 node' : `${nodes.length} nodes`} with ${slots} cpu slots, as if nothing else ran`;
  const source = earlierRun === null ? 'no earlier run of this name tells how long modules take and what they leave' : `times that are not declared, and sizes of files, as in run ${earlierRun.slice(0, earlierRun.indexOf('-') === -1 ? undefined : earlierRun.indexOf('-'))}`;
  const end = makespanMs === null ? `never done: no node has what ${unplaced.slice(0, PLAN_ROWS_MAX).map(oneLine).join(', ')} needs` : `${secondsText(makespanMs)} expected`;
  const rows = modules.slice(0, all ? undefined : PLAN_ROWS_MAX);
  const more = rows.length < modules.length ? [`… and ${modules.length - rows.length} more (--all)`] : [];
  return [`${where}: ${end}; ${source}`, '', table(rows, columns, false), ...more];
}
