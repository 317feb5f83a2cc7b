/**
 * What will happen, soonest first: a heap of its own, since every event goes through it, and comparing by a function that
 * others give would be the slowest part of it. Four children to a node: half as many levels.
 */

/** By virtual time, then in the order of scheduling. */
export interface Ordered {
  time: number;
  sequence: number;
}

const CHILDREN = 4;

export class EventHeap<T extends Ordered> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  peek(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    const items = this.#items;
    const { time, sequence } = item;
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const up = (at - 1) >> 2;
      const parent = items[up] as T;
      if (parent.time < time || (parent.time === time && parent.sequence < sequence)) break;
      items[at] = parent;
      at = up;
    }
    items[at] = item;
  }

  pop(): T | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (last !== undefined && items.length > 0) this.#sink(last);
    return top;
  }

  /** The root is free, and `item` looks for its place from there. */
  #sink(item: T): void {
    const items = this.#items;
    const { length } = items;
    let at = 0;
    for (;;) {
      const first = at * CHILDREN + 1;
      if (first >= length) break;
      let child = first;
      let least = items[first] as T;
      const end = Math.min(first + CHILDREN, length);
      for (let next = first + 1; next < end; next += 1) {
        const other = items[next] as T;
        if (other.time < least.time || (other.time === least.time && other.sequence < least.sequence)) {
          least = other;
          child = next;
        }
      }
      if (item.time < least.time || (item.time === least.time && item.sequence < least.sequence)) break;
      items[at] = least;
      at = child;
    }
    items[at] = item;
  }
}
