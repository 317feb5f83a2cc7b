/** A pipeline seen as a whole, before it runs: what `pipeline plan` shows. Waves are for people; there is no barrier between them. */
import { childrenOf, topologicalOrder } from '../cell/run-spec.ts';
import type { ModuleSpec } from '../cell/types.ts';
import { assert } from '../lib/assert.ts';
import { Heap } from '../lib/heap.ts';
import { expectedDurations, remainingPaths } from './durations.ts';

/**
 * Wave of a module = 1 + the highest wave of its needs.
 * @returns positions of modules per wave, each in file order.
 */
export function planWaves(modules: readonly Pick<ModuleSpec, 'needs'>[]): number[][] {
  const order = topologicalOrder(modules);
  assert(order.length === modules.length, 'a checked pipeline has no cycle');
  const levels = new Int32Array(modules.length);
  let depth = 0;
  for (const module of order) {
    for (const need of modules[module]!.needs) levels[module] = Math.max(levels[module]!, levels[need]! + 1);
    depth = Math.max(depth, levels[module]! + 1);
  }
  const waves: number[][] = Array.from({ length: depth }, () => []);
  for (let module = 0; module < modules.length; module++) waves[levels[module]!]!.push(module);
  return waves;
}

export interface SchedulePlan {
  readonly waves: readonly (readonly number[])[];
  /** Positions from first to last of a longest path. */
  readonly criticalPath: readonly number[];
  readonly criticalPathMs: number;
  /** Cpu time in all: duration × cpu slots. */
  readonly workMs: number;
  /** No schedule on this many slots can be shorter: max(critical path, work / slots). */
  readonly lowerBoundMs: number;
  /** Of the schedule that the planner would make if durations are as expected and every slot is free. */
  readonly makespanMs: number;
  /** Per module, from the start of the run. */
  readonly startsMs: Float64Array;
}

export interface ScheduleOptions {
  /** One-slot workers; a module with `cpu: n` holds n of them. */
  readonly slots: number;
  /** Per module; @default declared ones, else their average, else 1 s. */
  readonly durationsMs?: Float64Array;
}

type Scheduled = Pick<ModuleSpec, 'needs' | 'durationMs'> & { readonly requires: Pick<ModuleSpec['requires'], 'cpu'> };

/** Waves, critical path and a simulated list schedule by longest remaining path. */
export function planSchedule(modules: readonly Scheduled[], { slots, durationsMs }: ScheduleOptions): SchedulePlan {
  assert(slots >= 1, 'a schedule needs a slot');
  const durations = durationsMs ?? expectedDurations(modules);
  const { childStart, childList } = childrenOf(modules);
  const remaining = remainingPaths(durations, topologicalOrder(modules), childStart, childList);
  const cpus = modules.map((module) => Math.min(module.requires.cpu, slots));
  const workMs = cpus.reduce((sum, cpu, i) => sum + cpu * durations[i]!, 0);
  const criticalPath = longestPath(modules, remaining, childStart, childList);
  const criticalPathMs = criticalPath.length === 0 ? 0 : remaining[criticalPath[0]!]!;
  const { startsMs, makespanMs } = listSchedule(modules, { slots, durations, remaining, cpus, childStart, childList });
  return { waves: planWaves(modules), criticalPath, criticalPathMs, workMs, lowerBoundMs: Math.max(criticalPathMs, workMs / slots), makespanMs, startsMs };
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

interface ListInput {
  readonly slots: number;
  readonly durations: Float64Array;
  readonly remaining: Float64Array;
  readonly cpus: readonly number[];
  readonly childStart: Int32Array;
  readonly childList: Int32Array;
}

/**
 * Whenever slots are free, the ready module with the longest remaining path starts; one that asks for more slots than
 * are free is passed over until some end, as the planner does.
 */
function listSchedule(modules: readonly Scheduled[], input: ListInput): { startsMs: Float64Array; makespanMs: number } {
  const { slots, durations, remaining, cpus, childStart, childList } = input;
  const ready = new Map<number, Heap<number>>();
  const byRemaining = (a: number, b: number): boolean => remaining[a]! > remaining[b]! || (remaining[a] === remaining[b] && a < b);
  const makeReady = (module: number): void => {
    const cpu = cpus[module]!;
    let heap = ready.get(cpu);
    if (heap === undefined) ready.set(cpu, (heap = new Heap(byRemaining)));
    heap.push(module);
  };
  const startsMs = new Float64Array(modules.length);
  const ends = new Heap<number>((a, b) => {
    const [endA, endB] = [startsMs[a]! + durations[a]!, startsMs[b]! + durations[b]!];
    return endA < endB || (endA === endB && a < b);
  });
  const missing = Int32Array.from(modules, (module) => module.needs.length);
  modules.forEach((module, i) => module.needs.length === 0 && makeReady(i));
  let free = slots;
  let now = 0;
  for (;;) {
    for (let next = best(ready, free, byRemaining); next !== undefined; next = best(ready, free, byRemaining)) {
      free -= cpus[next]!;
      startsMs[next] = now;
      ready.get(cpus[next]!)!.pop();
      ends.push(next);
    }
    const ended = ends.pop();
    if (ended === undefined) return { startsMs, makespanMs: now };
    now = startsMs[ended]! + durations[ended]!;
    free += cpus[ended]!;
    for (let c = childStart[ended]!; c < childStart[ended + 1]!; c++) if (--missing[childList[c]!]! === 0) makeReady(childList[c]!);
  }
}

function best(ready: ReadonlyMap<number, Heap<number>>, free: number, before: (a: number, b: number) => boolean): number | undefined {
  let found: number | undefined;
  for (const [cpu, heap] of ready) {
    const head = heap.peek();
    if (head === undefined || cpu > free) continue;
    if (found === undefined || before(head, found)) found = head;
  }
  return found;
}
