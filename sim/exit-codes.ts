/** What the simulator's process ends with. */
import type { Invariant } from './checkers/checker.ts';

export const EXIT_OK = 0;
/** `--pipeline`: the run ended, and not with success. */
export const EXIT_RUN_FAILED = 1;
/** Arguments or files that do not fit. */
export const EXIT_USAGE = 2;
/** `--pipeline`: the run had not ended at the limit. */
export const EXIT_PENDING = 8;
/** A node ended by itself. */
export const EXIT_CRASH = 10;
/** A healthy core made no progress. */
export const EXIT_LIVENESS = 11;
/** Something wrong was done. */
export const EXIT_CORRECTNESS = 12;

export function exitCodeOf(invariant: Invariant): number {
  if (invariant === 'crash') return EXIT_CRASH;
  return /^[LT]\d/.test(invariant) ? EXIT_LIVENESS : EXIT_CORRECTNESS;
}
