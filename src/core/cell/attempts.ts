/** What becomes of a module whose claim ended without a success. All of these expect the claim to be dropped already. */
import type { Fence, NodeId } from '../lib/ids.ts';
import { specOf } from './accessors.ts';
import { endModule, maybeEndRun, moduleEvent } from './finish.ts';
import { DECLINED_WAIT_MS, ERROR_CODE_LENGTH_MAX, INPUTS_MISSED_MAX, INPUT_MISSED_WAIT_MS, LOSSES_MAX } from './limits.ts';
import { clip, editModule, forgetExecution, keepExecution, setOutcome, setPhase } from './mutate.ts';
import { ownFailure, printedOf } from './outcome.ts';
import { restPhase } from './waves.ts';
import { retryWaitMs } from './retry.ts';
import type { CellState, ModuleRecord } from './state.ts';
import type { CellEvent, EarlierExecution, Outcome } from './types.ts';

/** It was stopped, and what it came to does not count: what it printed is kept, once, if it printed anything. */
export function keepPrinted(state: CellState, module: ModuleRecord, fence: Fence, outcome: Outcome): void {
  const printed = printedOf(outcome);
  const before = module.executions.find((execution) => execution.fence === fence);
  if ((printed.tail === '' && printed.log === null) || (before !== undefined && !isLost(before))) return;
  const code = outcome.error?.code ?? 'MODULE_CANCELLED';
  keepExecution(state, module, { fence, attempt: before?.attempt ?? module.attempt, nodeId: before?.nodeId ?? (module.nodeId as NodeId), code: clip(code, ERROR_CODE_LENGTH_MAX), ...printed });
}

/** An execution that was believed to be lost with its node has failed there, and another one may be under way: what it printed is not lost. */
export function keepLatePrinted(state: CellState, module: ModuleRecord, fence: Fence, outcome: Outcome): void {
  if (module.executions.some((execution) => execution.fence === fence && isLost(execution))) keepPrinted(state, module, fence, outcome);
}

function isLost({ code }: EarlierExecution): boolean {
  return code === '';
}

/** Handed back: ready again at once, nothing counted. */
export function returnClaim(state: CellState, module: ModuleRecord, note: string, events: CellEvent[]): void {
  setPhase(state, module, restPhase(module), note);
  events.push(moduleEvent(state, module));
}

/** The worker had no room: ready again, but not at once, or an idle leader and a busy worker would pass it to and fro. */
export function declineClaim(state: CellState, module: ModuleRecord, events: CellEvent[]): void {
  editModule(state, module).notBefore = state.now + DECLINED_WAIT_MS;
  returnClaim(state, module, 'the node had no room for it', events);
}

/** An input was nowhere to be had, or what it left was lost before it was recorded. Not its fault; but not for ever. */
export function missedInput(state: CellState, module: ModuleRecord, fence: Fence, outcome: Outcome, events: CellEvent[]): void {
  const writable = editModule(state, module);
  writable.inputsMissed++;
  if (module.inputsMissed >= INPUTS_MISSED_MAX) return failAttempt(state, module, fence, outcome, 0, true, events);
  keepPrinted(state, module, fence, outcome);
  writable.countedFence = fence;
  writable.notBefore = state.now + INPUT_MISSED_WAIT_MS;
  returnClaim(state, module, outcome.error?.message ?? 'an input could not be fetched', events);
}

/**
 * The node was lost under it: not an attempt, but after LOSSES_MAX of them the module fails with POISON, or one module
 * that kills its host walks through the flock.
 */
export function loseClaim(state: CellState, module: ModuleRecord, note: string, events: CellEvent[]): void {
  const writable = editModule(state, module);
  writable.losses++;
  writable.lostFence = module.fence;
  keepExecution(state, module, { fence: module.fence, attempt: module.attempt, nodeId: module.nodeId as NodeId, code: '', tail: '', log: null });
  if (module.losses < LOSSES_MAX) return returnClaim(state, module, `${note} (loss ${module.losses} of ${LOSSES_MAX})`, events);
  setOutcome(state, module, ownFailure('POISON', `${LOSSES_MAX} nodes were lost while they executed this module`), 0);
  endModule(state, module, 'failed', 'POISON: it is not tried again', events);
  maybeEndRun(state, module.run, events);
}

/** The execution under the last fence turns out to be alive, so its loss was none. */
export function takeBackLoss(state: CellState, module: ModuleRecord): void {
  if (module.lostFence === 0 || module.lostFence !== module.fence) return;
  const writable = editModule(state, module);
  writable.losses--;
  forgetExecution(state, module, module.lostFence);
  writable.lostFence = 0;
}

/** One attempt ended badly: another one after a wait, or the module fails for good. `last` = no further attempt. */
export function failAttempt(state: CellState, module: ModuleRecord, fence: Fence, outcome: Outcome, jitter: number, last: boolean, events: CellEvent[]): void {
  const { retry } = specOf(module);
  const code = outcome.error?.code ?? '';
  setOutcome(state, module, outcome, 0);
  const writable = editModule(state, module);
  writable.failures++;
  writable.countedFence = fence;
  if (last || module.failures >= retry.attempts) {
    writable.acceptedFence = fence;
    endModule(state, module, 'failed', code, events);
    return maybeEndRun(state, module.run, events);
  }
  keepExecution(state, module, { fence, attempt: module.failures, nodeId: module.nodeId as NodeId, code, tail: outcome.tail, log: outcome.log ?? null });
  const wait = retryWaitMs(module, jitter);
  writable.notBefore = state.now + wait;
  setPhase(state, module, restPhase(module), `attempt ${module.failures} of ${retry.attempts} failed (${code}), next one in ${wait} ms`);
  events.push(moduleEvent(state, module));
}
