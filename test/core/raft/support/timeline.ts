/** Events in virtual time, ordered by (time, sequence). */
interface Event {
  readonly at: number;
  readonly sequence: number;
  readonly run: () => void;
}

export class Timeline {
  now = 0;
  readonly #heap: Event[] = [];
  #sequence = 0;

  after(delayMs: number, run: () => void): void {
    this.#sequence += 1;
    const event = { at: this.now + delayMs, sequence: this.#sequence, run };
    let place = this.#heap.length;
    this.#heap.push(event);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!isBefore(event, this.#heap[parent]!)) break;
      this.#heap[place] = this.#heap[parent]!;
      place = parent;
    }
    this.#heap[place] = event;
  }

  runUntil(end: number): void {
    while (this.#heap.length > 0 && this.#heap[0]!.at <= end) {
      const event = this.#next();
      this.now = event.at;
      event.run();
    }
    this.now = end;
  }

  #next(): Event {
    const first = this.#heap[0]!;
    const last = this.#heap.pop()!;
    if (this.#heap.length === 0) return first;
    let place = 0;
    for (;;) {
      let child = place * 2 + 1;
      if (child >= this.#heap.length) break;
      if (child + 1 < this.#heap.length && isBefore(this.#heap[child + 1]!, this.#heap[child]!)) child += 1;
      if (!isBefore(this.#heap[child]!, last)) break;
      this.#heap[place] = this.#heap[child]!;
      place = child;
    }
    this.#heap[place] = last;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence);
}
