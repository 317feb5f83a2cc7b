/** How long modules took before: an exponential average per (pipeline, module), for the planner. Successes only. */
import { LEARNED_MODULES_MAX, LEARNED_PIPELINES_MAX, LEARNED_WEIGHT } from './limits.ts';
import type { CellState } from './state.ts';

/** A submitted pipeline moves to the young end; the oldest one is forgotten when there are too many. */
export function touchPipeline(state: CellState, pipeline: string): void {
  const { learned } = state;
  const averages = learned.get(pipeline) ?? new Map<string, number>();
  learned.delete(pipeline);
  learned.set(pipeline, averages);
  if (learned.size <= LEARNED_PIPELINES_MAX) return;
  const [oldest] = learned.keys();
  learned.delete(oldest!);
}

/** Pipelines that were forgotten while their run went on, and modules over the limit, are not learned. */
export function learnDuration(state: CellState, pipeline: string, module: string, durationMs: number): void {
  const averages = state.learned.get(pipeline);
  if (averages === undefined) return;
  const before = averages.get(module);
  if (before !== undefined) averages.set(module, before + (durationMs - before) * LEARNED_WEIGHT);
  else if (averages.size < LEARNED_MODULES_MAX) averages.set(module, durationMs);
}

/** Average ms, or undefined when this module was never measured. */
export function learnedDurationMs(state: CellState, pipeline: string, module: string): number | undefined {
  return state.learned.get(pipeline)?.get(module);
}
