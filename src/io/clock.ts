/** Real time. Monotonic from `performance.now`, which stands still while the machine is suspended. */
import type { Clock, Timer } from '../ports/clock.ts';

/** Longest delay of one Node timer; longer ones are chained. */
const NODE_TIMER_MS_MAX = 2 ** 31 - 1;

export function realClock(): Clock {
  return {
    now: () => performance.now(),
    wall: () => Date.now(),
    setTimer,
    // A microtask runs before the event loop takes the next event, which is what `defer` promises.
    defer: (callback) => queueMicrotask(callback),
    settle: (callback) => void setImmediate(callback),
  };
}

function setTimer(delayMs: number, callback: () => void): Timer {
  const due = performance.now() + delayMs;
  let handle: NodeJS.Timeout;
  const arm = (): void => {
    const left = Math.ceil(due - performance.now());
    handle = setTimeout(fire, Math.min(Math.max(left, 0), NODE_TIMER_MS_MAX));
  };
  // Node counts whole milliseconds of its loop's clock, so it may fire up to 1 ms early: the port promises "or later".
  const fire = (): void => (performance.now() < due ? arm() : callback());
  arm();
  return { cancel: () => clearTimeout(handle) };
}
