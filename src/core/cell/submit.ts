/**
 * Submit, in one entry or in parts: a new run, once per request key. What takes long for a large one (decoding, checking,
 * making the records) comes first, in slices, and changes nothing; the change itself is made at once, at the end.
 */
import { assert } from '../lib/assert.ts';
import type { LogIndex } from '../lib/ids.ts';
import type { Slice } from '../lib/slice.ts';
import { expandFirst, moduleEvent } from './finish.ts';
import { touchPipeline } from './learned.ts';
import { LIVE_MODULES_MAX, LIVE_RUNS_MAX } from './limits.ts';
import { refuse, type Applied } from './reply.ts';
import { addPart, answerForKey, dropUnfinished, lastPartOf, rememberKey } from './requests.ts';
import { prepareRerun } from './rerun.ts';
import { newRunInSlices } from './run-record.ts';
import { checkInSlices, type SpecProblem } from './run-spec.ts';
import { isFinal, timeAfter, type CellState, type RunRecord } from './state.ts';
import type { CellEvent, Command, Reply, RunSpec } from './types.ts';

/** The run as it will be, which nothing refers to yet, or why there will be none. */
export type PreparedRun = RunRecord | SpecProblem;

type Submit = Extract<Command, { type: 'submit' }>;
type SubmitPart = Extract<Command, { type: 'submitPart' }>;
type Rerun = Extract<Command, { type: 'rerun' }>;

function refused(reply: Reply): Applied {
  return { reply, events: [] };
}

/**
 * Everything about entry `index` that can be done before it is applied. `state` is that before the entry, and must stay so
 * until it is applied. @returns undefined when the entry makes no run, or needs no more than a look to be refused.
 */
export function* prepareSubmit(state: CellState, index: LogIndex, command: Submit | SubmitPart | Rerun, slice: Slice): Generator<undefined, PreparedRun | undefined> {
  if (state.cellId === '' || state.closedFor !== '' || answerForKey(state, command.requestKey) !== undefined) return undefined;
  if (command.type === 'rerun') return yield* prepareRerun(state, index, command, slice);
  if (command.type === 'submit') return yield* prepareSpec(state, index, command, command.spec, slice);
  const parts = lastPartOf(state, command);
  return parts === undefined ? undefined : yield* prepareParts(state, index, command, parts, slice);
}

function* prepareParts(state: CellState, index: LogIndex, command: SubmitPart, parts: readonly Uint8Array[], slice: Slice): Generator<undefined, PreparedRun> {
  const spec = yield* state.hooks.decodeSubmit(yield* joined(parts, slice), slice);
  if (spec === undefined) return { code: 'REQUEST_INVALID', message: 'the parts do not make a submit' };
  return yield* prepareSpec(state, index, command, spec, slice);
}

function* prepareSpec(state: CellState, index: LogIndex, { requestKey, now }: Submit | SubmitPart, spec: RunSpec, slice: Slice): Generator<undefined, PreparedRun> {
  assert(state.cellId !== '', 'runs are submitted to a founded cell');
  const checked = yield* checkInSlices(spec, slice);
  if ('code' in checked) return checked;
  return yield* newRunInSlices({ cell: state.cellId, number: index, spec, requestKey, at: timeAfter(state, now), revision: index }, checked, slice);
}

/** Bytes that are copied in one step. */
const COPIED_PER_STEP = 64;

function* joined(parts: readonly Uint8Array[], slice: Slice): Generator<undefined, Uint8Array> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
    if (slice.spent(part.length / COPIED_PER_STEP)) yield undefined;
  }
  return whole;
}

/** The run number is the index of this entry. A refused key may be used again. */
export function submit(state: CellState, { requestKey }: Submit | SubmitPart | Rerun, prepared: PreparedRun | undefined): Applied {
  const stored = answerForKey(state, requestKey);
  if (stored !== undefined) return refused(stored);
  assert(prepared !== undefined, 'a submit that is not answered already is prepared');
  if ('code' in prepared) return refused(refuse(prepared.code, prepared.message));
  const run = prepared;
  assert(run.number === state.appliedIndex && run.submittedAt === state.now, 'a run is prepared for its entry');
  if (state.runs.size - state.finished.size >= LIVE_RUNS_MAX) return refused(refuse('LIMIT_EXCEEDED', `${LIVE_RUNS_MAX} runs are live`));
  if (state.liveModules + run.modules.length > LIVE_MODULES_MAX) {
    return refused(refuse('LIMIT_EXCEEDED', `live runs would have more than ${LIVE_MODULES_MAX} modules`));
  }
  state.runs.set(run.number, run);
  state.liveModules += run.modules.length;
  state.established = true;
  rememberKey(state, requestKey, run.number);
  touchPipeline(state, run.spec.name);
  const events: CellEvent[] = [{ type: 'runSubmitted', run: run.number, runId: run.runId, at: state.now }, ...takenOver(state, run)];
  expandFirst(state, run, events);
  return { reply: { type: 'run', run: run.number, runId: run.runId, duplicate: false }, events };
}

/** @param prepared when this is the last part. */
export function submitPart(state: CellState, command: SubmitPart, prepared: PreparedRun | undefined): Applied {
  const stored = answerForKey(state, command.requestKey);
  if (stored !== undefined) {
    dropUnfinished(state, command.requestKey);
    return refused(stored);
  }
  const added = addPart(state, command);
  if (added !== 'whole') return refused(added.reply);
  return submit(state, command, prepared);
}

/** Of a run that is run again: what need not be. */
function takenOver(state: CellState, run: RunRecord): CellEvent[] {
  if (run.rerunOf === 0) return [];
  const expanded = Array.from(run.expansions.values(), ({ template, first, count }): CellEvent => ({ type: 'expanded', run: run.number, runId: run.runId, module: template, first, count, at: state.now }));
  return [...expanded, ...run.modules.filter(({ phase }) => isFinal(phase)).map((module) => moduleEvent(state, module))];
}
