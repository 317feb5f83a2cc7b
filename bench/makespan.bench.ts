/**
 * Recorded workflows of other engines on so many slots over three nodes: what a leader plans, beside the lower bound and a
 * published greedy schedule (`hlfet`), and what a cluster then does. Planned means the leader's own planner and reducer,
 * without disk and network.
 */
import { existsSync, readFileSync } from 'node:fs';
import { planSchedule, type Scheduled } from '../src/core/plan/schedule.ts';
import { importWorkflow } from '../src/pipeline/import/import.ts';
import { spread, spreadText, type Spread } from './figures.ts';
import { executeAll, type Executed } from './makespan-executed.ts';
import { describeFiles, madeCases, planFiles, withFiles, type FilesRow } from './makespan-files.ts';

const folder = new URL('../../shared/fixtures/', import.meta.url);
const NODES = 3;
const SLOTS = [4, 16];
const TASKS_MIN = 20;

/** One graph on so many slots. Ms at the recorded speed; ratios are 1 for as good as the one below the line. */
export interface MakespanRow {
  readonly graph: string;
  readonly tasks: number;
  readonly slots: number;
  readonly lbMs: number;
  readonly hlfetMs: number;
  readonly plannedMs: number;
  readonly plannedOverLb: number;
  readonly plannedOverHlfet: number;
}

export interface MakespanFigures {
  /** Why there are no rows, or ''. */
  readonly skipped: string;
  readonly rows: readonly MakespanRow[];
  readonly meanOverHlfet: number;
  readonly worstOverHlfet: number;
  readonly meanOverLb: number;
  readonly worstOverLb: number;
  /** With the files that they moved. */
  readonly files: readonly FilesRow[];
  /** Those that were run as well. */
  readonly executed: readonly Executed[];
  readonly executedMeanOverHlfet: number;
  readonly executedWorstOverHlfet: number;
  readonly overMsPerLevel: Spread;
  /** Over hlfet, with all slots on one node. */
  readonly alone: Spread;
  readonly aloneOverMsPerLevel: Spread;
}

interface Reference {
  readonly tasks: number;
  readonly ref: Readonly<Record<string, { readonly lb: number; readonly hlfet: number }>>;
}

/** A graph with exact run times; a file would round them to milliseconds. */
export interface Workload {
  readonly graph: string;
  readonly modules: readonly Scheduled[];
  readonly durationsMs: Float64Array;
  readonly reference: Reference;
  readonly file: URL;
}

/** Every graph with enough tasks to fill the slots; none where the recorded workflows are not at hand. */
export function workloads(): Workload[] {
  if (!existsSync(folder)) return [];
  const read = (name: string): string => readFileSync(new URL(name, folder), 'utf8');
  const references = Object.entries(JSON.parse(read('reference-visible.json')) as Record<string, Reference>);
  return references
    .filter(([, { tasks }]) => tasks >= TASKS_MIN)
    .map(([graph, reference]): Workload => {
      const { tasks } = importWorkflow(read(graph), { file: graph }).workflow;
      return {
        graph: graph.replace(/^.*\//, '').replace(/(\.wfformat)?\.json$/, ''),
        modules: tasks.map(({ parents }) => ({ needs: parents, durationMs: 0, requires: { cpu: 1, memory: 0 } })),
        durationsMs: Float64Array.from(tasks, ({ runtimeSeconds = 0 }) => runtimeSeconds * 1000),
        reference,
        file: new URL(graph, folder),
      };
    });
}

/** 16 over three nodes: 6, 5, 5. */
export function spreadSlots(slots: number): number[] {
  return Array.from({ length: NODES }, (_, n) => Math.ceil((slots - n) / NODES));
}

export function planAll(graphs: readonly Workload[]): MakespanRow[] {
  return graphs.flatMap(({ graph, modules, durationsMs, reference }) =>
    SLOTS.map((slots): MakespanRow => {
      const { lb = Number.NaN, hlfet = Number.NaN } = reference.ref[String(slots)] ?? {};
      const { makespanMs } = planSchedule(modules, spreadSlots(slots).map((each) => ({ slots: each })), durationsMs);
      return { graph, tasks: modules.length, slots, lbMs: lb * 1000, hlfetMs: hlfet * 1000, plannedMs: rounded(makespanMs, 1), plannedOverLb: rounded(makespanMs / 1000 / lb, 4), plannedOverHlfet: rounded(makespanMs / 1000 / hlfet, 4) };
    }),
  );
}

/** @param full run every graph that takes less than 20 s; else those below one second. */
export async function measureMakespan(full: boolean): Promise<MakespanFigures> {
  const graphs = workloads();
  const rows = planAll(graphs);
  const overHlfet = rows.map(({ plannedOverHlfet }) => plannedOverHlfet);
  const overLb = rows.map(({ plannedOverLb }) => plannedOverLb);
  const executed: Executed[] = [];
  const alone: Executed[] = [];
  const options = { longestMs: full ? 20_000 : 1000, rounds: full ? 2 : 1 };
  for (const slots of rows.length > 0 ? SLOTS : []) {
    executed.push(...(await executeAll(distinct(graphs), { ...options, nodes: spreadSlots(slots) })));
    alone.push(...(await executeAll(distinct(graphs), { ...options, nodes: [slots] })));
  }
  const ratios = executed.map(({ executedOverHlfet }) => executedOverHlfet);
  return {
    skipped: rows.length === 0 ? `${folder.pathname} is not there` : '',
    rows,
    meanOverHlfet: rounded(mean(overHlfet), 4),
    worstOverHlfet: Math.max(0, ...overHlfet),
    meanOverLb: rounded(mean(overLb), 4),
    worstOverLb: Math.max(0, ...overLb),
    files: rows.length === 0 ? [] : planFiles([...withFiles(graphs), ...madeCases()], SLOTS),
    executed,
    executedMeanOverHlfet: rounded(mean(ratios), 3),
    executedWorstOverHlfet: rounded(Math.max(0, ...ratios), 3),
    overMsPerLevel: spread(executed.map(({ overMsPerLevel }) => overMsPerLevel)),
    alone: spread(alone.map(({ executedOverHlfet }) => executedOverHlfet)),
    aloneOverMsPerLevel: spread(alone.map(({ overMsPerLevel }) => overMsPerLevel)),
  };
}

/** One graph may be at hand in several versions of the format. */
function distinct(graphs: readonly Workload[]): Workload[] {
  const seen = new Set<string>();
  return graphs.filter(({ modules, reference }) => {
    const key = `${modules.length} ${JSON.stringify(reference.ref)}`;
    return seen.has(key) ? false : seen.add(key);
  });
}

export function describeMakespan(figures: MakespanFigures): string {
  const { skipped, rows, files, meanOverHlfet, worstOverHlfet, meanOverLb, worstOverLb, executed, executedMeanOverHlfet, executedWorstOverHlfet, overMsPerLevel, alone, aloneOverMsPerLevel } = figures;
  if (skipped !== '') return `makespan: left out, ${skipped}`;
  const executedLine = ({ graph, slots, scale, executedMs, executedOverHlfet, executedOverLb }: Executed): string => `  ${graph.padEnd(width)} ${String(slots).padStart(5)} ${seconds(executedMs)}  ${executedOverLb.toFixed(3)}  ${executedOverHlfet.toFixed(3)}   ${scale.toExponential(1)}`;
  const width = Math.max(...rows.map(({ graph }) => graph.length));
  const seconds = (ms: number): string => (ms / 1000).toFixed(2).padStart(10);
  return [
    `makespan of recorded workflows, planned for slots on ${NODES} nodes, seconds at the recorded speed`,
    `  ${'graph'.padEnd(width)} tasks slots         lb      hlfet    planned  /lb    /hlfet`,
    ...rows.map(({ graph, tasks, slots, lbMs, hlfetMs, plannedMs, plannedOverLb, plannedOverHlfet }) => `  ${graph.padEnd(width)} ${String(tasks).padStart(5)} ${String(slots).padStart(5)} ${seconds(lbMs)} ${seconds(hlfetMs)} ${seconds(plannedMs)}  ${plannedOverLb.toFixed(3)}  ${plannedOverHlfet.toFixed(4)}`),
    `  planned over hlfet: mean ${meanOverHlfet}, worst ${worstOverHlfet}; over the lower bound: mean ${meanOverLb}, worst ${worstOverLb} (${rows.length} schedules)`,
    ...describeFiles(files),
    `executed on ${NODES} node processes, fsync on, times scaled so that the median task takes 20 ms`,
    `  ${'graph'.padEnd(width)} slots   executed  /lb    /hlfet  scale`,
    ...executed.map(executedLine),
    `  executed over hlfet: mean ${executedMeanOverHlfet}, worst ${executedWorstOverHlfet} (${executed.length} runs)`,
    `  over hlfet, for each module on the longest chain: ${spreadText(overMsPerLevel, 'ms')}`,
    `the same with all slots on one node, which asks nobody`,
    `  executed over hlfet: ${spreadText(alone, '')}`,
    `  over hlfet, for each module on the longest chain: ${spreadText(aloneOverMsPerLevel, 'ms')}`,
  ].join('\n');
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
