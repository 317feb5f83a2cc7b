/** Real time. Monotonic from `performance.now`, which stands still while the machine is suspended. */
import type { Clock, Timer } from '../ports/clock.ts';

/** Longest delay of one Node timer; longer ones are chained. */
const NODE_TIMER_MS_MAX = 2 ** 31 - 1;
/** Settling that causes settling without end gives way to other events after so many rounds. */
const SETTLE_ROUNDS_MAX = 8;

export function realClock(): Clock {
  return {
    now: () => performance.now(),
    wall: () => Date.now(),
    setTimer,
    // A microtask runs before the event loop takes the next event, which is what `defer` promises.
    defer: (callback) => queueMicrotask(callback),
    settle: settler(),
  };
}

/** What settling causes to be settled is still of the same turn: it runs at once, not a whole turn of the loop later. */
function settler(): Clock['settle'] {
  let waiting: Array<() => void> = [];
  let planned = false;
  const run = (): void => {
    for (let round = 0; round < SETTLE_ROUNDS_MAX && waiting.length > 0; round += 1) {
      const callbacks = waiting;
      waiting = [];
      for (const callback of callbacks) callback();
    }
    planned = waiting.length > 0;
    if (planned) setImmediate(run);
  };
  return (callback) => {
    waiting.push(callback);
    if (planned) return;
    planned = true;
    setImmediate(run);
  };
}

function setTimer(delayMs: number, callback: () => void): Timer {
  // At once means in the next turn of the loop; Node's shortest timer takes a millisecond.
  if (delayMs <= 0) {
    const immediate = setImmediate(callback);
    return { cancel: () => clearImmediate(immediate) };
  }
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
