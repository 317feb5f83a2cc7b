/**
 * Every change of a run, a module or a session. `edit…` is the door: it hands out the writable view of a record and
 * marks what was touched, so an undo journal needs to hook only these three functions (it copies a record the first
 * time that its door is opened).
 */
import { assert } from '../lib/assert.ts';
import type { Fence, SessionId } from '../lib/ids.ts';
import { EARLIER_CLAIMS_MAX, NOTE_LENGTH_MAX } from './limits.ts';
import { leaveSeats, takeSeats } from './seats.ts';
import { phaseOrdinal, type CellState, type EarlierClaim, type ModuleRecord, type RunRecord, type SessionRecord } from './state.ts';
import type { ModulePhase, Outcome } from './types.ts';

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
  const writable = editModule(state, module);
  writable.phase = phase;
  writable.note = clip(note, NOTE_LENGTH_MAX);
}

/** ready → claimed, under a fence that was never used before or, for a returning session, under its own last fence. */
export function setClaim(state: CellState, module: ModuleRecord, session: SessionRecord, fence: Fence, note: string): void {
  assert(module.session === 0, 'a module has at most one live claim');
  assert(fence >= module.fence, 'fences rise');
  setPhase(state, module, 'claimed', note);
  const writable = editModule(state, module);
  if (fence !== module.fence) {
    writable.earlier = earlierClaims(module);
    writable.fence = fence;
  }
  writable.session = session.id;
  writable.nodeId = session.nodeId;
  const holder = editSession(state, session);
  holder.milliCpuUsed += module.requirement.milliCpu;
  editRun(state, module.run).milliCpuUsed += module.requirement.milliCpu;
  holder.memoryUsed += module.requirement.memory;
  session.claims.set(fence, module);
  takeSeats(state, module, session.id, fence);
}

/** The claims before the next one whose executions may still deliver: those not already counted, newest kept. */
function earlierClaims(module: ModuleRecord): readonly EarlierClaim[] {
  if (module.fence === 0 || module.fence === module.countedFence || module.nodeId === '') return module.earlier;
  return [...module.earlier.slice(1 - EARLIER_CLAIMS_MAX), { fence: module.fence, nodeId: module.nodeId }];
}

/**
 * Ends the live claim, if any, and gives its reservation back. The phase is the caller's to change.
 * @param over its execution has ended, as far as its node says, or never began; false = it is told to stop.
 * @returns its session or 0.
 */
export function dropClaim(state: CellState, module: ModuleRecord, over: boolean): SessionId {
  const id = module.session;
  if (id === 0) return 0;
  const session = state.sessions.get(id);
  assert(session !== undefined, 'a live claim has a session');
  assert(session.claims.delete(module.fence), 'a session knows its claims');
  const holder = editSession(state, session);
  holder.milliCpuUsed -= module.requirement.milliCpu;
  editRun(state, module.run).milliCpuUsed -= module.requirement.milliCpu;
  holder.memoryUsed -= module.requirement.memory;
  leaveSeats(state, module, id, module.fence, over);
  editModule(state, module).session = 0;
  return id;
}

export function setOutcome(state: CellState, module: ModuleRecord, outcome: Outcome, valuesBytes: number): void {
  const run = editRun(state, module.run);
  run.tailsLength += outcome.tail.length - (module.outcome?.tail.length ?? 0);
  run.valuesBytes += valuesBytes;
  editModule(state, module).outcome = outcome;
}
