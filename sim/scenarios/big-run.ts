/** A run that takes about 180 KB in the log: a few of them are more than one message carries. */
import type { ModuleSpec } from '../../src/core/cell/types.ts';
import { modulesOf } from '../stage.ts';

const BALLAST_LENGTH = 30_000;

/** Equal texts would travel once. */
export function bigRun(): ModuleSpec[] {
  return modulesOf(6, { kind: 'ok', durationMs: 10 }).map((module, at) => ({ ...module, env: { BALLAST: String(at).padEnd(BALLAST_LENGTH, '.') } }));
}
