/** How runs and modules stand beside others, where the spec says nothing. */
import type { ModulePolicy, ModuleSpec, RunPolicy, RunSpec } from './types.ts';

export const PRIORITY_MIN = 1;
export const PRIORITY_MAX = 10;
export const PRIORITY_DEFAULT = 5;

export const ordinaryRun: RunPolicy = { priority: PRIORITY_DEFAULT, parallelMax: 0, barrier: 'none' };
export const ordinaryModule: ModulePolicy = { priority: 0, limits: [], hedgeFactor: 0 };

export function runPolicy(spec: RunSpec): RunPolicy {
  return spec.policy ?? ordinaryRun;
}

export function modulePolicy(spec: ModuleSpec): ModulePolicy {
  return spec.policy ?? ordinaryModule;
}

/** Two executions must never overlap: it touches the world outside, or it holds what only so many may use. */
export function isExclusive(spec: ModuleSpec): boolean {
  return spec.effectful || modulePolicy(spec).limits.length > 0;
}
