/**
 * Seats of limits: a claim holds one of each key that its module names, until its execution is known to be over. Whoever
 * was only told to stop (its run was cancelled, its time is up, an earlier execution delivered) may still use what the
 * limit protects, so its seats stay taken until its node says that it stopped, or the node's session ends.
 */
import { assert } from '../lib/assert.ts';
import { specOf } from './accessors.ts';
import { isOwnKey, parallelLimits } from './foreach.ts';
import type { Fence, SessionId } from '../lib/ids.ts';
import { ENDING_CLAIMS_MAX } from './limits.ts';
import { cellMutant } from './mutants.ts';
import { modulePolicy } from './policy.ts';
import type { CellState, EndingClaim, ModuleRecord, Seat } from './state.ts';
import type { Limit, RunningClaim } from './types.ts';

/** All that keep it from being claimed: those that it names, and the `max-parallel` of its `foreach`. */
export function limitsOf(module: ModuleRecord): readonly Limit[] {
  const named = modulePolicy(specOf(module)).limits;
  const own = parallelLimits(module);
  return own.length === 0 ? named : named.length === 0 ? own : [...named, ...own];
}

/** Who holds a key now: live claims, and those that were told to stop and have not been heard to have stopped. */
export function holdersOf(state: CellState, key: string): readonly Seat[] {
  return [...(state.seats.get(key)?.values() ?? [])];
}

/** @param pending claims that the state does not know of yet, for the planner. */
export function limitIsFull(state: CellState, { key, max }: Limit, pending = 0): boolean {
  return (state.seats.get(key)?.size ?? 0) + pending >= max && !cellMutant(state, 'limit-ignored');
}

/** The first limit of a module that has no room for it, or undefined. @param named only those that it names. */
export function fullLimit(state: CellState, module: ModuleRecord, named = false): Limit | undefined {
  const limits = named ? modulePolicy(specOf(module)).limits : limitsOf(module);
  return limits.length === 0 ? undefined : limits.find((limit) => limitIsFull(state, limit));
}

export function addSeat(state: CellState, key: string, seat: Seat): void {
  let seats = state.seats.get(key);
  if (seats === undefined) state.seats.set(key, (seats = new Map()));
  assert(!seats.has(seat.fence), 'a claim holds a key once');
  seats.set(seat.fence, seat);
}

function removeSeat(state: CellState, key: string, fence: Fence): void {
  const seats = state.seats.get(key);
  assert(seats?.delete(fence) === true, 'who leaves a seat had it');
  if (seats.size === 0) state.seats.delete(key);
}

export function takeSeats(state: CellState, module: ModuleRecord, session: SessionId, fence: Fence): void {
  for (const { key } of limitsOf(module)) addSeat(state, key, { run: module.run.number, module: module.index, fence, session });
}

/** @param over the execution has ended or never began; else it was only told to stop, and the seats stay taken. */
export function leaveSeats(state: CellState, module: ModuleRecord, session: SessionId, fence: Fence, over: boolean): void {
  const keys = limitsOf(module).map(({ key }) => key);
  // Nothing outside the run is harmed when its items overlap for a moment.
  const named = keys.filter((key) => !isOwnKey(key));
  if (!over && named.length > 0 && state.ending.size < ENDING_CLAIMS_MAX && !cellMutant(state, 'limit-released-early')) {
    state.ending.set(fence, { run: module.run.number, module: module.index, fence, session, keys: named });
    for (const key of keys) if (isOwnKey(key)) removeSeat(state, key, fence);
  } else for (const key of keys) removeSeat(state, key, fence);
}

/** The claim that was told to stop under this fence, if it is the one that is meant. */
export function endingClaim(state: CellState, { run, module, fence }: RunningClaim): EndingClaim | undefined {
  const ending = state.ending.get(fence);
  return ending !== undefined && ending.run === run && ending.module === module ? ending : undefined;
}

/** Its node said that it stopped. */
export function endingIsOver(state: CellState, claim: RunningClaim): void {
  const ending = endingClaim(state, claim);
  if (ending === undefined) return;
  state.ending.delete(ending.fence);
  for (const key of ending.keys) removeSeat(state, key, ending.fence);
}

/** Its node came back in a new session and still executes it. */
export function moveEnding(state: CellState, claim: RunningClaim, before: SessionId, session: SessionId): void {
  const ending = endingClaim(state, claim);
  if (ending?.session !== before) return;
  state.ending.set(ending.fence, { ...ending, session });
  for (const key of ending.keys) state.seats.get(key)!.set(ending.fence, { run: ending.run, module: ending.module, fence: ending.fence, session });
}

/** Nothing is executed for a session that has ended. */
export function endingsAreOver(state: CellState, session: SessionId): void {
  for (const ending of state.ending.values()) if (ending.session === session) endingIsOver(state, ending);
}
