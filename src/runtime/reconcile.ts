/** What a worker says that it has, beside what the log says that it has. */
import type { Fence, NodeId } from '../core/lib/ids.ts';
import { openNeeds, specOf } from '../core/cell/accessors.ts';
import { isExclusive } from '../core/cell/policy.ts';
import { moduleAt, type CellState, type ModuleRecord } from '../core/cell/state.ts';
import type { RunningClaim } from '../core/cell/types.ts';
import type { SoftSession } from './leader-sessions.ts';

export interface Reconciled {
  /** What the worker does not know of: the Assign was lost, or its leader died between commit and Assign. */
  readonly assign: ReadonlyArray<{ readonly module: ModuleRecord; readonly fence: Fence }>;
  /** The same, but something that it needs is being made again: there is nothing to begin with. */
  readonly late: readonly RunningClaim[];
  /** What it should stop. */
  readonly stop: readonly Fence[];
}

/** @param before assigned after this moment (monotonic ms), a claim may still be on its way. */
export function reconcile(state: CellState, session: SoftSession, running: readonly RunningClaim[], before: number): Reconciled {
  const record = state.sessions.get(session.id);
  if (record === undefined) return { assign: [], late: [], stop: [] };
  const reported = new Set(running.map((claim) => claim.fence));
  const stop: Fence[] = [];
  for (const { run, module, fence } of running) {
    if (record.claims.has(fence)) continue;
    const current = state.runs.get(run)?.modules[module];
    if (current === undefined || current.finishedAt !== 0) stop.push(fence);
    // The work of a lost claim may still count, but an exclusive module must not be executed twice at a time.
    else if (isExclusive(specOf(current))) stop.push(fence);
  }
  // It may not have heard the Stop. What does not run is answered too, and gives its limits back.
  for (const ending of state.ending.values()) if (ending.session === session.id && !reported.has(ending.fence)) stop.push(ending.fence);
  for (const [fence, sentAt] of session.assigned) if (!record.claims.has(fence) || (sentAt < before && reported.has(fence))) session.assigned.delete(fence);
  const assign: Array<{ module: ModuleRecord; fence: Fence }> = [];
  const late: RunningClaim[] = [];
  for (const [fence, module] of record.claims) {
    if (reported.has(fence) || (session.assigned.get(fence) ?? -Infinity) > before) continue;
    if (openNeeds(module) === 0) assign.push({ module, fence });
    else late.push({ run: module.run.number, module: module.index, fence });
  }
  return { assign, late, stop };
}

/** Was this very fence given to another node? */
export function isOfAnother(state: CellState, from: NodeId, { run, module, fence }: RunningClaim): boolean {
  const record = moduleAt(state, run, module);
  if (record === undefined || record.finishedAt !== 0) return false;
  return (record.fence === fence && record.nodeId !== from) || (record.hedge?.fence === fence && record.hedge.nodeId !== from);
}
