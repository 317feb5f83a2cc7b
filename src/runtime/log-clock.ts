/**
 * Time in the log (PROTOCOL §4): at an election the later of wall clock and last stamp, from then on advanced by the
 * leader's monotonic clock. So it never goes back, and one clock far in the future does not freeze it.
 */
import type { Clock } from '../ports/clock.ts';

export class LogClock {
  readonly #clock: Clock;
  #base = 0;
  #from = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  elected(lastStamp: number): void {
    this.#base = Math.max(this.#clock.wall(), lastStamp);
    this.#from = this.#clock.now();
  }

  /**
   * Wall ms for the next command.
   * @param lastStamp newest one applied so far: a new leader may hold entries that it applies only now, with the stamps of
   * a leader whose clock was far ahead. Behind them, everything that waits for a time in the state would wait for the
   * difference.
   */
  stamp(lastStamp: number): number {
    const stamp = Math.floor(this.#base + (this.#clock.now() - this.#from));
    if (stamp >= lastStamp) return stamp;
    this.#base = lastStamp;
    this.#from = this.#clock.now();
    return lastStamp;
  }
}
