/** What views, planners and the leader's timers read. Nothing here changes the state. */
import type { Fence, NodeId } from '../lib/ids.ts';
import { parseRunId, runNumberOfShort } from './run-id.ts';
import { countOf, type CellState, type ModuleRecord, type RunRecord, type SessionRecord } from './state.ts';

/** Live and finished runs, newest first; stops early if the caller does. */
export function* runsNewestFirst(state: CellState): Generator<RunRecord> {
  const numbers = [...state.runs.keys()];
  for (let i = numbers.length - 1; i >= 0; i--) yield state.runs.get(numbers[i]!)!;
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

/** Executions of a run that are under way, as far as the log knows. */
export function liveClaims(run: RunRecord): number {
  return countOf(run, 'claimed') + run.hedges;
}

/** Fences of the live claims of a module: none, one, or those of two copies. */
export function liveFences({ session, fence, hedge }: ModuleRecord): readonly Fence[] {
  if (session === 0) return [];
  return hedge === null ? [fence] : [fence, hedge.fence];
}

export function sessionOf(state: CellState, node: NodeId): SessionRecord | undefined {
  return state.sessions.get(state.sessionOfNode.get(node) ?? 0);
}
