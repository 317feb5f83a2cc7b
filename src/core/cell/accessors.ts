/** What views, planners and the leader's timers read. Nothing here changes the state. */
import type { Fence, NodeId, RunNumber, SessionId } from '../lib/ids.ts';
import { parseRunId, runNumberOfShort } from './run-id.ts';
import { type CellState, type ModuleRecord, type RunRecord, type SessionRecord } from './state.ts';
import type { RunningClaim } from './types.ts';

/** Live and finished runs, newest first; stops early if the caller does. */
export function* runsNewestFirst(state: CellState): Generator<RunRecord> {
  const numbers = [...state.runs.keys()];
  for (let i = numbers.length - 1; i >= 0; i--) yield state.runs.get(numbers[i]!)!;
}

export function runByNumber(state: CellState, run: RunNumber): RunRecord | undefined {
  return state.runs.get(run);
}

/**
 * @param text a whole run id, its short part, or a prefix of either.
 * @returns undefined when no run has it, or more than one.
 */
export function findRun(state: CellState, text: string): RunRecord | undefined {
  const { short, cell } = parseRunId(text.trim().toLowerCase());
  if (state.cellId === '' || short === '' || !state.cellId.startsWith(cell)) return undefined;
  const exact = state.runs.get(runNumberOfShort(state.cellId, short) ?? 0);
  if (exact !== undefined || text.includes('-')) return exact;
  let found: RunRecord | undefined;
  for (const run of state.runs.values()) {
    if (!run.shortId.startsWith(short)) continue;
    if (found !== undefined) return undefined;
    found = run;
  }
  return found;
}

export function sessionOf(state: CellState, node: NodeId): SessionRecord | undefined {
  return state.sessions.get(state.sessionOfNode.get(node) ?? 0);
}

/** Last known name of a node, or '' for one that never opened a session here. */
export function nodeNameOf(state: CellState, node: NodeId): string {
  return state.nodeNames.get(node) ?? '';
}

export function claimOf(state: CellState, session: SessionId, fence: Fence): ModuleRecord | undefined {
  return state.sessions.get(session)?.claims.get(fence);
}

/**
 * Claims that have outlived their module's timeout by `graceMs`: the worker should have ended them, so the leader
 * releases them with reason `timeout`. O(live claims).
 * @param now wall ms of the log, as stamped.
 */
export function overdueClaims(state: CellState, now: number, graceMs: number): RunningClaim[] {
  const overdue: RunningClaim[] = [];
  for (const session of state.sessions.values()) {
    for (const module of session.claims.values()) {
      const { timeoutMs } = module.run.spec.modules[module.index]!;
      if (timeoutMs > 0 && now - module.startedAt > timeoutMs + graceMs) {
        overdue.push({ run: module.run.number, module: module.index, fence: module.fence });
      }
    }
  }
  return overdue;
}
