/** Bytes a second that this node sends of blobs, over all peers. */

/** What may be sent at once after a pause, as time at the full rate. */
const BURST_MS = 250;

export class RateLimit {
  readonly #bytesPerMs: number;
  #freeAt = -Infinity;

  /** @param bytesPerSecond 0 = no limit. */
  constructor(bytesPerSecond: number) {
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  /** Infinity = no limit. */
  get bytesPerMs(): number {
    return this.#bytesPerMs === 0 ? Infinity : this.#bytesPerMs;
  }

  /** @param now monotonic ms. @returns 0 and counts the bytes, or how long to wait before asking again, ms. */
  take(now: number, bytes: number): number {
    if (this.#bytesPerMs === 0) return 0;
    const from = Math.max(this.#freeAt, now - BURST_MS);
    if (from > now) return from - now;
    this.#freeAt = from + bytes / this.#bytesPerMs;
    return 0;
  }

  /** Counts bytes that go with what was taken a moment ago; fewer than none, when it became less. */
  add(bytes: number): void {
    if (this.#bytesPerMs > 0) this.#freeAt += bytes / this.#bytesPerMs;
  }
}
