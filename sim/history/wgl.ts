/**
 * Is a concurrent history linearizable? The search of Wing & Gong with Lowe's memory of configurations that were tried,
 * as Knossos and porcupine do it: take, among the operations that had begun before the first unfinished one returned, any
 * one that the sequential model allows next; go back when one returns that has not been placed.
 *
 * In a model that only moves forward, an operation that leaves the state as it is can be placed at once, and no other order
 * is ever better: whatever is possible without it is possible after it. So the search never goes back to it for another
 * choice. Most operations of most histories are of this kind (reads); else they are tried in every order.
 *
 * An operation whose outcome nobody saw may have taken effect at any moment after it began, or never: it has no return,
 * so the search may place it anywhere later and is done when all the others are placed.
 */

/** The sequential specification of one object. States are immutable. */
export interface Model<State, Input, Output> {
  readonly init: State;
  /**
   * @param output undefined when nobody saw the answer: every answer is possible then.
   * @returns the state after it, or undefined when `output` cannot be the answer in this state.
   */
  step(state: State, input: Input, output: Output | undefined): State | undefined;
  /**
   * Nothing is ever undone: an operation that changes nothing in one state changes nothing in any state that comes after it.
   * (A register is not like that: to write what is there already matters if somebody else writes in between.)
   */
  readonly onlyForward: boolean;
  /** Equality and hash in one: equal text ⇔ equal state. Also what people are shown. */
  key(state: State): string;
}

/** Times are on any scale; only their order counts. What ends when another begins is taken as overlapping it. */
export interface Operation<Input, Output> {
  readonly input: Input;
  readonly invokedAt: number;
  /** Undefined: outcome unknown. */
  readonly outcome: { readonly output: Output; readonly returnedAt: number } | undefined;
}

export interface WglLimits {
  /** Configurations (set of placed operations, state) to look at before giving up. @default 1,000,000 */
  readonly visitedMax?: number;
  /** Asked now and then; true ends the search as unknown. For limits of wall time. */
  readonly expired?: () => boolean;
}

export interface Explanation {
  /** Positions of operations: an order of the history up to just before `blocked` returned. */
  readonly prefix: readonly number[];
  /** Key of the state after the prefix. */
  readonly state: string;
  /** Whose return makes the history impossible: with it in the set, no order of the operations is legal. */
  readonly blocked: number;
}

export type WglResult =
  | { readonly verdict: 'ok'; readonly visited: number; /** A legal order; operations of unknown outcome only where they took effect. */ readonly order: readonly number[] }
  | { readonly verdict: 'violation'; readonly visited: number; readonly explanation: Explanation }
  /** The limits were reached first. */
  | { readonly verdict: 'unknown'; readonly visited: number };

const VISITED_MAX = 1_000_000;
/** Configurations between two looks at the clock. */
const EXPIRY_EVERY = 1024;

export function checkLinearizable<State, Input, Output>(model: Model<State, Input, Output>, operations: readonly Operation<Input, Output>[], limits: WglLimits = {}): WglResult {
  return new Search(model, operations, limits).run();
}

interface Placed<State> {
  readonly operation: number;
  readonly before: State;
  readonly keyBefore: string;
}

/** Entries: operation i begins at entry 2i and returns at 2i + 1, linked in order of time; the last one is the head. */
class Search<State, Input, Output> {
  readonly #model: Model<State, Input, Output>;
  readonly #operations: readonly Operation<Input, Output>[];
  readonly #limits: WglLimits;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #head: number;
  /** Bit i: operation i is placed. */
  readonly #bits: Uint32Array;
  readonly #tried = new Set<string>();
  readonly #stack: Placed<State>[] = [];
  /** Order of time of each return. */
  readonly #rank: Int32Array;
  /** Operations with a known outcome that are not placed yet. */
  #open = 0;
  #state: State;
  #key: string;
  #best: Explanation | undefined;

  constructor(model: Model<State, Input, Output>, operations: readonly Operation<Input, Output>[], limits: WglLimits) {
    this.#model = model;
    this.#operations = operations;
    this.#limits = limits;
    this.#state = model.init;
    this.#key = model.key(model.init);
    this.#head = 2 * operations.length;
    this.#next = new Int32Array(this.#head + 1);
    this.#previous = new Int32Array(this.#head + 1);
    this.#rank = new Int32Array(operations.length);
    this.#bits = new Uint32Array(Math.ceil(operations.length / 32));
    this.#link();
  }

  #link(): void {
    const entries: { readonly entry: number; readonly time: number }[] = [];
    for (const [i, { invokedAt, outcome }] of this.#operations.entries()) {
      if (outcome !== undefined && outcome.returnedAt < invokedAt) throw new RangeError(`operation ${i} returns at ${outcome.returnedAt}, before it begins at ${invokedAt}`);
      entries.push({ entry: 2 * i, time: invokedAt });
      if (outcome === undefined) continue;
      entries.push({ entry: 2 * i + 1, time: outcome.returnedAt });
      this.#open += 1;
    }
    // At one instant, beginnings before returns.
    entries.sort((a, b) => a.time - b.time || (a.entry & 1) - (b.entry & 1) || a.entry - b.entry);
    let last = this.#head;
    for (const [rank, { entry }] of entries.entries()) {
      this.#next[last] = entry;
      this.#previous[entry] = last;
      if ((entry & 1) === 1) this.#rank[entry >> 1] = rank;
      last = entry;
    }
    this.#next[last] = this.#head;
    this.#previous[this.#head] = last;
  }

  run(): WglResult {
    const { visitedMax = VISITED_MAX, expired } = this.#limits;
    let entry = this.#next[this.#head]!;
    while (this.#open > 0) {
      const isReturn = entry === this.#head || (entry & 1) === 1;
      if (!isReturn) {
        entry = this.#place(entry >> 1) ? this.#next[this.#head]! : this.#next[entry]!;
        const visited = this.#tried.size;
        if (visited > visitedMax || (visited % EXPIRY_EVERY === 0 && expired?.() === true)) return { verdict: 'unknown', visited };
        continue;
      }
      // Whoever returns here should have been placed before.
      this.#blockedBy(entry >> 1);
      const undone = this.#undoChoice();
      if (undone === undefined) return { verdict: 'violation', visited: this.#tried.size, explanation: this.#best! };
      entry = this.#next[2 * undone]!;
    }
    return { verdict: 'ok', visited: this.#tried.size, order: this.#stack.map(({ operation }) => operation) };
  }

  #place(i: number): boolean {
    const { input, outcome } = this.#operations[i]!;
    const after = this.#model.step(this.#state, input, outcome?.output);
    if (after === undefined) return false;
    const key = this.#model.key(after);
    const changes = key !== this.#key;
    // Without an answer and without an effect it need not have happened.
    if (!changes && outcome === undefined) return false;
    this.#bits[i >> 5]! ^= 1 << (i & 31);
    if ((changes || !this.#model.onlyForward) && !this.#isNew(key)) {
      this.#bits[i >> 5]! ^= 1 << (i & 31);
      return false;
    }
    this.#stack.push({ operation: i, before: this.#state, keyBefore: this.#key });
    this.#state = after;
    this.#key = key;
    if (outcome !== undefined) this.#open -= 1;
    this.#unlink(2 * i);
    if (outcome !== undefined) this.#unlink(2 * i + 1);
    return true;
  }

  /** What is placed now, with this state: a configuration that was not tried before? */
  #isNew(key: string): boolean {
    let first = 0;
    while (this.#bits[first] === 0xffff_ffff) first += 1;
    let end = this.#bits.length;
    while (end > first && this.#bits[end - 1] === 0) end -= 1;
    const configuration = `${first} ${this.#bits.subarray(first, end).join()} ${key}`;
    const { size } = this.#tried;
    return this.#tried.add(configuration).size > size;
  }

  /** Takes back what was placed last that changed the state, and all after it. @returns which. */
  #undoChoice(): number | undefined {
    for (;;) {
      const last = this.#stack.pop();
      if (last === undefined) return undefined;
      const isChoice = !this.#model.onlyForward || last.keyBefore !== this.#key;
      this.#undo(last);
      if (isChoice) return last.operation;
    }
  }

  #undo({ operation: i, before, keyBefore }: Placed<State>): void {
    this.#state = before;
    this.#key = keyBefore;
    this.#bits[i >> 5]! ^= 1 << (i & 31);
    if (this.#operations[i]!.outcome !== undefined) {
      this.#open += 1;
      this.#relink(2 * i + 1);
    }
    this.#relink(2 * i);
  }

  /** Everything that returned earlier was placed; the latest such moment of the whole search is what cannot be. */
  #blockedBy(operation: number): void {
    if (this.#best !== undefined && this.#rank[operation]! <= this.#rank[this.#best.blocked]!) return;
    this.#best = { prefix: this.#stack.map((placed) => placed.operation), state: this.#key, blocked: operation };
  }

  #unlink(entry: number): void {
    this.#next[this.#previous[entry]!] = this.#next[entry]!;
    this.#previous[this.#next[entry]!] = this.#previous[entry]!;
  }

  #relink(entry: number): void {
    this.#next[this.#previous[entry]!] = entry;
    this.#previous[this.#next[entry]!] = entry;
  }
}
