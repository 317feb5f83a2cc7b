/** A pipeline seen as a whole, before it runs: what `pipeline plan` shows. */
import { childrenOf, topologicalOrder } from '../cell/needs.ts';
import type { ModuleSpec } from '../cell/types.ts';
import { expectedDurations, remainingPaths } from './durations.ts';
import { lowerBoundMs, pathLengths, type Lengths } from './lower-bound.ts';
import { rehearse, type Rehearsal, type RehearsalOptions, type Rehearsed, type Worker } from './rehearsal.ts';
import { planWaves } from './waves.ts';

export interface Outline {
  readonly waves: readonly (readonly number[])[];
  /** Positions from first to last of a longest path. */
  readonly criticalPath: readonly number[];
  readonly criticalPathMs: number;
  /** Cpu time in all: duration × cpu slots. */
  readonly workMs: number;
  /** Per module: declared, else the average of the declared ones, else 1 s. */
  readonly durationsMs: Float64Array;
  readonly lengths: Lengths;
}

export interface Schedule extends Outline, Rehearsal {
  /** No schedule on so many slots can be shorter. */
  readonly lowerBoundMs: number;
}

export type Scheduled = Rehearsed & Pick<ModuleSpec, 'durationMs'>;

/** What the graph alone tells. @param given ms per module, in place of declared ones. */
export function outline(modules: readonly Scheduled[], given?: Float64Array): Outline {
  const durationsMs = given ?? expectedDurations(modules);
  const order = topologicalOrder(modules);
  const { childStart, childList } = childrenOf(modules);
  const remaining = remainingPaths(modules, durationsMs, childStart);
  const criticalPath = longestPath(modules, remaining, childStart, childList);
  return {
    waves: planWaves(modules),
    criticalPath,
    criticalPathMs: criticalPath.length === 0 ? 0 : remaining[criticalPath[0]!]!,
    workMs: modules.reduce((sum, { requires }, i) => sum + requires.cpu * durationsMs[i]!, 0),
    durationsMs,
    lengths: pathLengths(modules, durationsMs, remaining, order),
  };
}

/** So many workers, all the same. */
export interface Workers extends Worker {
  readonly workers: number;
}

/** What a leader would do on workers that are idle and there all the time. @param given ms per module, in place of declared ones. */
export function planSchedule(modules: readonly Scheduled[], workers: Workers | readonly Worker[], given?: Float64Array, options?: RehearsalOptions): Schedule {
  const list = 'workers' in workers ? Array.from({ length: workers.workers }, (): Worker => workers) : workers;
  const slots = list.reduce((sum, worker) => sum + worker.slots, 0);
  const view = outline(modules, given);
  const { durationsMs, lengths } = view;
  const work = Float64Array.from(durationsMs, (duration, i) => duration * modules[i]!.requires.cpu);
  return { ...view, lowerBoundMs: lowerBoundMs(lengths, durationsMs, work, slots), ...rehearse(modules, durationsMs, list, options) };
}

function longestPath(modules: readonly Scheduled[], remaining: Float64Array, childStart: Int32Array, childList: Int32Array): number[] {
  let at = -1;
  for (let i = 0; i < modules.length; i++) if (modules[i]!.needs.length === 0 && (at === -1 || remaining[i]! > remaining[at]!)) at = i;
  const path: number[] = [];
  while (at !== -1) {
    path.push(at);
    let next = -1;
    for (let c = childStart[at]!; c < childStart[at + 1]!; c++) {
      const child = childList[c]!;
      if (next === -1 || remaining[child]! > remaining[next]!) next = child;
    }
    at = next;
  }
  return path;
}
