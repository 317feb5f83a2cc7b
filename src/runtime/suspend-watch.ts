/**
 * Notices that this process did not run for a while: the machine slept (the monotonic clock stands still then, the wall
 * clock does not), was stopped by a signal, or its loop was blocked. Leases judged by such a clock mean nothing.
 */
import type { NodeContext } from './context.ts';
import { LoopLag } from './loop-lag.ts';

const INTERVAL_MS = 100;
const SUSPEND_JUMP_MS = 1000;

export interface SuspendHooks {
  suspended(): void;
  /** The loop is late again and again, never long enough to count as suspended. */
  lagging(): void;
}

export class SuspendWatch {
  readonly #context: NodeContext;
  readonly #hooks: SuspendHooks;
  readonly #lag: LoopLag;
  #lastNow = 0;
  #lastWall = 0;

  constructor(context: NodeContext, hooks: SuspendHooks) {
    this.#context = context;
    this.#hooks = hooks;
    this.#lag = new LoopLag(context.timing.electionMs / 3);
  }

  start(): void {
    const { clock } = this.#context.ports;
    this.#lastNow = clock.now();
    this.#lastWall = clock.wall();
    this.#context.every(() => INTERVAL_MS, () => this.check());
  }

  /** Also for whoever is about to rely on a lease, since events that waited may come before the timer. */
  check(): void {
    const { clock } = this.#context.ports;
    const now = clock.now();
    const wall = clock.wall();
    const lateMs = now - this.#lastNow - INTERVAL_MS;
    const sleptMs = wall - this.#lastWall - (now - this.#lastNow);
    this.#lastNow = now;
    this.#lastWall = wall;
    if (this.#lag.turn(now, lateMs)) this.#hooks.lagging();
    if (lateMs <= this.#context.timing.electionMs / 2 && sleptMs <= SUSPEND_JUMP_MS) return;
    const why = sleptMs > SUSPEND_JUMP_MS ? `the clock jumped by ${Math.round(sleptMs)} ms` : `nothing ran for ${Math.round(lateMs)} ms`;
    this.#context.note('warn', 'suspended', `${why}: leases are void, this node does not lead until it is elected again`, { lateMs, sleptMs });
    this.#hooks.suspended();
  }
}
