/**
 * Every execution that ever started in a simulation, on whatever node: the independent record that the cell's own
 * results are compared with. Also watches that an `effectful` module is never executed twice at once (S20).
 */
import type { Fence, NodeId, RunId } from '../src/core/lib/ids.ts';

/** `finished`: ended by itself. `stopped`: cancelled, timed out or fenced. `killed`: its node died. */
export type ExecutionEnd = 'finished' | 'stopped' | 'killed';

export interface ExecutionRecord {
  readonly node: NodeId;
  readonly runId: RunId;
  readonly module: number;
  readonly name: string;
  readonly fence: Fence;
  readonly generation: number;
  readonly attempt: number;
  readonly effectful: boolean;
  /** Virtual ms. */
  readonly startedAt: number;
  endedAt: number;
  end: ExecutionEnd | 'running';
  ok: boolean;
}

export class Ledger {
  readonly #byFence = new Map<string, ExecutionRecord[]>();
  /** Effectful executions under way, by run and module. */
  readonly #effects = new Map<string, ExecutionRecord>();
  /** Called when two executions of one effectful module overlap. */
  onOverlap: ((first: ExecutionRecord, second: ExecutionRecord) => void) | undefined;
  started = 0;
  readonly ended: Record<ExecutionEnd, number> = { finished: 0, stopped: 0, killed: 0 };
  /** Executions of a module that was executed before, for whatever reason. */
  repeated = 0;
  readonly #seen = new Set<string>();

  open(record: Omit<ExecutionRecord, 'endedAt' | 'end' | 'ok'>): ExecutionRecord {
    const opened: ExecutionRecord = { ...record, endedAt: 0, end: 'running', ok: false };
    this.started += 1;
    const module = moduleKey(record);
    if (this.#seen.has(module)) this.repeated += 1;
    this.#seen.add(module);
    const key = fenceKey(record.runId, record.module, record.fence);
    const same = this.#byFence.get(key);
    if (same === undefined) this.#byFence.set(key, [opened]);
    else same.push(opened);
    if (record.effectful) {
      const other = this.#effects.get(module);
      if (other !== undefined) this.onOverlap?.(other, opened);
      this.#effects.set(module, opened);
    }
    return opened;
  }

  close(record: ExecutionRecord, end: ExecutionEnd, ok: boolean, now: number): void {
    record.end = end;
    record.ok = ok;
    record.endedAt = now;
    this.ended[end] += 1;
    const module = moduleKey(record);
    if (this.#effects.get(module) === record) this.#effects.delete(module);
  }

  /** Every execution so far. */
  *records(): Generator<ExecutionRecord> {
    for (const same of this.#byFence.values()) yield* same;
  }

  /** Executions under this fence; more than one would be a bug of the worker side. */
  under(runId: RunId, module: number, fence: Fence): readonly ExecutionRecord[] {
    return this.#byFence.get(fenceKey(runId, module, fence)) ?? [];
  }
}

function moduleKey(record: { readonly runId: RunId; readonly module: number }): string {
  return `${record.runId}/${record.module}`;
}

function fenceKey(runId: RunId, module: number, fence: Fence): string {
  return `${runId}/${module}/${fence}`;
}
