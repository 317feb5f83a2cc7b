/**
 * What the line to one peer takes in a second, seen from here: while bytes stand in the queue, what became less of them.
 * A line with nothing to carry says nothing about itself.
 */
import { LINE_KNOWN_MS, LINE_SAMPLE_BYTES, LINE_SAMPLE_MS, LINE_STANDING_BYTES } from './limits.ts';

export class LineRate {
  #bytesPerMs = 0;
  #measuredAt = -Infinity;
  /** Of the present sample: since when, and what stood in the queue then. */
  #since = 0;
  #stood = 0;
  #sent = 0;

  sent(bytes: number): void {
    this.#sent += bytes;
  }

  /** To be called before more is sent. @param queued bytes that stand in the queue. @param now monotonic ms. */
  look(queued: number, now: number): void {
    const taken = this.#stood + this.#sent - queued;
    const tookMs = now - this.#since;
    // It may have stood still since, or run empty before anybody looked.
    if (this.#stood < LINE_STANDING_BYTES || queued < LINE_STANDING_BYTES) return this.#begin(queued, now);
    if (tookMs < LINE_SAMPLE_MS || taken < LINE_SAMPLE_BYTES) return;
    const sample = taken / tookMs;
    this.#bytesPerMs = this.#bytesPerMs === 0 ? sample : (this.#bytesPerMs + sample) / 2;
    this.#measuredAt = now;
    this.#begin(queued, now);
  }

  #begin(queued: number, now: number): void {
    this.#since = now;
    this.#stood = queued;
    this.#sent = 0;
  }

  /** Infinity = not known, or not any more. */
  bytesPerMs(now: number): number {
    if (this.#bytesPerMs > 0 && now - this.#measuredAt > LINE_KNOWN_MS) this.#bytesPerMs = 0;
    return this.#bytesPerMs === 0 ? Infinity : this.#bytesPerMs;
  }
}
