/** What views, planners and the leader's timers read. Nothing here changes the state. */
import type { Fence, NodeId } from '../lib/ids.ts';
import { parseRunId, runNumberOfShort } from './run-id.ts';
import { countOf, type CellState, type ModuleRecord, type RunRecord, type SessionRecord } from './state.ts';
import type { ModuleSpec } from './types.ts';

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

/** The specification of a module; that of an item is that of its module with `foreach`. */
export function specOf({ run, template }: ModuleRecord): ModuleSpec {
  return run.spec.modules[template]!;
}

/** As people see it: `encode`, or for an item `encode[3]`. */
export function moduleName(module: ModuleRecord): string {
  const { name } = specOf(module);
  return module.item === -1 ? name : `${name}[${module.item}]`;
}

/** Needs that have not succeeded, or not again; an item has those of its module. */
export function openNeeds({ run, template }: ModuleRecord): number {
  return run.modules[template]!.waitingOn;
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
