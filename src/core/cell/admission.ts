/** What stands between a ready module and a claim, whatever the node: pauses, the limits of its run and its own. */
import { liveClaims } from './accessors.ts';
import { cellMutant } from './mutants.ts';
import { runPolicy } from './policy.ts';
import { fullLimit } from './seats.ts';
import type { CellState, ModuleRecord, RunRecord } from './state.ts';

/** Nothing may be claimed now. */
export function queueIsPaused(state: CellState): boolean {
  return state.queuePaused !== null && !cellMutant(state, 'queue-pause-ignored');
}

/**
 * Why modules of this run may not be claimed now, whichever they are; '' when they may.
 * @param pending claims that the state does not know of yet, for the planner.
 */
export function runProblem(state: CellState, run: RunRecord, pending = 0): string {
  if (run.paused !== null && !cellMutant(state, 'run-pause-ignored')) return 'the run is paused';
  const { parallelMax } = runPolicy(run.spec);
  if (parallelMax > 0 && liveClaims(run) + pending >= parallelMax && !cellMutant(state, 'parallel-ignored')) return `the run executes ${parallelMax} modules already`;
  return '';
}

/** Why a ready module is not to be claimed by any node now, or ''. */
export function admissionProblem(state: CellState, module: ModuleRecord): string {
  if (queueIsPaused(state)) return 'the queue is paused';
  const problem = runProblem(state, module.run);
  if (problem !== '') return problem;
  const full = fullLimit(state, module);
  return full === undefined ? '' : `limit ${full.key} has no room`;
}
