/** mulberry32: small, seeded, good enough to roam a state space. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed, 2_654_435_761) >>> 0;
  }

  readonly float = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };

  /** Whole number in [0, below). */
  below(below: number): number {
    return Math.floor(this.float() * below);
  }

  between(low: number, high: number): number {
    return low + this.float() * (high - low);
  }

  chance(probability: number): boolean {
    return this.float() < probability;
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[this.below(items.length)];
  }

  shuffle<T>(items: readonly T[]): T[] {
    return items.map((item) => ({ item, key: this.float() })).sort((a, b) => a.key - b.key).map(({ item }) => item);
  }
}
