/** How many messages went where and when: enough to see a link carry much, little or nothing. */
import type { TrafficData } from './data.ts';

const SPANS_MAX = 1000;
const PAIRS_NODES_MAX = 16;

export class Traffic {
  readonly #nodes: number;
  readonly #pairs: boolean;
  #spanMs = 100;
  #total: number[] = [];
  /** By span, then `from * nodes + to`. */
  #byPair: Uint32Array[] = [];

  constructor(nodes: number) {
    this.#nodes = nodes;
    this.#pairs = nodes <= PAIRS_NODES_MAX;
  }

  count(now: number, from: number, to: number): void {
    while (now >= this.#spanMs * SPANS_MAX) this.#widen();
    const span = Math.floor(now / this.#spanMs);
    while (this.#total.length <= span) {
      this.#total.push(0);
      if (this.#pairs) this.#byPair.push(new Uint32Array(this.#nodes ** 2));
    }
    this.#total[span] = (this.#total[span] ?? 0) + 1;
    const pairs = this.#byPair[span];
    const at = from * this.#nodes + to;
    if (pairs !== undefined) pairs[at] = (pairs[at] ?? 0) + 1;
  }

  data(): TrafficData {
    const pairs = this.#pairs ? Array.from({ length: this.#nodes ** 2 }, (_, at) => this.#byPair.map((counts) => step(counts[at] ?? 0)).join('')) : [];
    return { spanMs: this.#spanMs, total: this.#total, pairs };
  }

  /** Two spans become one. */
  #widen(): void {
    this.#spanMs *= 2;
    this.#total = Array.from({ length: Math.ceil(this.#total.length / 2) }, (_, i) => (this.#total[2 * i] ?? 0) + (this.#total[2 * i + 1] ?? 0));
    this.#byPair = Array.from({ length: Math.ceil(this.#byPair.length / 2) }, (_, i) => {
      const [left, right] = [this.#byPair[2 * i], this.#byPair[2 * i + 1]];
      return (left as Uint32Array).map((count, at) => count + (right?.[at] ?? 0));
    });
  }
}

function step(count: number): string {
  return count === 0 ? '0' : String(Math.min(9, 1 + Math.floor(Math.log2(count))));
}
