/** How modules and runs end: success frees children, failure skips descendants, the last end makes the run final. */
import { assert } from '../lib/assert.ts';
import { jsonText, utf8Length } from '../lib/json-text.ts';
import type { RunNumber } from '../lib/ids.ts';
import { forgetResult, forgetResultsOf } from './cache.ts';
import { FINISHED_AGE_MAX_MS, FINISHED_BYTES_MAX, FINISHED_MODULES_MAX, FINISHED_RUNS_MAX, REASON_LENGTH_MAX, SUMMARY_TAILS_LENGTH_MAX, SUMMARY_VALUES_BYTES_MAX } from './limits.ts';
import { cellMutant } from './mutants.ts';
import { clip, dropClaim, editModule, editRun, setPhase } from './mutate.ts';
import { liveFences } from './accessors.ts';
import { summarySpec } from './run-record.ts';
import { dropSource, keepSource } from './sources.ts';
import { countOf, isFinal, isRunFinal, openModules, type CellState, type ModuleRecord, type RunRecord } from './state.ts';
import type { CellEvent, ModulePhase, Outcome, RunPhase } from './types.ts';
import { nextWave, type Waves } from './waves.ts';

export function moduleEvent(state: CellState, module: ModuleRecord): CellEvent {
  return {
    type: 'module',
    run: module.run.number,
    runId: module.run.runId,
    module: module.index,
    phase: module.phase,
    fence: isFinal(module.phase) && module.acceptedFence !== 0 ? module.acceptedFence : module.fence,
    session: module.session,
    attempt: module.attempt,
    at: state.now,
    note: module.note,
  };
}

/** Any open phase → final. The caller has dropped the claim. */
export function endModule(state: CellState, module: ModuleRecord, phase: ModulePhase, note: string, events: CellEvent[]): void {
  assert(isFinal(phase) && !isFinal(module.phase), 'a module ends once');
  assert(module.session === 0, 'a final module has no live claim');
  setPhase(state, module, phase, note);
  const writable = editModule(state, module);
  writable.finishedAt = state.now;
  writable.notBefore = 0;
  if (module.earlier.length > 0) writable.earlier = [];
  if (phase !== 'failed') writable.checkpoint = null;
  events.push(moduleEvent(state, module));
  const { waves } = module.run;
  if (waves !== null) waves.open[waves.of[module.index]!]!--;
  if (phase === 'succeeded') releaseChildren(state, module, events);
  else if (phase === 'failed') skipDescendants(state, module, events);
  else return;
  if (waves !== null && nextWave(waves)) releaseWave(state, module.run, waves, events);
}

/** A wave begins: what it needs has succeeded, or it was skipped. */
function releaseWave(state: CellState, { modules }: RunRecord, { current, start, list }: Waves, events: CellEvent[]): void {
  for (let at = start[current]!; at < (start[current + 1] ?? 0); at++) {
    const module = modules[list[at]!]!;
    if (module.phase !== 'waiting') continue;
    assert(module.waitingOn === 0 || cellMutant(state, 'claim-before-needs'), 'what a wave needs is in earlier ones');
    setPhase(state, module, 'ready', '');
    events.push(moduleEvent(state, module));
  }
}

/** Children wait for their own needs only, unless the run has a barrier between its waves: then they begin with their wave. */
function releaseChildren(state: CellState, parent: ModuleRecord, events: CellEvent[]): void {
  const { childStart, childList, modules } = parent.run;
  const barrier = parent.run.waves !== null && !cellMutant(state, 'barrier-ignored');
  for (let c = childStart[parent.index]!; c < childStart[parent.index + 1]!; c++) {
    const child = modules[childList[c]!]!;
    const writable = editModule(state, child);
    writable.waitingOn--;
    if ((child.waitingOn > 0 && !cellMutant(state, 'claim-before-needs')) || child.phase !== 'waiting' || barrier) continue;
    setPhase(state, child, 'ready', '');
    events.push(moduleEvent(state, child));
  }
}

function skipDescendants(state: CellState, failed: ModuleRecord, events: CellEvent[]): void {
  const { childStart, childList, modules, spec } = failed.run;
  const stack = [failed.index];
  const note = `needs ${spec.modules[failed.index]!.name}, which failed`;
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    for (let c = childStart[at]!; c < childStart[at + 1]!; c++) {
      const child = modules[childList[c]!]!;
      if (isFinal(child.phase)) continue;
      // One that began before what it needs was lost and failed in its second generation is stopped like any other.
      stopClaims(state, child, events);
      endModule(state, child, 'skipped', note, events);
      stack.push(child.index);
    }
  }
}

/** Makes the run final once no module is open. Call after each change that may have ended the last one. */
export function maybeEndRun(state: CellState, run: RunRecord, events: CellEvent[]): void {
  if (isRunFinal(run.phase) || openModules(run) > 0) return;
  const failed = countOf(run, 'failed');
  if (failed === 0) return endRun(state, run, 'succeeded', '', events);
  const first = run.modules.find((module) => module.phase === 'failed')!;
  const name = run.spec.modules[first.index]!.name;
  const code = first.outcome?.error?.code ?? '';
  endRun(state, run, 'failed', `${name} failed${code === '' ? '' : `: ${code}`}${failed > 1 ? `, and ${failed - 1} more` : ''}`, events);
}

function endRun(state: CellState, run: RunRecord, phase: RunPhase, reason: string, events: CellEvent[]): void {
  const writable = editRun(state, run);
  writable.phase = phase;
  writable.finishedAt = state.now;
  writable.reason = clip(reason, REASON_LENGTH_MAX);
  writable.paused = null;
  writable.waves = null;
  summarise(state, run);
  state.liveModules -= run.modules.length;
  state.finishedModules += run.modules.length;
  state.finishedBytes += run.valuesBytes + run.tailsLength;
  state.finished.set(run.number, run);
  events.push({ type: 'runFinal', run: run.number, runId: run.runId, phase, at: state.now });
}

/** Every open module becomes `cancelled` at this index; nothing of the run is claimed afterwards. */
export function cancelRun(state: CellState, run: RunRecord, reason: string, events: CellEvent[]): void {
  cancelModules(state, run, reason === '' ? 'the run was cancelled' : `the run was cancelled: ${reason}`, events);
  endRun(state, run, 'cancelled', reason === '' ? 'cancelled' : reason, events);
}

/** The run cannot come to a good end any more, whatever its open modules do. @param reason begins with an error code. */
export function failRun(state: CellState, run: RunRecord, reason: string, events: CellEvent[]): void {
  cancelModules(state, run, `the run failed: ${reason}`, events);
  endRun(state, run, 'failed', reason, events);
}

function cancelModules(state: CellState, run: RunRecord, note: string, events: CellEvent[]): void {
  assert(!isRunFinal(run.phase), 'only a live run is cancelled');
  for (const module of run.modules) {
    if (isFinal(module.phase)) continue;
    stopClaims(state, module, events);
    endModule(state, module, 'cancelled', note, events);
  }
}

function stopClaims(state: CellState, module: ModuleRecord, events: CellEvent[]): void {
  for (const fence of liveFences(module)) {
    const session = dropClaim(state, module, fence, false);
    events.push({ type: 'claimEnded', run: module.run.number, module: module.index, fence, session, why: 'cancelled' });
  }
}

export function valuesBytes(outcome: Outcome | null): number {
  if (outcome === null) return 0;
  let bytes = 0;
  for (const [name, value] of Object.entries(outcome.values)) bytes += utf8Length(name) + utf8Length(jsonText(value));
  return bytes;
}

/**
 * Reduces a run that just ended: the spec to names, needs and parameters; values and tails to a budget per run. Tails of
 * failed modules are kept before those of succeeded ones, since they say why.
 */
function summarise(state: CellState, run: RunRecord): void {
  keepSource(state, run);
  const writable = editRun(state, run);
  writable.spec = summarySpec(run.spec);
  writable.summary = true;
  if (run.valuesBytes > SUMMARY_VALUES_BYTES_MAX) {
    writable.valuesBytes = cutOutcomes(state, run.modules, SUMMARY_VALUES_BYTES_MAX, valuesBytes, (module, outcome) => {
      forgetResult(state, module);
      return { ...outcome, values: {}, valuesCut: true };
    });
  }
  if (run.tailsLength > SUMMARY_TAILS_LENGTH_MAX) {
    for (const module of run.modules) {
      if (module.executions.some(({ tail }) => tail !== '')) editModule(state, module).executions = module.executions.map((execution) => ({ ...execution, tail: '' }));
    }
    const failedFirst = [...run.modules.filter((m) => m.phase === 'failed'), ...run.modules.filter((m) => m.phase !== 'failed')];
    const tailLength = (outcome: Outcome | null): number => outcome?.tail.length ?? 0;
    writable.tailsLength = cutOutcomes(state, failedFirst, SUMMARY_TAILS_LENGTH_MAX, tailLength, (_module, outcome) => ({ ...outcome, tail: '' }));
  }
}

/** @returns what is kept, at most `budget`. */
function cutOutcomes(
  state: CellState,
  modules: readonly ModuleRecord[],
  budget: number,
  sizeOf: (outcome: Outcome | null) => number,
  cut: (module: ModuleRecord, outcome: Outcome) => Outcome,
): number {
  let kept = 0;
  for (const module of modules) {
    const size = sizeOf(module.outcome);
    if (size === 0) continue;
    if (kept + size <= budget) kept += size;
    else editModule(state, module).outcome = cut(module, module.outcome!);
  }
  return kept;
}

/** Finished runs over the limits in number, age, modules or bytes, oldest first: what the leader proposes as Retire. */
export function retirable(state: CellState, now: number): RunNumber[] {
  const list: RunNumber[] = [];
  let runs = state.finished.size;
  let modules = state.finishedModules;
  let bytes = state.finishedBytes;
  for (const run of state.finished.values()) {
    const old = run.finishedAt < now - FINISHED_AGE_MAX_MS;
    if (!old && runs <= FINISHED_RUNS_MAX && modules <= FINISHED_MODULES_MAX && bytes <= FINISHED_BYTES_MAX) break;
    list.push(run.number);
    runs--;
    modules -= run.modules.length;
    bytes -= run.valuesBytes + run.tailsLength;
  }
  return list;
}

/** Removes finished runs; a live or unknown one is left alone. */
export function retire(state: CellState, numbers: readonly RunNumber[], events: CellEvent[]): void {
  for (const number of numbers) {
    const run = state.finished.get(number);
    if (run === undefined) continue;
    forgetResultsOf(state, run);
    dropSource(state, run);
    state.finished.delete(number);
    state.runs.delete(number);
    state.finishedModules -= run.modules.length;
    state.finishedBytes -= run.valuesBytes + run.tailsLength;
    events.push({ type: 'runRetired', run: number, runId: run.runId });
  }
}
