/** Waves are how a plan is shown to people; there is no barrier between them. */
import { topologicalOrder } from '../cell/run-spec.ts';
import type { ModuleSpec } from '../cell/types.ts';
import { assert } from '../lib/assert.ts';

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
