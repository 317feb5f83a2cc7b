/** The leader's part of cached results: modules that are ready and need not be executed end at once, free slots or not. */
import { reusable } from '../core/cell/cache.ts';
import { isRunFinal, moduleAt, type CellState, type ModuleRecord } from '../core/cell/state.ts';
import type { CellEvent, ClaimItem } from '../core/cell/types.ts';

/** In one entry: about 12 bytes each, far below the entry limit. */
const ITEMS_PER_ENTRY = 2048;

export class Reuse {
  readonly #propose: (claims: readonly ClaimItem[]) => void;

  constructor(propose: (claims: readonly ClaimItem[]) => void) {
    this.#propose = propose;
  }

  /** What an earlier leader may not have seen to. */
  rebuild(state: CellState): void {
    for (const run of state.runs.values()) if (!isRunFinal(run.phase)) this.#take(state, run.modules);
  }

  onEvents(state: CellState, events: readonly CellEvent[]): void {
    if (state.cache.size === 0) return;
    const ready: ModuleRecord[] = [];
    for (const event of events) {
      if (event.type === 'runSubmitted') this.#take(state, state.runs.get(event.run)?.modules ?? []);
      if (event.type === 'expanded') this.#take(state, state.runs.get(event.run)?.modules.slice(event.first, event.first + event.count) ?? []);
      const module = event.type === 'module' && event.phase === 'ready' ? moduleAt(state, event.run, event.module) : undefined;
      if (module !== undefined) ready.push(module);
    }
    this.#take(state, ready);
  }

  #take(state: CellState, modules: readonly ModuleRecord[]): void {
    const claims = reusable(state, modules);
    for (let from = 0; from < claims.length; from += ITEMS_PER_ENTRY) this.#propose(claims.slice(from, from + ITEMS_PER_ENTRY));
  }
}
