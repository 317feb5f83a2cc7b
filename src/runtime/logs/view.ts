/** Where the output of each execution of a module is, as far as the log of the cell knows. */
import { moduleName } from '../../core/cell/accessors.ts';
import type { EarlierExecution, LogRef } from '../../core/cell/types.ts';
import { isFinal, type CellState, type ModuleRecord } from '../../core/cell/state.ts';
import type { Fence, NodeId, RunId } from '../../core/lib/ids.ts';
import type { ModulePhaseShown } from '../api.ts';
import { nodeName, shownPhase } from '../views.ts';

export interface ModuleLogs {
  readonly runId: RunId;
  readonly module: string;
  readonly phase: ModulePhaseShown;
  /** It is not executed again. */
  readonly final: boolean;
  /** By fence. */
  readonly executions: readonly ExecutionLog[];
}

export interface ExecutionLog {
  readonly fence: Fence;
  readonly attempt: number;
  readonly nodeId: NodeId;
  readonly node: string;
  /** `lost`: with its node, and what it printed too. */
  readonly state: 'running' | 'ended' | 'lost';
  /** Error code of one that failed, else ''. */
  readonly code: string;
  readonly tail: string;
  /** Null: the tail is all there is. */
  readonly log: LogRef | null;
}

export function moduleLogs(state: CellState, module: ModuleRecord): ModuleLogs {
  const byFence = new Map<Fence, ExecutionLog>();
  for (const execution of module.executions) byFence.set(execution.fence, endedLog(state, execution));
  const present = presentLog(state, module);
  if (present !== undefined) byFence.set(present.fence, present);
  return {
    runId: module.run.runId,
    module: moduleName(module),
    phase: shownPhase(module.phase, module),
    final: isFinal(module.phase),
    executions: [...byFence.values()].sort((a, b) => a.fence - b.fence),
  };
}

function endedLog(state: CellState, { fence, attempt, nodeId, code, tail, log }: EarlierExecution): ExecutionLog {
  return { fence, attempt, nodeId, node: nodeName(state, nodeId), state: code === '' ? 'lost' : 'ended', code, tail, log };
}

/** The one that is executed now, or that counts. Of two copies the first one is shown until one of them counts. */
function presentLog(state: CellState, { phase, fence, acceptedFence, reusedFrom, attempt, nodeId, outcome }: ModuleRecord): ExecutionLog | undefined {
  if (nodeId === '') return undefined;
  const node = nodeName(state, nodeId);
  if (phase === 'claimed') return { fence, attempt, nodeId, node, state: 'running', code: '', tail: '', log: null };
  // What was taken over from another run has no fence of its own.
  if (!isFinal(phase) || (acceptedFence === 0 && reusedFrom === 0) || outcome === null) return undefined;
  return { fence: acceptedFence, attempt, nodeId, node, state: 'ended', code: outcome.error?.code ?? '', tail: outcome.tail, log: outcome.log ?? null };
}
