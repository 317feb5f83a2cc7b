/**
 * Virtual time. Everything that happens in a simulation is an event in one heap, taken in the order (time, sequence);
 * nothing else runs, so one seed gives one history. No promises are involved: the loop is synchronous.
 *
 * A `Process` is one incarnation of a node. Events owned by it never fire after it died (a crash is that simple), and
 * are held while it is paused, as with SIGSTOP: time goes on and everything arrives at once when it resumes. On a machine
 * that sleeps its timers stand still instead. On a slow one each turn takes time, and what comes meanwhile queues.
 */
import type { Clock, Timer } from '../src/ports/clock.ts';
import { EventHeap } from './event-heap.ts';
import { EXACT_CLOCK, MachineClock, type ClockShape } from './machine-clock.ts';
import { TraceHash } from './trace.ts';

export { WALL_EPOCH_MS } from './machine-clock.ts';

/** More than this many deferred calls after one event means that they feed each other for ever. */
export const DEFERRED_PER_EVENT_MAX = 100_000;
/** So many events without any time between them: somebody goes round in circles. */
const EVENTS_PER_INSTANT_MAX = 100_000;

/**
 * No timer is shorter, unless it is 0. Clocks that run at another rate are rounded, so a timer may fire when its clock
 * shows a hair less than it should: whoever then waits for the rest must not find time standing still.
 */
const TIMER_MIN_MS = 0.001;

/** One thing that will happen. */
export interface Scheduled {
  /** Virtual ms. */
  time: number;
  sequence: number;
  /** Undefined once cancelled; it is then skipped when its turn comes. */
  fire: (() => void) | undefined;
  /** Of a timer of a process: what its machine had slept when the timer was set. */
  sleptMs: number | undefined;
  /** A timer of no time: the rest of work that was cut into pieces. */
  readonly isPiece: boolean;
}

interface KernelEvent extends Scheduled, Timer {
  readonly owner: Process | undefined;
}

export class Kernel {
  /** Of all events so far; equal for equal seeds. */
  readonly hash = new TraceHash();
  /** Called after each event and all that it deferred. */
  onStep: (() => void) | undefined;
  /** Called when an event of a process threw. Without it the error leaves `step`. */
  onCrash: ((owner: Process, error: Error) => void) | undefined;
  #now = 0;
  #sequence = 0;
  #turn = 0;
  #sameInstant = 0;
  #stopped = false;
  readonly #heap = new EventHeap<KernelEvent>();
  #deferred: { owner: Process | undefined; callback: () => void }[] = [];
  #settling: { owner: Process | undefined; callback: () => void }[] = [];

  /** Virtual ms since the start. */
  get now(): number {
    return this.#now;
  }

  /** Number of events that fired; also names the present event-loop turn. */
  get turn(): number {
    return this.#turn;
  }

  get queued(): number {
    return this.#heap.size;
  }

  /** @param owner the process that dies or pauses with this event; undefined for the world itself. */
  after(delayMs: number, owner: Process | undefined, fire: () => void): Timer {
    return this.at(this.#now + Math.max(0, delayMs), owner, fire);
  }

  at(time: number, owner: Process | undefined, fire: () => void, sleptMs?: number, isPiece = false): Timer {
    const event = new Event(Math.max(time, this.#now), (this.#sequence += 1), owner, fire, sleptMs, isPiece);
    this.#heap.push(event);
    return event;
  }

  /** For `Process.resume`: an event that was held fires now, a timer after what it slept; unless cancelled before. */
  release(event: Scheduled, sleptMs: number): void {
    event.time = event.sleptMs === undefined ? this.#now : Math.max(this.#now, event.time + sleptMs - event.sleptMs);
    if (event.sleptMs !== undefined) event.sleptMs = sleptMs;
    event.sequence = this.#sequence += 1;
    this.#heap.push(event as KernelEvent);
  }

  /** Runs `callback` after the present event and before the next one. */
  defer(owner: Process | undefined, callback: () => void): void {
    this.#deferred.push({ owner, callback });
  }

  /** Runs `callback` after the present event and all that it deferred, before the next event. */
  settle(owner: Process | undefined, callback: () => void): void {
    this.#settling.push({ owner, callback });
  }

  /** Ends `run` after the present event. */
  stop(): void {
    this.#stopped = true;
  }

  /** Fires events up to and including `untilMs` of virtual time. @returns false if `stop` was called. */
  run(untilMs: number): boolean {
    this.#stopped = false;
    this.#drain();
    for (;;) {
      const next = this.#heap.peek();
      if (next === undefined || next.time > untilMs) break;
      this.#heap.pop();
      this.#step(next);
      if (this.#stopped) return false;
    }
    this.#now = Math.max(this.#now, untilMs);
    return true;
  }

  #step(event: KernelEvent): void {
    const { owner, fire } = event;
    if (fire === undefined || owner?.alive === false) return;
    if (owner?.paused === true) {
      owner.hold(event);
      return;
    }
    if (event.sleptMs !== undefined && event.sleptMs !== owner?.sleptMs) {
      this.release(event, owner?.sleptMs ?? 0);
      return;
    }
    this.#sameInstant = event.time === this.#now ? this.#sameInstant + 1 : 0;
    this.#now = event.time;
    if (this.#sameInstant > EVENTS_PER_INSTANT_MAX) {
      this.#call(owner, () => {
        throw new Error(`more than ${EVENTS_PER_INSTANT_MAX} events at one instant`);
      });
    }
    if (owner?.busy === true) {
      owner.queue(event);
      return;
    }
    this.#turn += 1;
    this.hash.number(event.time);
    this.hash.number(event.sequence);
    event.fire = undefined;
    if (event.isPiece) owner?.beginPiece();
    this.#call(owner, fire);
    this.#drain();
    this.onStep?.();
  }

  #drain(): void {
    let count = 0;
    while (this.#deferred.length > 0 || this.#settling.length > 0) {
      const batch = this.#deferred.length > 0 ? this.#deferred : this.#settling;
      if (batch === this.#deferred) this.#deferred = [];
      else this.#settling = [];
      for (const { owner, callback } of batch) if (owner?.alive !== false) this.#call(owner, callback);
      count += batch.length;
      if (count <= DEFERRED_PER_EVENT_MAX) continue;
      this.#call(batch[0]?.owner, () => {
        throw new Error(`more than ${DEFERRED_PER_EVENT_MAX} deferred calls in one turn`);
      });
      this.#deferred.length = 0;
      this.#settling.length = 0;
    }
  }

  /** Runs `fire` now as part of `owner`: not at all if it is dead, when it resumes if it is paused. */
  runAs(owner: Process, fire: () => void): void {
    if (!owner.alive) return;
    const event = owner.paused || owner.busy ? new Event(this.#now, 0, owner, fire, undefined, false) : undefined;
    if (event === undefined) this.#call(owner, fire);
    else if (owner.paused) owner.hold(event);
    else owner.queue(event);
  }

  /** For `Process`: a turn that had to wait. */
  takeTurn(owner: Process, event: Scheduled): void {
    const { fire } = event;
    event.fire = undefined;
    if (event.isPiece) owner.beginPiece();
    if (fire !== undefined) this.#call(owner, fire);
  }

  #call(owner: Process | undefined, fire: () => void): void {
    owner?.tookTurn();
    if (owner === undefined || this.onCrash === undefined) {
      fire();
      return;
    }
    try {
      fire();
    } catch (error) {
      this.onCrash(owner, error as Error);
    }
  }
}

class Event implements KernelEvent {
  time: number;
  sequence: number;
  readonly owner: Process | undefined;
  fire: (() => void) | undefined;
  sleptMs: number | undefined;
  readonly isPiece: boolean;

  constructor(time: number, sequence: number, owner: Process | undefined, fire: () => void, sleptMs: number | undefined, isPiece: boolean) {
    this.sleptMs = sleptMs;
    this.isPiece = isPiece;
    this.time = time;
    this.sequence = sequence;
    this.owner = owner;
    this.fire = fire;
  }

  cancel(): void {
    this.fire = undefined;
  }
}

/** One incarnation of a node, with its clock. */
export class Process implements Clock {
  readonly name: string;
  readonly #kernel: Kernel;
  /** Each process counts its monotonic time from an origin of its own. */
  readonly #originMs: number;
  readonly #machine: MachineClock;
  #alive = true;
  #paused = false;
  readonly #held: Scheduled[] = [];
  #turnCostMs = 0;
  #pieceCostMs = 0;
  #pieceTurn = -1;
  #busyUntil = 0;
  readonly #queue: Scheduled[] = [];
  #nextDue = false;

  /** @param machine the clock of the machine that it runs on; without it, one of its own. */
  constructor(kernel: Kernel, name: string, shape: ClockShape = EXACT_CLOCK, machine: MachineClock = new MachineClock({ ...shape, monotonicOffsetMs: 0 })) {
    this.name = name;
    this.#kernel = kernel;
    this.#originMs = shape.monotonicOffsetMs;
    this.#machine = machine;
  }

  get alive(): boolean {
    return this.#alive;
  }

  get paused(): boolean {
    return this.#paused;
  }

  now(): number {
    return this.#machine.monotonic(this.#kernel.now) + this.#originMs;
  }

  wall(): number {
    return this.#machine.wall(this.#kernel.now);
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    if (!Number.isFinite(delayMs)) throw new RangeError(`timer of ${delayMs} ms`);
    const virtualMs = delayMs <= 0 ? 0 : Math.max(TIMER_MIN_MS, delayMs / this.#machine.rate);
    return this.#kernel.at(this.#kernel.now + virtualMs, this, callback, this.#machine.sleptMs, virtualMs === 0);
  }

  defer(callback: () => void): void {
    this.#kernel.defer(this, callback);
  }

  settle(callback: () => void): void {
    this.#kernel.settle(this, callback);
  }

  /** For the world (disk, network, supervisor): runs `callback` as part of this process, at once unless it is paused or busy. */
  run(callback: () => void): void {
    this.#kernel.runAs(this, callback);
  }

  /** The process is gone; nothing of it runs again. */
  kill(): void {
    this.#alive = false;
    this.#held.length = 0;
    this.#queue.length = 0;
  }

  pause(): void {
    this.#paused = true;
  }

  /** Everything that was held fires now, in its old order; timers later, if the machine slept. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    for (const event of this.#held.splice(0)) this.#kernel.release(event, this.#machine.sleptMs);
    if (this.#queue.length > 0) this.#next();
  }

  // ── A slow machine ───────────────────────────────────────────────────────────────────────────────────────────

  /**
   * From now on each turn takes so long: what comes meanwhile waits for its turn. 0 = none, as is usual.
   * @param pieceCostMs of a turn that goes on with cut work. Pieces much smaller than those of production cost their
   *   share only: a machine is not slower because it is asked more often whether something else is due.
   */
  slowDown(turnCostMs: number, pieceCostMs = turnCostMs): void {
    this.#turnCostMs = turnCostMs;
    this.#pieceCostMs = pieceCostMs;
  }

  get busy(): boolean {
    return this.#queue.length > 0 || this.#busyUntil > this.#kernel.now;
  }

  #next(): void {
    if (this.#nextDue) return;
    this.#nextDue = true;
    this.#kernel.at(this.#busyUntil, undefined, () => {
      this.#nextDue = false;
      if (this.#paused || !this.#alive) return;
      let event = this.#queue.shift();
      while (event !== undefined && event.fire === undefined) event = this.#queue.shift();
      if (event === undefined) return;
      this.#kernel.takeTurn(this, event);
      if (this.#queue.length > 0) this.#next();
    });
  }

  // ── Kernel only ──────────────────────────────────────────────────────────────────────────────────────────────

  get sleptMs(): number {
    return this.#machine.sleptMs;
  }

  hold(event: Scheduled): void {
    this.#held.push(event);
  }

  queue(event: Scheduled): void {
    this.#queue.push(event);
    this.#next();
  }

  beginPiece(): void {
    this.#pieceTurn = this.#kernel.turn;
  }

  /** Calls within one turn are one turn. */
  tookTurn(): void {
    if (this.#turnCostMs === 0) return;
    const costMs = this.#pieceTurn === this.#kernel.turn ? this.#pieceCostMs : this.#turnCostMs;
    this.#busyUntil = Math.max(this.#busyUntil, this.#kernel.now + costMs);
  }
}
