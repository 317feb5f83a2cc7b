/**
 * Long work in pieces. Counted in steps, not in time: the core has no clock, and the same events must give the same
 * plan everywhere.
 */

/** Steps in one piece; a step is one look at a module or a need, 20 to 100 ns. */
export const STEPS_PER_SLICE = 20_000;

export class Slice {
  #left: number;

  constructor(steps: number) {
    this.#left = steps;
  }

  /** A new piece begins. */
  refill(steps: number): void {
    this.#left = steps;
  }

  /** Counts steps that were, or are about to be, taken. @returns the piece is over: the caller should yield. */
  spent(steps: number): boolean {
    this.#left -= steps;
    return this.#left <= 0;
  }

  get over(): boolean {
    return this.#left <= 0;
  }
}

/** The result of sliced work, all at once. */
export function drained<T>(work: (slice: Slice) => Generator<undefined, T>): T {
  const generator = work(new Slice(Infinity));
  for (let next = generator.next(); ; next = generator.next()) if (next.done === true) return next.value;
}
