/** Waves are how a plan is shown to people; there is a barrier between them only in runs that ask for one. */
import type { ModuleSpec } from '../cell/types.ts';
import { waveOfEach } from '../cell/waves.ts';

/**
 * Wave of a module = 1 + the highest wave of its needs.
 * @returns positions of modules per wave, each in file order.
 */
export function planWaves(modules: readonly Pick<ModuleSpec, 'needs'>[]): number[][] {
  const of = waveOfEach(modules);
  const waves: number[][] = [];
  for (const [module, wave] of of.entries()) (waves[wave] ??= []).push(module);
  return waves;
}
