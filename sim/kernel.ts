/**
 * Virtual time. Everything that happens in a simulation is an event in one heap, taken in the order (time, sequence);
 * nothing else runs, so one seed gives one history. No promises are involved: the loop is synchronous.
 *
 * A `Process` is one incarnation of a node. Events owned by it never fire after it died (a crash is that simple), and
 * are held while it is paused, as with SIGSTOP: time goes on and everything arrives at once when it resumes.
 */
import { Heap } from '../src/core/lib/heap.ts';
import type { Clock, Timer } from '../src/ports/clock.ts';
import { TraceHash } from './trace.ts';

/** More than this many deferred calls after one event means that they feed each other for ever. */
export const DEFERRED_PER_EVENT_MAX = 100_000;

/** One thing that will happen. */
export interface Scheduled {
  /** Virtual ms. */
  time: number;
  sequence: number;
  /** Undefined once cancelled; it is then skipped when its turn comes. */
  fire: (() => void) | undefined;
}

interface KernelEvent extends Scheduled, Timer {
  readonly owner: Process | undefined;
}

/** By virtual time, then in the order of scheduling. */
function before(a: Scheduled, b: Scheduled): boolean {
  return a.time < b.time || (a.time === b.time && a.sequence < b.sequence);
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
  #stopped = false;
  readonly #heap = new Heap<KernelEvent>(before);
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

  at(time: number, owner: Process | undefined, fire: () => void): Timer {
    const event = new Event(Math.max(time, this.#now), (this.#sequence += 1), owner, fire);
    this.#heap.push(event);
    return event;
  }

  /** For `Process.resume`: an event that was held fires now, unless it is cancelled before its turn comes. */
  release(event: Scheduled): void {
    event.time = this.#now;
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
    this.#now = event.time;
    this.#turn += 1;
    this.hash.number(event.time);
    this.hash.number(event.sequence);
    event.fire = undefined;
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
    if (owner.paused) owner.hold(new Event(this.#now, 0, owner, fire));
    else this.#call(owner, fire);
  }

  #call(owner: Process | undefined, fire: () => void): void {
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

  constructor(time: number, sequence: number, owner: Process | undefined, fire: () => void) {
    this.time = time;
    this.sequence = sequence;
    this.owner = owner;
    this.fire = fire;
  }

  cancel(): void {
    this.fire = undefined;
  }
}

/** How a node's clocks differ from virtual time. */
export interface ClockShape {
  /** Added to virtual time by the monotonic clock, so that no two nodes agree by accident. */
  readonly monotonicOffsetMs: number;
  /** Added to the simulation's epoch by the wall clock. */
  readonly wallOffsetMs: number;
  /** Ticks of this node's clocks per virtual ms; 1 = exact. */
  readonly rate: number;
}

export const EXACT_CLOCK: ClockShape = { monotonicOffsetMs: 0, wallOffsetMs: 0, rate: 1 };
/** 2026-01-01, so that stamps look like stamps. */
export const WALL_EPOCH_MS = Date.UTC(2026, 0, 1);

/** One incarnation of a node, with its clock. */
export class Process implements Clock {
  readonly name: string;
  readonly #kernel: Kernel;
  readonly #shape: ClockShape;
  #alive = true;
  #paused = false;
  readonly #held: Scheduled[] = [];

  constructor(kernel: Kernel, name: string, shape: ClockShape = EXACT_CLOCK) {
    this.name = name;
    this.#kernel = kernel;
    this.#shape = shape;
  }

  get alive(): boolean {
    return this.#alive;
  }

  get paused(): boolean {
    return this.#paused;
  }

  now(): number {
    return this.#kernel.now * this.#shape.rate + this.#shape.monotonicOffsetMs;
  }

  wall(): number {
    return WALL_EPOCH_MS + this.#kernel.now * this.#shape.rate + this.#shape.wallOffsetMs;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    if (!Number.isFinite(delayMs)) throw new RangeError(`timer of ${delayMs} ms`);
    return this.#kernel.after(delayMs / this.#shape.rate, this, callback);
  }

  defer(callback: () => void): void {
    this.#kernel.defer(this, callback);
  }

  settle(callback: () => void): void {
    this.#kernel.settle(this, callback);
  }

  /** Virtual ms at which this node's monotonic clock shows `monotonicMs`. */
  virtualTimeOf(monotonicMs: number): number {
    return (monotonicMs - this.#shape.monotonicOffsetMs) / this.#shape.rate;
  }

  /** For the world (disk, network, supervisor): runs `callback` as part of this process, at once unless it is paused. */
  run(callback: () => void): void {
    this.#kernel.runAs(this, callback);
  }

  /** The process is gone; nothing of it runs again. */
  kill(): void {
    this.#alive = false;
    this.#held.length = 0;
  }

  pause(): void {
    this.#paused = true;
  }

  /** Everything that was held fires now, in its old order. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    for (const event of this.#held.splice(0)) this.#kernel.release(event);
  }

  /** Kernel only. */
  hold(event: Scheduled): void {
    this.#held.push(event);
  }
}
