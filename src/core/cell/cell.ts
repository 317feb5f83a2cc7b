/**
 * The one function that changes a cell: `apply(state, index, command)`. Deterministic (its only input is the log), fast
 * (nothing is copied, nothing idle is looked at) and total: a command that makes no sense is answered, never thrown.
 */
import { assert, unreachable } from '../lib/assert.ts';
import type { LogIndex } from '../lib/ids.ts';
import { drained, type Slice } from '../lib/slice.ts';
import { checkpoint } from './checkpoints.ts';
import { claimBatch, release } from './claims.ts';
import { holders } from './copies.ts';
import { cancelRun, retire } from './finish.ts';
import { hedgeBatch } from './hedges.ts';
import { invalidate } from './invalidate.ts';
import { ITEMS_PER_ENTRY_MAX, NAME_LENGTH_MAX, NOW_MAX_MS } from './limits.ts';
import { queuePause, runPause } from './pause.ts';
import { ok, refuse, type Applied } from './reply.ts';
import { results } from './results.ts';
import { reuse } from './reuse.ts';
import { nodeDrain, sessionExpire, sessionOpen } from './sessions.ts';
import { isRunFinal, timeAfter, type CellState } from './state.ts';
import { prepareSubmit, submit, submitPart, type PreparedRun } from './submit.ts';
import type { CellEvent, Command } from './types.ts';

export type { Applied } from './reply.ts';
export type { CellState } from './state.ts';

/**
 * Applies the command of log entry `index` to `state`, in place.
 * @param index must rise from call to call: an entry applied twice is a bug, and ends the process.
 * @returns the answer for the proposer and what changed, in order.
 */
export function apply(state: CellState, index: LogIndex, command: Command): Applied {
  return mayTakeLong(command) ? drained((slice) => applyInSlices(state, index, command, slice)) : applyPrepared(state, index, command, undefined);
}

export type Long = Extract<Command, { type: 'submit' | 'submitPart' | 'rerun' }>;

/** Is this a command that `applyInSlices` does in slices? All others are done in one. */
export function mayTakeLong(command: Command): command is Long {
  return command.type === 'submit' || command.type === 'submitPart' || command.type === 'rerun';
}

/**
 * The same, in slices. Until the last one nothing of `state` changes, so that whatever reads, hashes or keeps it sees the
 * entry before; and nobody else may change it until then: entries are applied one after the other.
 */
export function* applyInSlices(state: CellState, index: LogIndex, command: Long, slice: Slice): Generator<undefined, Applied> {
  const prepared = yield* prepareSubmit(state, index, command, slice);
  return applyPrepared(state, index, command, prepared);
}

function applyPrepared(state: CellState, index: LogIndex, command: Command, prepared: PreparedRun | undefined): Applied {
  skip(state, index);
  if (command.type === 'genesis') return genesis(state, command);
  if (state.cellId === '') return { reply: refuse('REQUEST_INVALID', 'this cell has no Genesis yet'), events: [] };
  state.now = timeAfter(state, command.now);
  if (state.closedFor !== '' && refusedWhenClosed.has(command.type)) {
    return { reply: refuse('CELL_CLOSED', `this cell was closed in favour of ${state.closedFor}`), events: [] };
  }
  return applyFounded(state, index, command, prepared);
}

/** An entry without a command (noop, config) was applied. */
export function skip(state: CellState, index: LogIndex): void {
  assert(Number.isSafeInteger(index) && index > state.appliedIndex, `entry ${index} cannot follow ${state.appliedIndex}`);
  state.appliedIndex = index;
}

const refusedWhenClosed: ReadonlySet<Command['type']> = new Set(['submit', 'submitPart', 'rerun', 'sessionOpen', 'claimBatch', 'hedgeBatch', 'reuse', 'close']);

function applyFounded(state: CellState, index: LogIndex, command: Exclude<Command, { type: 'genesis' }>, prepared: PreparedRun | undefined): Applied {
  switch (command.type) {
    case 'sessionOpen':
      return sessionOpen(state, index, command);
    case 'sessionExpire':
      return sessionExpire(state, command);
    case 'submit':
    case 'rerun':
      return submit(state, command, prepared);
    case 'submitPart':
      return submitPart(state, command, prepared);
    case 'cancel':
      return cancel(state, command);
    case 'claimBatch':
      return claimBatch(state, index, command.claims);
    case 'release':
      return release(state, command);
    case 'results':
      return results(state, command);
    case 'nodeDrain':
      return nodeDrain(state, command.node, command.on);
    case 'retire': {
      if (command.runs.length > ITEMS_PER_ENTRY_MAX) return { reply: refuse('LIMIT_EXCEEDED', `more than ${ITEMS_PER_ENTRY_MAX} runs in one entry`), events: [] };
      const events: CellEvent[] = [];
      retire(state, command.runs, events);
      return { reply: ok, events };
    }
    case 'close':
      return close(state, command);
    case 'runPause':
      return runPause(state, command);
    case 'hedgeBatch':
      return hedgeBatch(state, index, command.claims);
    case 'queuePause':
      return queuePause(state, command);
    case 'reuse':
      return reuse(state, command.claims);
    case 'holders':
      return holders(state, command);
    case 'invalidate':
      return invalidate(state, command);
    case 'checkpoint':
      return checkpoint(state, command);
    default:
      return unreachable(command);
  }
}

function genesis(state: CellState, command: Extract<Command, { type: 'genesis' }>): Applied {
  const { cellId, clusterName, createdAt, founder } = command;
  if (state.cellId !== '') return { reply: refuse('REQUEST_INVALID', 'this cell has its Genesis already'), events: [] };
  const texts = [cellId, clusterName, founder].every((text) => text.length <= NAME_LENGTH_MAX && text.isWellFormed());
  if (cellId === '' || !texts) return { reply: refuse('REQUEST_INVALID', 'Genesis without a cell id'), events: [] };
  state.cellId = cellId;
  state.clusterName = clusterName;
  state.founder = founder;
  if (createdAt > 0 && createdAt <= NOW_MAX_MS) state.createdAt = state.now = Math.floor(createdAt);
  return { reply: ok, events: [] };
}

function cancel(state: CellState, { run: number, reason }: Extract<Command, { type: 'cancel' }>): Applied {
  const run = state.runs.get(number);
  if (run === undefined) return { reply: refuse('RUN_NOT_FOUND', `no run ${number}`), events: [] };
  if (isRunFinal(run.phase)) return { reply: refuse('RUN_FINAL', `run ${run.shortId} has already ${run.phase === 'cancelled' ? 'been cancelled' : run.phase}`), events: [] };
  const events: CellEvent[] = [];
  cancelRun(state, run, reason, events);
  return { reply: ok, events };
}

/** One-way. A cell in which a Submit was ever accepted has promised to keep it. */
function close(state: CellState, { senior }: Extract<Command, { type: 'close' }>): Applied {
  if (state.established) return { reply: refuse('REQUEST_INVALID', 'a cell that has accepted a run does not close'), events: [] };
  if (senior === '' || senior === state.cellId || senior.length > NAME_LENGTH_MAX || !senior.isWellFormed()) {
    return { reply: refuse('REQUEST_INVALID', 'a cell closes in favour of another one'), events: [] };
  }
  state.closedFor = senior;
  return { reply: ok, events: [{ type: 'closed', senior }] };
}
