/**
 * Every change of a run, a module or a session. `edit…` is the door: it hands out the writable view of a record and
 * marks what was touched, so an undo journal needs to hook only these three functions (it copies a record the first
 * time that its door is opened).
 */
import { assert } from '../lib/assert.ts';
import type { Fence, SessionId } from '../lib/ids.ts';
import { EARLIER_CLAIMS_MAX, EARLIER_EXECUTIONS_MAX, NOTE_LENGTH_MAX, SUMMARY_TAILS_LENGTH_MAX, TAILS_PER_RUN_LENGTH_MAX } from './limits.ts';
import { leaveSeats, takeSeats } from './seats.ts';
import { phaseOrdinal, type CellState, type EarlierClaim, type HedgeClaim, type ModuleRecord, type RunRecord, type SessionRecord } from './state.ts';
import type { EarlierExecution, ModulePhase, Outcome } from './types.ts';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export function editRun(state: CellState, run: RunRecord): Writable<RunRecord> {
  const writable = run as Writable<RunRecord>;
  writable.revision = state.appliedIndex;
  return writable;
}

export function editModule(state: CellState, module: ModuleRecord): Writable<ModuleRecord> {
  (module.run as Writable<RunRecord>).revision = state.appliedIndex;
  return module;
}

export function editSession(_state: CellState, session: SessionRecord): Writable<SessionRecord> {
  return session;
}

/** Cut to `max` characters; half a surrogate pair would not survive the wire. */
export function clip(text: string, max: number): string {
  const cut = text.length > max ? text.slice(0, max) : text;
  return cut.isWellFormed() ? cut : cut.toWellFormed();
}

export function setPhase(state: CellState, module: ModuleRecord, phase: ModulePhase, note: string): void {
  const { counts } = module.run;
  counts[phaseOrdinal[module.phase]]!--;
  counts[phaseOrdinal[phase]]!++;
  const expansion = module.item === -1 ? undefined : module.run.expansions.get(module.template);
  if (expansion !== undefined) expansion.claimed += (phase === 'claimed' ? 1 : 0) - (module.phase === 'claimed' ? 1 : 0);
  const writable = editModule(state, module);
  writable.phase = phase;
  writable.note = clip(note, NOTE_LENGTH_MAX);
}

/** Counts a claim where it is looked for by others. */
function hold(state: CellState, module: ModuleRecord, session: SessionRecord, fence: Fence): void {
  const holder = editSession(state, session);
  holder.milliCpuUsed += module.requirement.milliCpu;
  holder.memoryUsed += module.requirement.memory;
  editRun(state, module.run).milliCpuUsed += module.requirement.milliCpu;
  session.claims.set(fence, module);
  takeSeats(state, module, session.id, fence);
}

function letGo(state: CellState, module: ModuleRecord, id: SessionId, fence: Fence, over: boolean): void {
  const session = state.sessions.get(id);
  assert(session !== undefined, 'a live claim has a session');
  assert(session.claims.delete(fence), 'a session knows its claims');
  const holder = editSession(state, session);
  holder.milliCpuUsed -= module.requirement.milliCpu;
  holder.memoryUsed -= module.requirement.memory;
  editRun(state, module.run).milliCpuUsed -= module.requirement.milliCpu;
  leaveSeats(state, module, id, fence, over);
}

/** ready → claimed, under a fence that was never used before or, for a returning session, under its own last fence. */
export function setClaim(state: CellState, module: ModuleRecord, session: SessionRecord, fence: Fence, note: string): void {
  assert(module.session === 0 && module.hedge === null, 'a module has one first claim');
  assert(fence >= module.fence, 'fences rise');
  setPhase(state, module, 'claimed', note);
  const writable = editModule(state, module);
  if (fence !== module.fence) {
    if (module.fence !== module.countedFence && module.nodeId !== '') keepEarlier(state, module, { fence: module.fence, nodeId: module.nodeId });
    writable.fence = fence;
  }
  writable.session = session.id;
  writable.nodeId = session.nodeId;
  hold(state, module, session, fence);
}

/** A second live claim. */
export function setHedge(state: CellState, module: ModuleRecord, session: SessionRecord, hedge: HedgeClaim): void {
  assert(module.session !== 0 && module.hedge === null, 'a copy is made of a module that is executed once');
  assert(hedge.fence > module.fence && hedge.nodeId !== module.nodeId, 'a copy has a fence and a node of its own');
  const writable = editModule(state, module);
  writable.hedge = hedge;
  writable.hedged = true;
  editRun(state, module.run).hedges++;
  hold(state, module, session, hedge.fence);
}

/** The same execution, in another session of its node. */
export function moveClaim(state: CellState, module: ModuleRecord, fence: Fence, session: SessionRecord): void {
  const { hedge } = module;
  const first = fence === module.fence;
  assert(first ? module.session !== 0 : hedge?.fence === fence, 'only a live claim moves');
  letGo(state, module, first ? module.session : hedge!.session, fence, true);
  const writable = editModule(state, module);
  if (first) writable.session = session.id;
  else writable.hedge = { ...hedge!, session: session.id };
  hold(state, module, session, fence);
}

/** A claim that ended and whose execution may still deliver; the newest are kept. */
export function keepEarlier(state: CellState, module: ModuleRecord, claim: EarlierClaim): void {
  editModule(state, module).earlier = [...module.earlier.slice(1 - EARLIER_CLAIMS_MAX), claim];
}

/**
 * Ends the live claim of this fence, if there is one, and gives its reservation back. Of two copies the other one is the
 * claim of the module from then on; else the phase is the caller's to change.
 * @param over its execution has ended, as far as its node says, or never began; false = it is told to stop.
 * @returns its session or 0.
 */
export function dropClaim(state: CellState, module: ModuleRecord, fence: Fence, over: boolean): SessionId {
  const { hedge } = module;
  const first = fence === module.fence;
  const id = first ? module.session : hedge?.fence === fence ? hedge.session : 0;
  if (id === 0) return 0;
  letGo(state, module, id, fence, over);
  const writable = editModule(state, module);
  if (hedge === null) writable.session = 0;
  else {
    writable.hedge = null;
    editRun(state, module.run).hedges--;
    if (first) Object.assign(writable, { fence: hedge.fence, session: hedge.session, nodeId: hedge.nodeId, startedAt: hedge.startedAt });
  }
  return id;
}

export function setOutcome(state: CellState, module: ModuleRecord, outcome: Outcome, valuesBytes: number): void {
  const run = editRun(state, module.run);
  run.tailsLength += outcome.tail.length - (module.outcome?.tail.length ?? 0);
  run.valuesBytes += valuesBytes;
  editModule(state, module).outcome = outcome;
}

/** An execution ended and does not count: what is left of its output is remembered, in its place if it was believed to be lost. */
export function keepExecution(state: CellState, module: ModuleRecord, execution: EarlierExecution): void {
  const { run, executions } = module;
  const lengthMax = state.finished.has(run.number) ? SUMMARY_TAILS_LENGTH_MAX : TAILS_PER_RUN_LENGTH_MAX;
  const tail = run.tailsLength + execution.tail.length <= lengthMax ? execution.tail : '';
  const kept = { ...execution, tail };
  const isKnown = executions.some(({ fence }) => fence === execution.fence);
  setExecutions(state, module, isKnown ? executions.map((each) => (each.fence === execution.fence ? kept : each)) : [...executions.slice(1 - EARLIER_EXECUTIONS_MAX), kept]);
}

/** It was not lost after all. */
export function forgetExecution(state: CellState, module: ModuleRecord, fence: Fence): void {
  setExecutions(state, module, module.executions.filter((execution) => execution.fence !== fence));
}

function setExecutions(state: CellState, module: ModuleRecord, executions: readonly EarlierExecution[]): void {
  const growth = tailsOf(executions) - tailsOf(module.executions);
  editRun(state, module.run).tailsLength += growth;
  if (state.finished.has(module.run.number)) state.finishedBytes += growth;
  editModule(state, module).executions = executions;
}

export function tailsOf(executions: readonly EarlierExecution[]): number {
  return executions.reduce((sum, { tail }) => sum + tail.length, 0);
}
