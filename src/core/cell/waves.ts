/**
 * Waves of a run: a module is one wave behind the last of its needs. They matter to the reducer in runs with
 * `barrier: wave`, where a wave begins when all earlier ones have ended, however they did.
 */
import { assert } from '../lib/assert.ts';
import { drained, type Slice } from '../lib/slice.ts';
import { openNeeds } from './accessors.ts';
import { orderInSlices, type Children } from './needs.ts';
import type { ModuleRecord } from './state.ts';
import type { ModuleSpec } from './types.ts';

/** Derived from the specification and the phases of the modules. */
export interface Waves {
  /** Wave of each module, from 0. */
  readonly of: Int32Array;
  /** Modules of wave w, in file order: `list[start[w]]` to before `list[start[w + 1]]`. */
  readonly start: Int32Array;
  readonly list: Int32Array;
  /** Modules per wave that are not final. */
  readonly open: Int32Array;
  /** The first wave that has open modules: those of later ones wait. The number of waves when there is none. */
  current: number;
}

/** Wave of each module: 0 for those without needs, else 1 + the highest of its needs. */
export function waveOfEach(modules: readonly Pick<ModuleSpec, 'needs'>[]): Int32Array {
  return drained((slice) => wavesInSlices(modules, slice));
}

function* wavesInSlices(modules: readonly Pick<ModuleSpec, 'needs'>[], slice: Slice, children?: Children): Generator<undefined, Int32Array> {
  const order = yield* orderInSlices(modules, slice, children);
  assert(order.length === modules.length, 'a checked pipeline has no cycle');
  const waves = new Int32Array(modules.length);
  for (const module of order) {
    const { needs } = modules[module]!;
    for (const need of needs) waves[module] = Math.max(waves[module]!, waves[need]! + 1);
    if (slice.spent(1 + needs.length)) yield undefined;
  }
  return waves;
}

/** As of a run that was just submitted. */
export function* newWavesInSlices(modules: readonly Pick<ModuleSpec, 'needs'>[], children: Children, slice: Slice): Generator<undefined, Waves> {
  const of = yield* wavesInSlices(modules, slice, children);
  let count = 0;
  for (const wave of of) if (wave >= count) count = wave + 1;
  const open = new Int32Array(count);
  for (const wave of of) open[wave]!++;
  if (slice.spent(modules.length / 4)) yield undefined;
  const start = new Int32Array(count + 1);
  for (let wave = 0; wave < count; wave++) start[wave + 1] = start[wave]! + open[wave]!;
  const cursor = start.slice();
  const list = new Int32Array(modules.length);
  for (let module = 0; module < of.length; module++) list[cursor[of[module]!]!++] = module;
  if (slice.spent(modules.length / 4)) yield undefined;
  return { of, start, list, open, current: 0 };
}

/** Goes on to the first wave that has open modules. @returns whether that is another one than before. */
export function nextWave(waves: Waves): boolean {
  const before = waves.current;
  while (waves.current < waves.open.length && waves.open[waves.current] === 0) waves.current++;
  return waves.current !== before;
}

/** Where a module that nobody executes stands: it waits for what it needs, or for its wave. */
export function restPhase(module: ModuleRecord): 'waiting' | 'ready' {
  const { waves } = module.run;
  return openNeeds(module) > 0 || (waves !== null && waves.of[module.template]! > waves.current) ? 'waiting' : 'ready';
}

/** A module that had ended is open again. @returns whether a wave that had begun waits for it now. */
export function reopenWave(waves: Waves, module: number): boolean {
  const wave = waves.of[module]!;
  waves.open[wave]!++;
  if (wave >= waves.current) return false;
  waves.current = wave;
  return true;
}
