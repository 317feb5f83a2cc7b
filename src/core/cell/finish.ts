/** How modules and runs end: success frees children, failure skips descendants, the last end makes the run final. */
import { assert } from '../lib/assert.ts';
import { jsonText, utf8Length } from '../lib/json-text.ts';
import type { RunNumber } from '../lib/ids.ts';
import { forgetResult, forgetResultsOf } from './cache.ts';
import { FINISHED_AGE_MAX_MS, FINISHED_BYTES_MAX, FINISHED_MODULES_MAX, FINISHED_RUNS_MAX, LIVE_MODULES_MAX, REASON_LENGTH_MAX, SUMMARY_TAILS_LENGTH_MAX, SUMMARY_VALUES_BYTES_MAX } from './limits.ts';
import { cellMutant } from './mutants.ts';
import { clip, dropClaim, editModule, editRun, setOutcome, setPhase } from './mutate.ts';
import { liveFences, moduleName, specOf } from './accessors.ts';
import { appendItems, countItems, expansionOf, itemsOf } from './foreach.ts';
import { digestsBytes, ownFailure } from './outcome.ts';
import { summarySpec } from './run-record.ts';
import { dropSource, keepSource } from './sources.ts';
import { countOf, isFinal, isRunFinal, openModules, phaseOrdinal, type CellState, type ModuleRecord, type RunRecord } from './state.ts';
import type { CellEvent, ModulePhase, Outcome, RunPhase } from './types.ts';
import { nextWave, restPhase, type Waves } from './waves.ts';

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
  closeModule(state, module, phase, note, events);
  if (module.item !== -1) return itemEnded(state, module, events);
  if (phase === 'succeeded') releaseChildren(state, module, events);
  else if (phase === 'failed') skipDescendants(state, module, events);
  else return;
  releaseWaves(state, module.run, events);
}

/** The end of one module, without what follows from it. */
function closeModule(state: CellState, module: ModuleRecord, phase: ModulePhase, note: string, events: CellEvent[]): void {
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
  if (waves !== null && module.item === -1) waves.open[waves.of[module.index]!]!--;
}

/** More than one begins when all lists of a wave are empty. */
function releaseWaves(state: CellState, run: RunRecord, events: CellEvent[]): void {
  const { waves } = run;
  if (waves === null) return;
  while (nextWave(waves)) releaseWave(state, run, waves, events);
}

/** A wave begins: what it needs has succeeded, or it was skipped. */
function releaseWave(state: CellState, { modules }: RunRecord, { current, start, list }: Waves, events: CellEvent[]): void {
  for (let at = start[current]!; at < (start[current + 1] ?? 0); at++) {
    const module = modules[list[at]!]!;
    if (module.phase === 'expanded') resumeItems(state, module, events);
    if (module.phase !== 'waiting') continue;
    assert(module.waitingOn === 0 || cellMutant(state, 'claim-before-needs'), 'what a wave needs is in earlier ones');
    if (begin(state, module, events)) releaseChildren(state, module, events);
  }
}

/** Children wait for their own needs only, unless the run has a barrier between its waves: then they begin with their wave. */
function releaseChildren(state: CellState, parent: ModuleRecord, events: CellEvent[]): void {
  const { childStart, childList, modules } = parent.run;
  const barrier = parent.run.waves !== null && !cellMutant(state, 'barrier-ignored');
  // One with an empty list ends as it begins, and so may the next one: a loop, since there may be many in a row.
  const ended = [parent.index];
  for (const at of ended) {
    for (let c = childStart[at]!; c < childStart[at + 1]!; c++) {
      const child = modules[childList[c]!]!;
      const writable = editModule(state, child);
      writable.waitingOn--;
      if (child.phase === 'expanded') resumeItems(state, child, events);
      if ((child.waitingOn > 0 && !cellMutant(state, 'claim-before-needs')) || child.phase !== 'waiting' || barrier) continue;
      if (begin(state, child, events)) ended.push(child.index);
    }
  }
}

/** All that it waits for is there: it is ready, or what it goes over is known now. @returns whether it succeeded at once. */
function begin(state: CellState, module: ModuleRecord, events: CellEvent[]): boolean {
  if (specOf(module).foreach !== undefined) return expand(state, module, events);
  setPhase(state, module, 'ready', '');
  events.push(moduleEvent(state, module));
  return false;
}

/** Those of a run that was just submitted, maybe once more, which wait for nothing. */
export function expandFirst(state: CellState, run: RunRecord, events: CellEvent[]): void {
  for (let index = 0; index < run.spec.modules.length; index++) {
    const module = run.modules[index]!;
    // Of a run that is run again all may be there that a later wave needs.
    const later = run.waves !== null && run.waves.of[index]! > run.waves.current;
    if (run.spec.modules[index]!.foreach === undefined || module.phase !== 'waiting' || module.waitingOn > 0 || later) continue;
    if (expand(state, module, events)) releaseChildren(state, module, events);
  }
  releaseWaves(state, run, events);
  maybeEndRun(state, run, events);
}

/** Its items become modules of the run. Too many of them, or a list that is none, is a failure of the module. @returns whether there are none. */
function expand(state: CellState, template: ModuleRecord, events: CellEvent[]): boolean {
  // Only for a mutant: its list is not there yet.
  if (template.waitingOn > 0) return false;
  const { run } = template;
  const count = countItems(run, specOf(template).foreach!);
  const problem = typeof count !== 'number' ? count.problem : roomProblem(state, run, count);
  if (typeof count !== 'number' || problem !== '') {
    setOutcome(state, template, ownFailure('MODULE_FOREACH', problem), 0);
    closeModule(state, template, 'failed', problem, events);
    skipDescendants(state, template, events);
    return false;
  }
  editModule(state, template).startedAt = state.now;
  const { first } = appendItems(run, template, count);
  run.counts[phaseOrdinal.ready]! += count;
  state.liveModules += count;
  setPhase(state, template, 'expanded', '');
  events.push({ type: 'expanded', run: run.number, runId: run.runId, module: template.index, first, count, at: state.now });
  if (count > 0) return false;
  setOutcome(state, template, gathered(state, template), 0);
  closeModule(state, template, 'succeeded', 'its list is empty', events);
  return true;
}

/** A run with more modules than are kept of all finished runs together would be gone as it ends. */
function roomProblem({ liveModules }: CellState, { modules }: RunRecord, count: number): string {
  if (liveModules + count > LIVE_MODULES_MAX) return `its list has ${count} items, and live runs would have more than ${LIVE_MODULES_MAX} modules`;
  return modules.length + count > FINISHED_MODULES_MAX ? `its list has ${count} items, and the run would have more than ${FINISHED_MODULES_MAX} modules` : '';
}

function gathered(state: CellState, { startedAt }: ModuleRecord): Outcome {
  return { ok: true, values: {}, error: null, exitCode: null, tail: '', startedAt, durationMs: state.now - startedAt };
}

/** The last one ends its module; with `fail-fast` the first that fails ends the others, too. */
function itemEnded(state: CellState, item: ModuleRecord, events: CellEvent[]): void {
  const { run, phase } = item;
  const expansion = expansionOf(item);
  const template = run.modules[item.template]!;
  editRun(state, run);
  expansion.open--;
  if (phase === 'failed') expansion.failed++;
  // Cancelled with its run.
  if (isFinal(template.phase)) return;
  if (phase === 'failed' && specOf(item).foreach!.failFast && !cellMutant(state, 'fail-fast-ignored')) {
    const note = `${moduleName(item)} failed (fail-fast)`;
    for (const other of itemsOf(run, expansion)) if (!isFinal(other.phase)) cancelModule(state, other, note, events);
  }
  if (expansion.open > 0 || isFinal(template.phase)) return;
  if (expansion.failed === 0) {
    setOutcome(state, template, gathered(state, template), 0);
    return endModule(state, template, 'succeeded', '', events);
  }
  const first = itemsOf(run, expansion).find((other) => other.phase === 'failed')!;
  const code = first.outcome?.error?.code ?? '';
  const message = `${moduleName(first)} failed${code === '' ? '' : `: ${code}`}${expansion.failed > 1 ? `, and ${expansion.failed - 1} more` : ''}`;
  setOutcome(state, template, ownFailure('MODULE_FOREACH', message), 0);
  endModule(state, template, 'failed', message, events);
}

/**
 * What its list comes from was made again, or an earlier wave has ended once more. Its items go on, unless there are not as
 * many of them as before: then nobody knows which is which.
 */
function resumeItems(state: CellState, template: ModuleRecord, events: CellEvent[]): void {
  if (restPhase(template) === 'waiting') return;
  const { run } = template;
  const expansion = run.expansions.get(template.index)!;
  const count = countItems(run, specOf(template).foreach!);
  if (count !== expansion.count) {
    const now = typeof count === 'number' ? `has ${count}` : `cannot be used: ${count.problem}`;
    const message = `its list had ${expansion.count} items, and ${now} after it was made again`;
    endItems(state, template, 'cancelled', message, events);
    setOutcome(state, template, ownFailure('MODULE_FOREACH', message), 0);
    closeModule(state, template, 'failed', message, events);
    return skipDescendants(state, template, events);
  }
  for (const item of itemsOf(run, expansion)) {
    if (item.phase !== 'waiting') continue;
    setPhase(state, item, 'ready', '');
    events.push(moduleEvent(state, item));
  }
}

/** The open items of a module that ends without them. */
function endItems(state: CellState, template: ModuleRecord, phase: 'skipped' | 'cancelled', note: string, events: CellEvent[]): void {
  const expansion = template.run.expansions.get(template.index);
  if (template.phase !== 'expanded' || expansion === undefined) return;
  for (const item of itemsOf(template.run, expansion)) {
    if (isFinal(item.phase)) continue;
    stopClaims(state, item, events);
    closeModule(state, item, phase, note, events);
    expansion.open--;
  }
}

/** Its claims end, and their executions are told to stop. */
function cancelModule(state: CellState, module: ModuleRecord, note: string, events: CellEvent[]): void {
  stopClaims(state, module, events);
  endModule(state, module, 'cancelled', note, events);
}

function skipDescendants(state: CellState, failed: ModuleRecord, events: CellEvent[]): void {
  const { childStart, childList, modules } = failed.run;
  const stack = [failed.index];
  const note = `needs ${moduleName(failed)}, which failed`;
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    for (let c = childStart[at]!; c < childStart[at + 1]!; c++) {
      const child = modules[childList[c]!]!;
      if (isFinal(child.phase)) continue;
      // One that began before what it needs was lost and failed in its second generation is stopped like any other.
      stopClaims(state, child, events);
      endItems(state, child, 'skipped', note, events);
      closeModule(state, child, 'skipped', note, events);
      stack.push(child.index);
    }
  }
}

/** Makes the run final once no module is open. Call after each change that may have ended the last one. */
export function maybeEndRun(state: CellState, run: RunRecord, events: CellEvent[]): void {
  if (isRunFinal(run.phase) || openModules(run) > 0) return;
  if (countOf(run, 'failed') === 0) return endRun(state, run, 'succeeded', '', events);
  // A module with `foreach` says no more than those of its items that failed.
  const all = run.modules.filter((module) => module.phase === 'failed' && (run.expansions.get(module.index)?.failed ?? 0) === 0);
  const [first] = all;
  assert(first !== undefined, 'a module failed, and not for one of its items');
  const failed = all.length;
  const name = moduleName(first);
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
    if (!isFinal(module.phase)) cancelModule(state, module, note, events);
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
  let bytes = digestsBytes(outcome.digests);
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
      const { digests: _digests, ...rest } = outcome;
      return { ...rest, values: {}, valuesCut: true };
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
