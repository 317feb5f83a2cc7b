/**
 * How long modules will take, as far as anybody knows, and how much work lies behind each. Written as generators: a
 * leader works on a large graph in slices and does other things between them; whoever has time drains them at once.
 */
import { specOf } from '../cell/accessors.ts';
import { learnedDurationMs } from '../cell/learned.ts';
import type { CellState, ModuleRecord } from '../cell/state.ts';
import type { ModuleSpec, RunSpec } from '../cell/types.ts';
import { drained, type Slice } from '../lib/slice.ts';

/** For a run of which nothing is known. */
export const UNKNOWN_DURATION_MS = 1_000;

type Graph = readonly Pick<ModuleSpec, 'needs' | 'durationMs'>[];

/** Modules between two looks at the slice. */
const CHUNK = 1_000;
/** Elements of a new array that cost one step: fresh memory is handed out page by page, when it is first touched. */
const NEW_PER_STEP = 8;

/** Of all modules of a graph. */
export interface Durations {
  readonly eachMs: Float64Array;
  /** For those of which nothing is known. */
  readonly averageMs: number;
}

/** Declared or learned; undefined when nothing is known of it. */
export function knownDurationMs(state: CellState, module: ModuleRecord): number | undefined {
  const { durationMs, name } = specOf(module);
  return durationMs > 0 ? durationMs : learnedDurationMs(state, module.run.spec.name, name);
}

/**
 * Per module: the declared duration, else what `learned` knows, else the average of its siblings that are known, else
 * UNKNOWN_DURATION_MS.
 */
export function expectedDurations(modules: Graph): Float64Array {
  return drained((slice) => durationsInSlices(modules, () => undefined, slice)).eachMs;
}

export function* expectedDurationsOf(state: CellState, spec: RunSpec, slice: Slice): Generator<undefined, Durations> {
  return yield* durationsInSlices(spec.modules, (module) => learnedDurationMs(state, spec.name, spec.modules[module]!.name), slice);
}

function* durationsInSlices(modules: Graph, learned: (module: number) => number | undefined, slice: Slice): Generator<undefined, Durations> {
  const durations = new Float64Array(modules.length).fill(-1);
  if (slice.spent(modules.length / NEW_PER_STEP)) yield undefined;
  let sum = 0;
  let known = 0;
  for (let i = 0; i < modules.length; i++) {
    if (i % CHUNK === 0 && slice.spent(Math.min(CHUNK, modules.length - i))) yield undefined;
    const declared = modules[i]!.durationMs;
    const duration = declared > 0 ? declared : learned(i);
    if (duration === undefined) continue;
    durations[i] = duration;
    sum += duration;
    known++;
  }
  const averageMs = known === 0 ? UNKNOWN_DURATION_MS : sum / known;
  if (known < modules.length) {
    for (let i = 0; i < modules.length; i++) {
      if (i % CHUNK === 0 && slice.spent(Math.min(CHUNK, modules.length - i))) yield undefined;
      if (durations[i] === -1) durations[i] = averageMs;
    }
  }
  return { eachMs: durations, averageMs };
}

/** Per module: its own duration plus the longest path of those that come after it. The bigger, the sooner it should start. */
export function remainingPaths(modules: Graph, durations: Float64Array, childStart: Int32Array): Float64Array {
  return drained((slice) => remainingInSlices(modules, durations, childStart, slice));
}

/** From the last modules towards the first: each is final when all that need it are. */
export function* remainingInSlices(modules: Graph, durations: Float64Array, childStart: Int32Array, slice: Slice): Generator<undefined, Float64Array> {
  const remaining = new Float64Array(modules.length);
  if (slice.spent(modules.length / NEW_PER_STEP)) yield undefined;
  const left = new Int32Array(modules.length);
  const stack = new Int32Array(modules.length);
  if (slice.spent(modules.length / NEW_PER_STEP)) yield undefined;
  let size = 0;
  for (let i = 0; i < modules.length; i++) {
    if (i % CHUNK === 0 && slice.spent(Math.min(CHUNK, modules.length - i))) yield undefined;
    left[i] = childStart[i + 1]! - childStart[i]!;
    if (left[i] === 0) stack[size++] = i;
  }
  while (size > 0) {
    const module = stack[--size]!;
    const { needs } = modules[module]!;
    const path = remaining[module]! + durations[module]!;
    remaining[module] = path;
    for (const need of needs) {
      if (path > remaining[need]!) remaining[need] = path;
      if (--left[need]! === 0) stack[size++] = need;
    }
    if (slice.spent(1 + needs.length)) yield undefined;
  }
  return remaining;
}
