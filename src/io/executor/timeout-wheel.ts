/** Timeouts for very many short executions: one timer in all, exact to TICK_MS, adding and removing in constant time. */
import type { Clock, Timer } from '../../ports/clock.ts';

const TICK_MS = 50;

export class TimeoutWheel<Item> {
  readonly #clock: Clock;
  readonly #onTimeout: (item: Item) => void;
  /** Tick at which they are due → items. */
  readonly #due = new Map<number, Set<Item>>();
  readonly #tickOf = new Map<Item, number>();
  #lastTick = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock, onTimeout: (item: Item) => void) {
    this.#clock = clock;
    this.#onTimeout = onTimeout;
  }

  add(item: Item, timeoutMs: number): void {
    const now = this.#clock.now();
    if (this.#timer === undefined) {
      this.#lastTick = Math.floor(now / TICK_MS);
      this.#arm();
    }
    const tick = Math.ceil((now + timeoutMs) / TICK_MS);
    const items = this.#due.get(tick);
    if (items === undefined) this.#due.set(tick, new Set([item]));
    else items.add(item);
    this.#tickOf.set(item, tick);
  }

  remove(item: Item): void {
    const tick = this.#tickOf.get(item);
    if (tick === undefined) return;
    this.#tickOf.delete(item);
    const items = this.#due.get(tick);
    items?.delete(item);
    if (items?.size === 0) this.#due.delete(tick);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#due.clear();
    this.#tickOf.clear();
  }

  #arm(): void {
    this.#timer = this.#clock.setTimer(TICK_MS, () => this.#turn());
  }

  #turn(): void {
    this.#timer = undefined;
    const tick = Math.floor(this.#clock.now() / TICK_MS);
    const late = tick - this.#lastTick;
    // After a long pause it is cheaper to look at what is there than at every tick that passed.
    const ticks = late > this.#due.size ? [...this.#due.keys()].filter((at) => at <= tick) : Array.from({ length: late }, (_, index) => this.#lastTick + 1 + index);
    this.#lastTick = tick;
    if (this.#tickOf.size > 0) this.#arm();
    for (const at of ticks) {
      for (const item of this.#due.get(at) ?? []) {
        this.remove(item);
        this.#onTimeout(item);
      }
    }
  }
}
