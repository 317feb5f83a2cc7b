/**
 * Every execution that ever started in a simulation, on whatever node: the independent record that the cell's own
 * results are compared with. Also watches that an `effectful` module is never executed twice at once (S20).
 */
import type { Limit } from '../src/core/cell/types.ts';
import type { Fence, NodeId, RunId } from '../src/core/lib/ids.ts';
import type { Lacking } from './files.ts';

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
  readonly limits: readonly Limit[];
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
  /** Executions under way that hold a key, by cell and key. */
  readonly #holders = new Map<string, Set<ExecutionRecord>>();
  /** Called when an execution is under way although as many as its limit allows were claimed before and still are, too. */
  onCrowd: ((limit: Limit, before: readonly ExecutionRecord[], execution: ExecutionRecord) => void) | undefined;
  /** Called when two executions of one effectful module overlap. */
  onOverlap: ((first: ExecutionRecord, second: ExecutionRecord) => void) | undefined;
  /** Called when a module begins without a file, or without its code, that no fault took. */
  onLacking: ((execution: ExecutionRecord, lacking: Lacking) => void) | undefined;
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
    for (const { key } of record.limits) this.#hold(key, opened);
    return opened;
  }

  /**
   * What a module allows counts when it is claimed: of those that were claimed before it. Who was claimed later may allow
   * more, and begin earlier.
   */
  #hold(key: string, opened: ExecutionRecord): void {
    const place = limitPlace(opened.runId, key);
    const holders = (this.#holders.get(place) ?? new Set()).add(opened);
    this.#holders.set(place, holders);
    for (const holder of holders) {
      if (holder.fence < opened.fence) continue;
      const limit = holder.limits.find((one) => one.key === key);
      const before = [...holders].filter(({ fence }) => fence < holder.fence);
      if (limit !== undefined && before.length >= limit.max) this.onCrowd?.(limit, before, holder);
    }
  }

  close(record: ExecutionRecord, end: ExecutionEnd, ok: boolean, now: number): void {
    record.end = end;
    record.ok = ok;
    record.endedAt = now;
    this.ended[end] += 1;
    for (const { key } of record.limits) this.#holders.get(limitPlace(record.runId, key))?.delete(record);
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

/** Keys of two cells have nothing to do with each other; the cell is the end of a run's id. */
function limitPlace(runId: RunId, key: string): string {
  return `${runId.slice(runId.indexOf('-'))} ${key}`;
}

function fenceKey(runId: RunId, module: number, fence: Fence): string {
  return `${runId}/${module}/${fence}`;
}
