/**
 * Recorded workflows as real runs: three node processes, every commit fsynced three times, each module a registered
 * function that waits for its recorded time, scaled so that the median task takes 20 ms. What a scheduler costs shows
 * at this scale, and the work itself costs no cpu that nodes on one machine would take from each other.
 */
import type { ModuleSpec, RunSpec } from '../src/core/cell/types.ts';
import { BenchCluster } from './cluster.ts';
import type { Workload } from './makespan.bench.ts';
import { spec as specOf } from './specs.ts';

const MEDIAN_TASK_MS = 20;

export interface Executed {
  readonly graph: string;
  readonly slots: number;
  /** Factor on recorded times. */
  readonly scale: number;
  /** From the Submit to the end as the client sees it; the shortest of the rounds. */
  readonly executedMs: number;
  readonly executedOverHlfet: number;
  readonly executedOverLb: number;
  /** What it took longer than `hlfet`, for each module on the longest chain of the graph. */
  readonly overMsPerLevel: number;
}

export interface ExecuteOptions {
  /** Slots of each node. */
  readonly nodes: readonly number[];
  /** Graphs that would take longer are left out: a few have a median of milliseconds beside tasks of minutes. */
  readonly longestMs: number;
  readonly rounds: number;
}

function scaleOf(durationsMs: Float64Array): number {
  return MEDIAN_TASK_MS / durationsMs.toSorted()[durationsMs.length >> 1]!;
}

/** Needs come before what needs them. */
function levelsOf({ modules }: Workload): number {
  const levels: number[] = [];
  for (const { needs } of modules) levels.push(1 + Math.max(0, ...needs.map((need) => levels[need]!)));
  return Math.max(...levels);
}

function runOf({ graph, modules, durationsMs }: Workload, scale: number): RunSpec {
  const base = specOf(modules.length, { type: 'registered', function: 'sleep' });
  return {
    ...base,
    name: graph,
    modules: base.modules.map((module, i): ModuleSpec => ({ ...module, needs: modules[i]!.needs, durationMs: Math.max(1e-3, durationsMs[i]! * scale), env: { MS: String(durationsMs[i]! * scale) } })),
  };
}

/** One cluster for all graphs, each graph alone on it. */
export async function executeAll(workloads: readonly Workload[], { nodes, longestMs, rounds }: ExecuteOptions): Promise<Executed[]> {
  const slots = nodes.reduce((sum, each) => sum + each, 0);
  const cluster = new BenchCluster();
  const done: Executed[] = [];
  try {
    await cluster.start(nodes);
    const leader = await cluster.leader();
    await leader.ask<number[]>({ op: 'run', spec: specOf(500, { type: 'registered', function: 'noop' }, 20), rounds: 3 });
    for (const workload of workloads) {
      const { lb = Number.NaN, hlfet = Number.NaN } = workload.reference.ref[String(slots)] ?? {};
      const scale = scaleOf(workload.durationsMs);
      if (!(hlfet * 1000 * scale <= longestMs)) continue;
      const times = await leader.ask<number[]>({ op: 'run', spec: runOf(workload, scale), rounds });
      const executedMs = Math.min(...times);
      done.push({ graph: workload.graph, slots, scale, executedMs, executedOverHlfet: executedMs / (hlfet * 1000 * scale), executedOverLb: executedMs / (lb * 1000 * scale), overMsPerLevel: (executedMs - hlfet * 1000 * scale) / levelsOf(workload) });
    }
    return done;
  } finally {
    await cluster.stop();
  }
}
