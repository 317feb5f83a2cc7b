/**
 * Bytes of blobs that this node receives in a second while it receives any: what the planner counts with when it asks how
 * long inputs take to come. Measured by what is fetched anyway; nothing is sent to measure it.
 */
import { RATE_ANSWER_BYTES_MIN, RATE_SAMPLE_BYTES, RATE_WEIGHT } from './limits.ts';

export class ReceiveRate {
  #bytesPerSecond = 0;
  /** Large answers that are under way. */
  #answers = 0;
  /** Of the present sample: since when, ms of answers before that, bytes. */
  #since = 0;
  #busyMs = 0;
  #bytes = 0;

  /** 0 = not measured yet. */
  get bytesPerSecond(): number {
    return Math.round(this.#bytesPerSecond);
  }

  /** What is short says how long a question takes, and not how fast bytes come. */
  counts(bytesMax: number): boolean {
    return bytesMax >= RATE_ANSWER_BYTES_MIN;
  }

  /** @param now monotonic ms. */
  began(now: number): void {
    if (this.#answers++ === 0) this.#since = now;
  }

  received(bytes: number, now: number): void {
    this.#bytes += bytes;
    if (this.#bytes < RATE_SAMPLE_BYTES) return;
    const busyMs = this.#busyMs + (this.#answers === 0 ? 0 : now - this.#since);
    const sample = (this.#bytes / Math.max(1, busyMs)) * 1000;
    this.#bytesPerSecond = this.#bytesPerSecond === 0 ? sample : this.#bytesPerSecond + (sample - this.#bytesPerSecond) * RATE_WEIGHT;
    this.#since = now;
    this.#busyMs = this.#bytes = 0;
  }

  ended(now: number): void {
    if (--this.#answers === 0) this.#busyMs += now - this.#since;
  }
}
