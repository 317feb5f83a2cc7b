/**
 * The two clocks of one machine, as functions of virtual time. The monotonic one drifts and stands still while the
 * machine sleeps; the wall clock drifts too, goes on in sleep, and may be set to anything by whoever likes.
 */

/** How a machine's clocks differ from virtual time. */
export interface ClockShape {
  /** Added to virtual time by the monotonic clock, so that no two processes agree by accident. */
  readonly monotonicOffsetMs: number;
  /** Added to the simulation's epoch by the wall clock. */
  readonly wallOffsetMs: number;
  /** Ticks of both clocks per virtual ms; 1 = exact. */
  readonly rate: number;
}

export const EXACT_CLOCK: ClockShape = { monotonicOffsetMs: 0, wallOffsetMs: 0, rate: 1 };
/** 2026-01-01, so that stamps look like stamps. */
export const WALL_EPOCH_MS = Date.UTC(2026, 0, 1);

export class MachineClock {
  /** Virtual ms that the machine has slept, up to the last time it woke. */
  sleptMs = 0;
  #rate: number;
  /** Virtual ms from which the rate has been in force, and what the clocks showed then. */
  #since = 0;
  #monotonic: number;
  #wall: number;
  #asleepSince: number | undefined;

  constructor({ monotonicOffsetMs, wallOffsetMs, rate }: ClockShape = EXACT_CLOCK) {
    this.#rate = rate;
    this.#monotonic = monotonicOffsetMs;
    this.#wall = WALL_EPOCH_MS + wallOffsetMs;
  }

  get rate(): number {
    return this.#rate;
  }

  get asleep(): boolean {
    return this.#asleepSince !== undefined;
  }

  /** @param now virtual ms, here and below. */
  monotonic(now: number): number {
    return this.#monotonic + ((this.#asleepSince ?? now) - this.#since) * this.#rate;
  }

  wall(now: number): number {
    return this.#wall + (now - this.#since) * this.#rate;
  }

  /** From now on the clocks run faster or slower; neither jumps. */
  setRate(now: number, rate: number): void {
    if (this.#asleepSince !== undefined) throw new Error('the rate of a sleeping machine is not changed');
    this.#rebase(now);
    this.#rate = rate;
  }

  /** Somebody sets the wall clock. */
  jump(byMs: number): void {
    this.#wall += byMs;
  }

  sleep(now: number): void {
    this.#asleepSince ??= now;
  }

  wake(now: number): void {
    if (this.#asleepSince === undefined) return;
    this.#rebase(now);
    this.sleptMs += now - this.#asleepSince;
    this.#asleepSince = undefined;
  }

  #rebase(now: number): void {
    const [monotonic, wall] = [this.monotonic(now), this.wall(now)];
    [this.#monotonic, this.#wall, this.#since] = [monotonic, wall, now];
  }
}
