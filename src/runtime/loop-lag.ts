/**
 * A loop that is late again and again makes a bad leader, although each delay is short enough to keep the office
 * (PROTOCOL §4). Told how late each turn of a timer was, it says when that has gone on for too long.
 */

/** So long it has to go on. */
const LAGGING_MS = 5000;
/** A second without a late turn ends it. */
const PAUSE_MS = 1000;

export class LoopLag {
  readonly #limitMs: number;
  #since = 0;
  #lateAt = -Infinity;

  /** @param limitMs a turn later than this is late. */
  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** @returns true once for each time that the loop has been lagging for so long. */
  turn(now: number, lateMs: number): boolean {
    if (lateMs <= this.#limitMs) return false;
    if (now - this.#lateAt > PAUSE_MS) this.#since = now;
    this.#lateAt = now;
    if (now - this.#since < LAGGING_MS) return false;
    this.#since = now;
    return true;
  }
}
