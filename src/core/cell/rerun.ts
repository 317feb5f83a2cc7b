/** A finished run once more, as a new run of the same specification; what succeeded may be taken over. */
import { assert } from '../lib/assert.ts';
import type { LogIndex } from '../lib/ids.ts';
import type { Slice } from '../lib/slice.ts';
import { valuesBytes } from './finish.ts';
import { appendItems, countItems } from './foreach.ts';
import { orderInSlices } from './needs.ts';
import { cachedNote, reused } from './reuse.ts';
import { newRunInSlices } from './run-record.ts';
import { checkInSlices, type SpecProblem } from './run-spec.ts';
import { countOf, isRunFinal, phaseOrdinal, timeAfter, type CellState, type ModuleRecord, type RunRecord } from './state.ts';
import type { Command, ModulePhase, ModuleSpec } from './types.ts';
import { nextWave, restPhase } from './waves.ts';

type Rerun = Extract<Command, { type: 'rerun' }>;
type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Steps (`Slice`) for a module that is taken over. */
const MODULE_STEPS = 20;

/** As `prepareSubmit`: everything that changes nothing yet. */
export function* prepareRerun(state: CellState, index: LogIndex, command: Rerun, slice: Slice): Generator<undefined, RunRecord | SpecProblem> {
  assert(state.cellId !== '', 'runs are those of a founded cell');
  const before = state.runs.get(command.run);
  if (before === undefined) return { code: 'RUN_NOT_FOUND', message: `no run ${command.run}` };
  if (!isRunFinal(before.phase)) return { code: 'RUN_LIVE', message: `run ${before.shortId} has not ended yet; only finished runs are run again` };
  const spec = before.source === null ? undefined : yield* state.hooks.decodeSubmit(before.source, slice);
  if (spec === undefined) return { code: 'RUN_SPEC_GONE', message: `the specification of run ${before.shortId} is not kept any more: submit its pipeline again` };
  const checked = yield* checkInSlices(spec, slice);
  if ('code' in checked) return checked;
  const run: Writable<RunRecord> = yield* newRunInSlices({ cell: state.cellId, number: index, spec, requestKey: command.requestKey, at: timeAfter(state, command.now), revision: index }, checked, slice);
  run.rerunOf = before.number;
  if (!command.failedOnly) return run;
  yield* takeOver(state, run, before, slice);
  if (countOf(run, 'succeeded') === run.modules.length) return { code: 'RUN_SUCCEEDED', message: `nothing of run ${before.shortId} has failed` };
  return run;
}

/**
 * What succeeded, was kept whole and stands on nothing else than what is taken over as well. The records are nobody's yet,
 * so they are written without the ceremony of `mutate.ts`.
 */
function* takeOver(state: CellState, run: Writable<RunRecord>, before: RunRecord, slice: Slice): Generator<undefined, void> {
  const taken = new Uint8Array(run.modules.length);
  const order = yield* orderInSlices(run.spec.modules, slice, run);
  for (const index of order) {
    const source = before.modules[index]!;
    const own = run.spec.modules[index]!;
    const { needs } = own;
    const standing = needs.every((need) => taken[need] === 1);
    const items = standing ? takeItems(state, run, before, index) : 0;
    if (standing && isWhole(source, own) && items === 'all') {
      taken[index] = 1;
      take(state, run, run.modules[index]!, source);
    }
    if (slice.spent(MODULE_STEPS * (1 + (before.expansions.get(index)?.count ?? 0)) + needs.length)) yield undefined;
  }
  if (run.waves !== null) nextWave(run.waves);
  for (const module of run.modules) {
    if (module.phase === 'succeeded') continue;
    (module as Writable<ModuleRecord>).checkpoint = oldOf(before, module)?.checkpoint ?? null;
    const isTemplate = module.item === -1 && run.spec.modules[module.index]!.foreach !== undefined;
    if (isTemplate && run.expansions.has(module.index)) {
      setPhase(run, module, 'expanded');
      (module as Writable<ModuleRecord>).startedAt = run.submittedAt;
    } else setPhase(run, module, isTemplate ? 'waiting' : restPhase(module));
    if (slice.spent(1)) yield undefined;
  }
}

/** The same module of the run before. */
function oldOf(before: RunRecord, { index, template, item }: ModuleRecord): ModuleRecord | undefined {
  return item === -1 ? before.modules[index] : before.modules[(before.expansions.get(template)?.first ?? 0) + item];
}

/** What is known to be lost is made again at once, unless it touches the world outside. */
function isWhole({ phase, outcome, holders }: ModuleRecord, { effectful }: ModuleSpec): boolean {
  if (phase !== 'succeeded' || outcome === null || outcome.valuesCut === true) return false;
  return outcome.files === undefined || holders.length > 0 || effectful;
}

/**
 * A module with `foreach` stands on the same as before, so its list is the same, unless it was made anew after the items
 * had begun: of its items those that succeeded are taken over, too. @returns whether that are all of them, as of a module
 * that has none.
 */
function takeItems(state: CellState, run: Writable<RunRecord>, before: RunRecord, template: number): 'all' | 'some' {
  const old = before.expansions.get(template);
  if (old === undefined) return 'all';
  if (countItems(run, run.spec.modules[template]!.foreach!) !== old.count) return 'some';
  const expansion = appendItems(run, run.modules[template]!, old.count);
  run.counts[phaseOrdinal.ready]! += old.count;
  for (let item = 0; item < old.count; item++) {
    const source = before.modules[old.first + item]!;
    if (!isWhole(source, run.spec.modules[template]!)) continue;
    take(state, run, run.modules[expansion.first + item]!, source);
    expansion.open--;
  }
  return expansion.open === 0 ? 'all' : 'some';
}

function take(state: CellState, run: Writable<RunRecord>, module: ModuleRecord, source: ModuleRecord): void {
  const { outcome } = source;
  setPhase(run, module, 'succeeded');
  Object.assign(module, { outcome, finishedAt: run.submittedAt, note: cachedNote(state, source), ...reused(source, run.submittedAt) });
  run.valuesBytes += valuesBytes(outcome);
  run.tailsLength += outcome?.tail.length ?? 0;
  if (module.item !== -1) return;
  if (run.waves !== null) run.waves.open[run.waves.of[module.index]!]!--;
  const { childStart, childList, modules } = run;
  for (let c = childStart[module.index]!; c < childStart[module.index + 1]!; c++) (modules[childList[c]!] as Writable<ModuleRecord>).waitingOn--;
}

function setPhase({ counts }: RunRecord, module: ModuleRecord, phase: ModulePhase): void {
  counts[phaseOrdinal[module.phase]]!--;
  counts[phaseOrdinal[phase]]!++;
  (module as Writable<ModuleRecord>).phase = phase;
}
