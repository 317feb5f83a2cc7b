/**
 * A list of changes that does not grow for ever: when it is full its oldest part is folded into one last value per
 * thing, so that the newest part, where a violation is, can always be replayed.
 */

export class Changes<T extends readonly [time: number, ...rest: unknown[]]> {
  #list: T[] = [];
  #dropped = 0;
  readonly #max: number;
  readonly #keyOf: ((change: T) => string | number) | undefined;
  readonly #base = new Map<string | number, T>();

  /** @param keyOf which thing it is that changes; without it, what is dropped is gone. */
  constructor(max: number, keyOf?: (change: T) => string | number) {
    this.#max = max;
    this.#keyOf = keyOf;
  }

  push(change: T): void {
    this.#list.push(change);
    if (this.#list.length > this.#max) this.#drop(Math.ceil(this.#max / 4));
  }

  get dropped(): number {
    return this.#dropped;
  }

  /** Everything that happened from here on is in the list; before it something is missing. 0 while nothing was dropped. */
  get completeFrom(): number {
    return this.#dropped === 0 ? 0 : (this.#list[0]?.[0] ?? 0);
  }

  /** What held at `fromMs`, dated to it, and every change since. */
  since(fromMs: number): T[] {
    let first = 0;
    while (first < this.#list.length && (this.#list[first] as T)[0] < fromMs) first += 1;
    this.#fold(this.#list.slice(0, first));
    const base = [...this.#base.values()].map(([, ...rest]) => [fromMs, ...rest] as unknown as T);
    return [...base, ...this.#list.slice(first)];
  }

  #drop(count: number): void {
    this.#fold(this.#list.slice(0, count));
    this.#list = this.#list.slice(count);
    this.#dropped += count;
  }

  #fold(changes: readonly T[]): void {
    if (this.#keyOf === undefined) return;
    for (const change of changes) this.#base.set(this.#keyOf(change), change);
  }
}
