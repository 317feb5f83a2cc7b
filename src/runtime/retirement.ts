/** Finished runs that are too old or too many go, so that the state stays small. */
import { retirable } from '../core/cell/finish.ts';
import type { CellState } from '../core/cell/state.ts';
import type { Command } from '../core/cell/types.ts';

const RETIRE_EVERY_MS = 10_000;
const RETIRED_PER_ENTRY = 1000;

export class Retirement {
  readonly #propose: (command: Command) => void;
  #retireAt = 0;

  constructor(propose: (command: Command) => void) {
    this.#propose = propose;
  }

  /** @param stamp wall ms as stamped in the log. */
  tick(state: CellState, stamp: number): void {
    if (stamp < this.#retireAt) return;
    this.#retireAt = stamp + RETIRE_EVERY_MS;
    const runs = retirable(state, stamp);
    if (runs.length > 0) this.#propose({ type: 'retire', now: stamp, runs: runs.slice(0, RETIRED_PER_ENTRY) });
  }
}
