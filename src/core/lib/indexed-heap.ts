import { assert } from './assert.ts';

/** An item that knows where it stands. In one heap at a time. */
export interface Positioned {
  /** -1 = in no heap. Written by the heap alone. */
  position: number;
}

/** A binary heap whose items can be moved and taken out wherever they are. `before` must be a total order. */
export class IndexedHeap<T extends Positioned> {
  private readonly items: T[] = [];
  private readonly before: (a: T, b: T) => boolean;

  constructor(before: (a: T, b: T) => boolean) {
    this.before = before;
  }

  get size(): number {
    return this.items.length;
  }

  peek(): T | undefined {
    return this.items[0];
  }

  /** In no particular order. */
  all(): readonly T[] {
    return this.items;
  }

  push(item: T): void {
    assert(item.position === -1, 'an item is in one heap at a time');
    this.items.push(item);
    this.siftUp(item, this.items.length - 1);
  }

  remove(item: T): void {
    const { position } = item;
    assert(this.items[position] === item, 'only what is in a heap is taken out of it');
    const last = this.items.pop()!;
    item.position = -1;
    if (last === item) return;
    last.position = position;
    this.items[position] = last;
    this.changed(last);
  }

  /** Call after the order of an item changed. */
  changed(item: T): void {
    const { position } = item;
    assert(this.items[position] === item, 'only what is in a heap changes its place in it');
    this.siftUp(item, position);
    if (item.position === position) this.siftDown(item, position);
  }

  /** Call after the order of many items changed; O(size). */
  allChanged(): void {
    for (let i = (this.items.length >> 1) - 1; i >= 0; i--) this.siftDown(this.items[i]!, i);
  }

  private set(item: T, position: number): void {
    this.items[position] = item;
    item.position = position;
  }

  private siftUp(item: T, start: number): void {
    const { items, before } = this;
    let i = start;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(item, items[parent]!)) break;
      this.set(items[parent]!, i);
      i = parent;
    }
    this.set(item, i);
  }

  private siftDown(item: T, start: number): void {
    const { items, before } = this;
    const half = items.length >> 1;
    let i = start;
    while (i < half) {
      let child = 2 * i + 1;
      if (child + 1 < items.length && before(items[child + 1]!, items[child]!)) child++;
      if (!before(items[child]!, item)) break;
      this.set(items[child]!, i);
      i = child;
    }
    this.set(item, i);
  }
}
