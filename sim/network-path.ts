/**
 * What all connections from one host to another share, in that direction: how many frames are on their way at once, and
 * until when the path is clogged. A router's queue knows nothing of connections or channels.
 */

/** A clog never lasts longer. */
const CLOG_MAX_MS = 5000;

export class NetworkPath {
  /** Virtual ms before which nothing arrives. */
  cloggedUntil = 0;
  #inFlight = 0;
  readonly #waiting: (() => void)[] = [];

  /** @returns false when the path is full: nothing was taken. */
  enter(capacity: number): boolean {
    if (this.#inFlight >= capacity) return false;
    this.#inFlight += 1;
    return true;
  }

  /** Calls `again` once, when there may be room. In the order of asking. */
  wait(again: () => void): void {
    this.#waiting.push(again);
  }

  /** A frame that had entered has arrived, whatever became of it. */
  leave(): void {
    this.#inFlight -= 1;
    const taken = this.#inFlight;
    // Whoever waits may have nothing to send any more: then it is the next one's turn.
    for (let left = this.#waiting.length; left > 0 && this.#inFlight === taken; left -= 1) this.#waiting.shift()?.();
  }

  /** What is on its way already is not held up: it is behind the narrow place. */
  clog(now: number, durationMs: number): void {
    this.cloggedUntil = Math.max(this.cloggedUntil, now + Math.min(durationMs, CLOG_MAX_MS));
  }
}
