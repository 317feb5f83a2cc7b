/**
 * The leader's back-up for timeouts: the worker enforces them, and when it does not (it hangs, it is gone but its session
 * lives) the claim is released some time later. A heap, so that nothing is done per idle module.
 */
import { Heap } from '../core/lib/heap.ts';
import type { Fence, RunNumber } from '../core/lib/ids.ts';
import { liveFences, specOf } from '../core/cell/accessors.ts';
import { moduleAt, type CellState } from '../core/cell/state.ts';
import type { RunningClaim } from '../core/cell/types.ts';

/** Added to the module's own timeout: its SIGTERM grace, and the way of the result. */
const MARGIN_MS = 15_000;

interface Deadline extends RunningClaim {
  /** Wall ms by the log's clock. */
  readonly at: number;
}

export class ClaimDeadlines {
  #heap = new Heap<Deadline>((a, b) => a.at < b.at);

  rebuild(state: CellState): void {
    this.#heap = new Heap<Deadline>((a, b) => a.at < b.at);
    for (const session of state.sessions.values()) {
      for (const [fence, module] of session.claims) this.claimed(state, module.run.number, module.index, fence, module.hedge?.fence === fence ? module.hedge.startedAt : module.startedAt);
    }
  }

  claimed(state: CellState, run: RunNumber, module: number, fence: Fence, startedAt: number): void {
    const record = moduleAt(state, run, module);
    const timeoutMs = record === undefined ? 0 : specOf(record).timeoutMs;
    if (timeoutMs > 0) this.#heap.push({ run, module, fence, at: startedAt + timeoutMs + MARGIN_MS });
  }

  /**
   * Claims that are still live and should not be. Each is returned once.
   * @param spared those that have ended as they should and are about to be recorded: they are looked at again later.
   */
  due(state: CellState, now: number, spared: (fence: Fence) => boolean = () => false): RunningClaim[] {
    const late: RunningClaim[] = [];
    const later: Deadline[] = [];
    for (let next = this.#heap.peek(); next !== undefined && next.at <= now; next = this.#heap.peek()) {
      this.#heap.pop();
      const record = state.runs.get(next.run)?.modules[next.module];
      if (record === undefined || !liveFences(record).includes(next.fence)) continue;
      if (spared(next.fence)) later.push({ ...next, at: now + MARGIN_MS });
      else late.push({ run: next.run, module: next.module, fence: next.fence });
    }
    for (const deadline of later) this.#heap.push(deadline);
    return late;
  }
}
