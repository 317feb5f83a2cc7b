/** Time, as a port: real in production, virtual in the simulator. */
export interface Clock {
  /** Monotonic milliseconds, with fractions; excludes suspended time. Never compared between nodes. */
  now(): number;
  /** Wall clock, milliseconds since 1970. For stamps and for people, never for leases. */
  wall(): number;
  /** Calls `callback` once, `delayMs` from now or later. */
  setTimer(delayMs: number, callback: () => void): Timer;
  /** Calls `callback` after the present event, before any other one: used to batch what one event caused. */
  defer(callback: () => void): void;
  /**
   * Calls `callback` when the present turn is over: after all that was deferred, at the same time as far as clocks
   * show. For work that is better done once for everything that a turn caused, such as sending.
   */
  settle(callback: () => void): void;
}

export interface Timer {
  cancel(): void;
}
