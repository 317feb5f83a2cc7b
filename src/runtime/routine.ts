/** Something to do again and again, as long as there is something to do. */
import type { Clock, Timer } from '../ports/clock.ts';

export class Routine implements Timer {
  readonly #clock: Clock;
  readonly #intervalMs: () => number;
  /** @returns whether there is more to come. */
  readonly #work: () => boolean;
  readonly #ended: () => void;
  readonly #fire: () => void;
  #timer: Timer | undefined;
  #cancelled = false;

  constructor(clock: Clock, intervalMs: () => number, work: () => boolean, ended: () => void) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#work = work;
    this.#ended = ended;
    this.#fire = (): void => {
      this.#timer = undefined;
      if (this.#work()) this.wake();
    };
  }

  /** From now on, first after one interval; nothing changes if it is awake. */
  wake(): void {
    if (this.#timer === undefined && !this.#cancelled) this.#timer = this.#clock.setTimer(this.#intervalMs(), this.#fire);
  }

  cancel(): void {
    this.#cancelled = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#ended();
  }
}
