/** What a leader has heard of how far modules are. Soft: a new leader hears it again within a second or so. */
import type { CellState } from '../../core/cell/state.ts';
import type { Fence, NodeId } from '../../core/lib/ids.ts';
import type { Progress } from '../../ports/executor.ts';
import type { WorkMessage } from '../../protocol/messages.ts';
import { PROGRESS_KEPT_MAX } from './limits.ts';

export class ProgressBoard {
  readonly #known = new Map<Fence, Progress>();

  /** @param state undefined for whoever does not lead. */
  receive(state: CellState | undefined, from: NodeId, { cell, session, items }: Extract<WorkMessage, { type: 'progress' }>): void {
    if (state?.cellId !== cell) return;
    const record = state.sessions.get(session);
    if (record?.nodeId !== from) return;
    if (this.#known.size + items.length > PROGRESS_KEPT_MAX) this.#forgetEnded(state);
    for (const { fence, fraction, message } of items) {
      if (record.claims.has(fence) && (this.#known.has(fence) || this.#known.size < PROGRESS_KEPT_MAX)) this.#known.set(fence, { fraction, message });
    }
  }

  of(fence: Fence): Progress | undefined {
    return this.#known.get(fence);
  }

  #forgetEnded(state: CellState): void {
    const live = new Set([...state.sessions.values()].flatMap(({ claims }) => [...claims.keys()]));
    for (const fence of this.#known.keys()) if (!live.has(fence)) this.#known.delete(fence);
  }
}
