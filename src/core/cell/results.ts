/**
 * Results: recorded once per (run, module, generation). The rules below are PROTOCOL §6 in its order; a late result of
 * a node that was cut off is taken where that is safe, since the work is done.
 */
import { liveFences, specOf } from './accessors.ts';
import { declineClaim, failAttempt, keepLatePrinted, keepPrinted, missedInput, returnClaim, takeBackLoss } from './attempts.ts';
import { rememberResult } from './cache.ts';
import { keepHolders, lacksCopies } from './copies.ts';
import { endModule, maybeEndRun } from './finish.ts';
import { endCopy, isCopy, stopOtherCopy } from './hedges.ts';
import { inputsHashOfModule } from './inputs.ts';
import { learnDuration } from './learned.ts';
import { ITEMS_PER_ENTRY_MAX } from './limits.ts';
import { cellMutant } from './mutants.ts';
import { dropClaim, editModule, setOutcome } from './mutate.ts';
import { keptOutcome, ownFailure, type KeptOutcome } from './outcome.ts';
import { refuse, type Applied } from './reply.ts';
import { endingIsOver } from './seats.ts';
import { isFinal, moduleAt, type CellState, type ModuleRecord } from './state.ts';
import type { CellEvent, Command, ResultItem, ResultVerdict } from './types.ts';

export function results(state: CellState, command: Extract<Command, { type: 'results' }>): Applied {
  const { items, jitter } = command;
  if (items.length > ITEMS_PER_ENTRY_MAX) return { reply: refuse('LIMIT_EXCEEDED', `more than ${ITEMS_PER_ENTRY_MAX} results in one entry`), events: [] };
  const events: CellEvent[] = [];
  const verdicts: ResultVerdict[] = [];
  for (const item of items) {
    // Whatever it says, and whether or not it counts: that execution is over.
    endingIsOver(state, item);
    const module = moduleAt(state, item.run, item.module);
    verdicts.push(module === undefined ? 'unknown' : result(state, module, item, jitter, events));
  }
  return { reply: { type: 'results', verdicts }, events };
}

function result(state: CellState, module: ModuleRecord, item: ResultItem, jitter: number, events: CellEvent[]): ResultVerdict {
  if (isFinal(module.phase)) return endedBefore(state, module, item);
  if (item.generation !== module.generation || item.fence <= module.staleFence) return 'stale';
  if ((item.fence !== 0 && item.fence === module.fence) || isCopy(module, item.fence) || cellMutant(state, 'stale-fence-accepted')) return underLastFence(state, module, item, jitter, events);
  return underEarlierFence(state, module, item, events);
}

/** What it says counts for nothing any more. One that was stopped, with its run or by fail-fast, is heard for what it printed. */
function endedBefore(state: CellState, module: ModuleRecord, item: ResultItem): ResultVerdict {
  const stopped = module.acceptedFence === 0 && item.generation === module.generation && item.fence !== 0 && item.fence === module.fence;
  if (stopped) keepPrinted(state, module, item.fence, item.outcome);
  return recordAgain(state, module, item) ? 'accepted' : 'duplicate';
}

/** Only for a mutant: what is final stays as it was recorded first. */
function recordAgain(state: CellState, module: ModuleRecord, item: ResultItem): boolean {
  if (!cellMutant(state, 'result-recorded-twice')) return false;
  setOutcome(state, module, item.outcome, 0);
  return true;
}

/** The last fence is accepted whatever became of its session, effectful or not: nobody else executed it since. */
function underLastFence(state: CellState, module: ModuleRecord, item: ResultItem, jitter: number, events: CellEvent[]): ResultVerdict {
  const counted = item.fence === module.countedFence && !cellMutant(state, 'failure-counted-twice');
  if (!item.outcome.ok && counted) return 'duplicate';
  const kept = currentOutcome(state, module, item);
  if (kept.outcome.ok && lacksCopies(state, module, item)) return 'needCopies';
  // An execution already counted as failed (the leader's own timeout) may turn out well, but does not fail twice.
  if (!kept.outcome.ok && counted) return 'duplicate';
  if (isCopy(module, item.fence)) {
    if (!kept.outcome.ok && !cellMutant(state, 'hedge-failure-counted')) {
      endCopy(state, module, item.fence, false, `one of two copies ended: ${kept.outcome.error?.code ?? ''}`, events);
      return 'accepted';
    }
    stopOtherCopy(state, module, item.fence, events);
  }
  // One is left, this one.
  for (const fence of liveFences(module)) dropClaim(state, module, fence, true);
  if (kept.outcome.ok) {
    takeBackLoss(state, module);
    succeed(state, module, item, kept, events);
  } else failed(state, module, item, kept, jitter, events);
  return 'accepted';
}

/**
 * While what it took is made again its result counts, as if it had come a moment before. Not when that is recorded once more
 * and is something else: those behind it would see two different histories. What touches the world outside has happened
 * all the same.
 */
function currentOutcome(state: CellState, module: ModuleRecord, item: ResultItem): KeptOutcome {
  const kept = keptOutcome(module, item.outcome);
  if (!kept.outcome.ok || module.run.remade === 0 || specOf(module).effectful) return kept;
  const current = inputsHashOfModule(state, module);
  if (current === '' || item.inputsHash === current) return kept;
  return { outcome: ownFailure('INPUT_MISSING', 'what it takes was made again while it was executed, and is not the same'), valuesBytes: 0 };
}

/** The node stopped it for reasons of its own, or had no room for what it left: handed back, not an attempt. */
const handsBack: ReadonlySet<string> = new Set(['NODE_STOPPING', 'MODULE_CANCELLED', 'MODULE_FENCED', 'NODE_EXHAUSTED']);

function failed(state: CellState, module: ModuleRecord, item: ResultItem, kept: KeptOutcome, jitter: number, events: CellEvent[]): void {
  const code = kept.outcome.error?.code ?? '';
  if (handsBack.has(code)) {
    // A node that lost contact was lost, if that was noticed.
    if (code !== 'MODULE_FENCED') takeBackLoss(state, module);
    keepPrinted(state, module, item.fence, kept.outcome);
    editModule(state, module).countedFence = item.fence;
    if (code === 'NODE_EXHAUSTED') return declineClaim(state, module, events);
    return returnClaim(state, module, code === 'MODULE_FENCED' ? 'its node lost contact and stopped it' : 'the node handed it back', events);
  }
  takeBackLoss(state, module);
  // What was lost before it was recorded was never there; but what touches the world outside is not done twice.
  const lost = code === 'OUTPUT_LOST' && !specOf(module).effectful;
  if (code === 'INPUT_MISSING' || lost) return missedInput(state, module, item.fence, kept.outcome, events);
  failAttempt(state, module, item.fence, kept.outcome, jitter, false, events);
}

/**
 * An execution that was given up for lost has delivered. Taken only if it succeeded, on the inputs that count, and if a
 * second execution does no harm; the newer claim is then cancelled.
 */
function underEarlierFence(state: CellState, module: ModuleRecord, item: ResultItem, events: CellEvent[]): ResultVerdict {
  const claim = module.earlier.find((earlier) => earlier.fence === item.fence);
  const once = specOf(module).effectful && !cellMutant(state, 'effectful-late-result');
  if (claim !== undefined && !item.outcome.ok) keepLatePrinted(state, module, item.fence, item.outcome);
  if (claim === undefined || !item.outcome.ok || once) return 'stale';
  if (item.inputsHash !== inputsHashOfModule(state, module)) return 'stale';
  const kept = keptOutcome(module, item.outcome);
  if (!kept.outcome.ok) return 'stale';
  if (lacksCopies(state, module, item)) return 'needCopies';
  stopOtherCopy(state, module, module.fence, events);
  const { fence } = module;
  const session = dropClaim(state, module, fence, false);
  if (session !== 0) events.push({ type: 'claimEnded', run: module.run.number, module: module.index, fence, session, why: 'superseded' });
  editModule(state, module).nodeId = claim.nodeId;
  succeed(state, module, item, kept, events);
  return 'accepted';
}

function succeed(state: CellState, module: ModuleRecord, item: ResultItem, kept: KeptOutcome, events: CellEvent[]): void {
  setOutcome(state, module, kept.outcome, kept.valuesBytes);
  if (kept.outcome.files !== undefined) keepHolders(state, module, item.holders ?? []);
  editModule(state, module).acceptedFence = item.fence;
  const { spec } = module.run;
  learnDuration(state, spec.name, specOf(module).name, kept.outcome.durationMs);
  rememberResult(state, module);
  endModule(state, module, 'succeeded', '', events);
  maybeEndRun(state, module.run, events);
}
