/** How long modules will take, as far as anybody knows, and how much work lies behind each. */
import { learnedDurationMs } from '../cell/learned.ts';
import type { CellState } from '../cell/state.ts';
import type { ModuleSpec, RunSpec } from '../cell/types.ts';

/** For a run of which nothing is known. */
export const UNKNOWN_DURATION_MS = 1_000;

type Graph = readonly Pick<ModuleSpec, 'needs' | 'durationMs'>[];

/**
 * Per module: the declared duration, else what `learned` knows, else the average of its siblings that are known, else
 * UNKNOWN_DURATION_MS.
 */
export function expectedDurations(modules: Graph, learned: (module: number) => number | undefined = () => undefined): Float64Array {
  const durations = new Float64Array(modules.length).fill(-1);
  let sum = 0;
  let known = 0;
  for (let i = 0; i < modules.length; i++) {
    const declared = modules[i]!.durationMs;
    const duration = declared > 0 ? declared : learned(i);
    if (duration === undefined) continue;
    durations[i] = duration;
    sum += duration;
    known++;
  }
  const average = known === 0 ? UNKNOWN_DURATION_MS : sum / known;
  for (let i = 0; i < modules.length; i++) if (durations[i] === -1) durations[i] = average;
  return durations;
}

export function expectedDurationsOf(state: CellState, spec: RunSpec): Float64Array {
  return expectedDurations(spec.modules, (module) => learnedDurationMs(state, spec.name, spec.modules[module]!.name));
}

/** Per module: its own duration plus the longest path of those that come after it. The bigger, the sooner it should start. */
export function remainingPaths(durations: Float64Array, order: Int32Array, childStart: Int32Array, childList: Int32Array): Float64Array {
  const remaining = new Float64Array(durations.length);
  for (let i = order.length - 1; i >= 0; i--) {
    const module = order[i]!;
    let longest = 0;
    for (let c = childStart[module]!; c < childStart[module + 1]!; c++) longest = Math.max(longest, remaining[childList[c]!]!);
    remaining[module] = durations[module]! + longest;
  }
  return remaining;
}
