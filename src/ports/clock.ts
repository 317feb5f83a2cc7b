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
}

export interface Timer {
  cancel(): void;
}
