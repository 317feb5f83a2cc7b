/**
 * Invalidate: what a module left is lost with all its copies and still needed, so it runs again with the next generation.
 * Its children that have not begun wait again; those that have go on, and hand back what they cannot fetch. Their results
 * count, unless by then it was made again and is something else. What touches the world outside is not done a second time:
 * then the run fails.
 */
import { moduleName, specOf } from './accessors.ts';
import { forgetResult } from './cache.ts';
import { areFilesMissed, presentHolders } from './copies.ts';
import { failRun, moduleEvent, valuesBytes } from './finish.ts';
import { expansionOf, producersOf } from './foreach.ts';
import { GENERATIONS_MAX, ITEMS_PER_ENTRY_MAX } from './limits.ts';
import { cellMutant } from './mutants.ts';
import { editModule, editRun, keepExecution, setPhase } from './mutate.ts';
import { ok, refuse, type Applied } from './reply.ts';
import { isFinal, moduleAt, type CellState, type ModuleRecord, type RunRecord } from './state.ts';
import type { CellEvent, Command } from './types.ts';
import { reopenWave, restPhase } from './waves.ts';

export function invalidate(state: CellState, { items }: Extract<Command, { type: 'invalidate' }>): Applied {
  if (items.length > ITEMS_PER_ENTRY_MAX) return { reply: refuse('LIMIT_EXCEEDED', `more than ${ITEMS_PER_ENTRY_MAX} modules in one entry`), events: [] };
  const events: CellEvent[] = [];
  for (const { run, module, generation } of items) {
    const record = moduleAt(state, run, module);
    if (record === undefined || record.generation !== generation || invalidateProblem(state, record) !== '') continue;
    invalidateOne(state, record, events);
  }
  return { reply: ok, events };
}

/** Why a module does not run again, or ''. The reducer and the leader share this rule. */
export function invalidateProblem(state: CellState, module: ModuleRecord): string {
  if (!areFilesMissed(module)) return 'nobody needs what it left';
  return presentHolders(state, module).length > 0 ? 'a node that has it is there' : '';
}

function invalidateOne(state: CellState, module: ModuleRecord, events: CellEvent[]): void {
  const { run } = module;
  const spec = specOf(module);
  const lost = `${lostText(state, module)} lost`;
  if (spec.effectful) return failRun(state, run, `OUTPUT_LOST: ${lost}, and ${moduleName(module)} is effectful: it is not run again`, events);
  if (module.generation >= GENERATIONS_MAX) return failRun(state, run, `OUTPUT_LOST: ${lost}, for the ${GENERATIONS_MAX}th time`, events);
  reopen(state, module, `runs again: ${lost}`, events);
}

/** `output parts of split is` */
function lostText(state: CellState, module: ModuleRecord): string {
  const names = Object.keys(module.outcome?.files ?? {}).sort();
  const gone = module.holders.map((node) => state.nodeNames.get(node) ?? node.slice(-8));
  const where = gone.length === 0 ? '' : ` (${gone.join(', ')} had ${names.length === 1 ? 'it' : 'them'})`;
  return `output${names.length === 1 ? '' : 's'} ${names.join(', ')} of ${moduleName(module)}${where} ${names.length === 1 ? 'is' : 'are'}`;
}

function reopen(state: CellState, module: ModuleRecord, note: string, events: CellEvent[]): void {
  const { run } = module;
  const totals = editRun(state, run);
  totals.valuesBytes -= valuesBytes(module.outcome);
  totals.tailsLength -= module.outcome?.tail.length ?? 0;
  totals.remade++;
  const { outcome, acceptedFence, attempt, nodeId } = module;
  if (outcome !== null && nodeId !== '' && acceptedFence !== 0) keepExecution(state, module, { fence: acceptedFence, attempt, nodeId, code: 'OUTPUT_LOST', tail: outcome.tail, log: outcome.log ?? null });
  const writable = editModule(state, module);
  if (!cellMutant(state, 'invalidate-keeps-generation')) {
    writable.generation++;
    writable.staleFence = module.fence;
  }
  forgetResult(state, module);
  // Its last execution is over, whoever comes back with it.
  writable.countedFence = module.fence;
  Object.assign(writable, { attempt: 0, failures: 0, losses: 0, lostFence: 0, acceptedFence: 0, hedged: false, notBefore: 0, finishedAt: 0, inputsMissed: 0 });
  Object.assign(writable, { outcome: null, holders: [], valuesDigest: null, reusedFrom: 0 });
  if (module.item !== -1) return reopenItem(state, module, note, events);
  const holdsWaves = run.waves !== null && reopenWave(run.waves, module.index);
  setPhase(state, module, restPhase(module), note);
  events.push(moduleEvent(state, module));
  holdChildren(state, module, events);
  if (holdsWaves) holdLaterWaves(state, run, events);
}

/** What needs its module waits for it again. */
function reopenItem(state: CellState, item: ModuleRecord, note: string, events: CellEvent[]): void {
  const { run } = item;
  const template = run.modules[item.template]!;
  const writable = editModule(state, template);
  const wasOver = template.phase === 'succeeded';
  expansionOf(item).open++;
  writable.valuesDigest = null;
  let holdsWaves = false;
  if (wasOver) {
    editRun(state, run).remade++;
    Object.assign(writable, { outcome: null, finishedAt: 0, reusedFrom: 0, generation: template.generation + 1 });
    holdsWaves = run.waves !== null && reopenWave(run.waves, template.index);
    setPhase(state, template, 'expanded', `${moduleName(item)} ${note}`);
    events.push(moduleEvent(state, template));
  }
  setPhase(state, item, restPhase(item), note);
  events.push(moduleEvent(state, item));
  if (!wasOver) return;
  holdChildren(state, template, events);
  if (holdsWaves) holdLaterWaves(state, run, events);
}

function holdChildren(state: CellState, { run, index }: ModuleRecord, events: CellEvent[]): void {
  const note = `waits for ${run.spec.modules[index]!.name}, which runs again`;
  for (let at = run.childStart[index]!; at < run.childStart[index + 1]!; at++) {
    const child = run.modules[run.childList[at]!]!;
    const writable = editModule(state, child);
    writable.waitingOn++;
    // It waits already for something else, and so do its items.
    if (child.waitingOn > 1) continue;
    writable.inputsHash = '';
    hold(state, child, note, events);
    if (child.phase === 'expanded') holdItems(state, child, note, events);
  }
}

function holdItems(state: CellState, template: ModuleRecord, note: string, events: CellEvent[]): void {
  for (const item of producersOf(template.run, template.index)) {
    if (isFinal(item.phase)) continue;
    editModule(state, item).inputsHash = '';
    hold(state, item, note, events);
  }
}

function holdLaterWaves(state: CellState, run: RunRecord, events: CellEvent[]): void {
  for (const module of run.modules) hold(state, module, 'an earlier wave is open again', events);
}

function hold(state: CellState, module: ModuleRecord, note: string, events: CellEvent[]): void {
  if (module.phase !== 'ready' || restPhase(module) === 'ready') return;
  setPhase(state, module, 'waiting', note);
  events.push(moduleEvent(state, module));
}
