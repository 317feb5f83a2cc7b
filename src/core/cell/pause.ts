/** Pausing a run or the whole queue: nothing new is claimed; what is claimed goes on, and its results count. */
import { REASON_LENGTH_MAX } from './limits.ts';
import { clip, editRun } from './mutate.ts';
import { ok, refuse, type Applied } from './reply.ts';
import { isRunFinal, type CellState } from './state.ts';
import type { Command } from './types.ts';

/** A run that is resumed is again what it was. The reason of the first of several pauses stands. */
export function runPause(state: CellState, { run: number, on, reason }: Extract<Command, { type: 'runPause' }>): Applied {
  const run = state.runs.get(number);
  if (run === undefined) return { reply: refuse('RUN_NOT_FOUND', `no run ${number}`), events: [] };
  if (isRunFinal(run.phase)) return { reply: refuse('RUN_FINAL', `run ${run.shortId} has already ${run.phase === 'cancelled' ? 'been cancelled' : run.phase}`), events: [] };
  if ((run.paused !== null) === on) return { reply: ok, events: [] };
  const writable = editRun(state, run);
  writable.paused = on ? { reason: clip(reason, REASON_LENGTH_MAX), at: state.now } : null;
  writable.phase = on ? 'paused' : run.startedAt === 0 ? 'queued' : 'running';
  return { reply: ok, events: [{ type: 'runPaused', run: number, runId: run.runId, on, at: state.now }] };
}

export function queuePause(state: CellState, { on, reason }: Extract<Command, { type: 'queuePause' }>): Applied {
  if ((state.queuePaused !== null) === on) return { reply: ok, events: [] };
  state.queuePaused = on ? { reason: clip(reason, REASON_LENGTH_MAX), at: state.now } : null;
  return { reply: ok, events: [{ type: 'queuePaused', on, at: state.now }] };
}
