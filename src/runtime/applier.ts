/**
 * Applies what is committed to the state, one entry after the other. A large Submit takes many turns of the event loop, so
 * that heartbeats and answers pass meanwhile; all entries behind it wait. Between two turns the state is that before the
 * entry: whoever reads, hashes or keeps it never sees half of one.
 */
import { assert } from '../core/lib/assert.ts';
import type { LogIndex } from '../core/lib/ids.ts';
import { Slice } from '../core/lib/slice.ts';
import { apply, applyInSlices, mayTakeLong, skip, type Applied, type CellState, type Long } from '../core/cell/cell.ts';
import type { Command } from '../core/cell/types.ts';
import type { Entry } from '../core/raft/types.ts';
import type { NodeContext } from './context.ts';
import { stepsPerTurn } from './turns.ts';

/** Steps (`Slice`) for an entry, and bytes of it that cost one more: a turn ends after 20,000 of them. */
const ENTRY_STEPS = 50;
const BYTES_PER_STEP = 8;

export interface ApplierHooks {
  /** A committed entry. */
  entry(index: LogIndex): Entry;
  /** What it says; asked for once. */
  command(entry: Entry): Command;
  /** It was applied just now. @param applied undefined for an entry without a command. */
  applied(entry: Entry, command: Command | undefined, applied: Applied | undefined): void;
  /** More was applied in a turn of its own. */
  wentOn(): void;
}

/** May begin more than once, when the state is replaced under it. */
export type Between = (state: CellState, index: LogIndex, slice: Slice) => Generator<undefined, void>;

export class Applier {
  readonly #context: NodeContext;
  readonly #hooks: ApplierHooks;
  readonly #slice = new Slice(0);
  readonly #stepsPerSlice: number;
  #state: CellState;
  #index: LogIndex;
  #upTo: LogIndex;
  /** What is not done yet of the entry behind `#index`, or of work between two entries. */
  #work: Generator<undefined, void> | undefined;
  readonly #waiting: Between[] = [];
  /** Of these, the one that `#work` does. */
  #current: Between | undefined;
  #running = false;
  #planned = false;
  #stopped = false;

  /** @param index of the last entry that `state` knows of. */
  constructor(context: NodeContext, state: CellState, index: LogIndex, hooks: ApplierHooks) {
    this.#context = context;
    this.#hooks = hooks;
    this.#state = state;
    this.#index = index;
    this.#upTo = index;
    this.#stepsPerSlice = stepsPerTurn(context);
  }

  get state(): CellState {
    return this.#state;
  }

  /** Last entry that is applied, from its first consequence to its last. */
  get index(): LogIndex {
    return this.#index;
  }

  /** Everything up to `index` is committed: it is applied now, or in later turns if there is much of it. */
  commit(index: LogIndex): void {
    this.#upTo = Math.max(this.#upTo, index);
    if (!this.#planned) this.#run();
  }

  /** Work on the state as it stands between two entries: nothing is applied before it is done, in as many turns as it takes. */
  between(work: Between): void {
    this.#waiting.push(work);
    if (!this.#planned) this.#run();
  }

  /** The state was replaced by another one: half an entry of the old one is forgotten, work on it begins anew. */
  replace(state: CellState, index: LogIndex): void {
    assert(index > this.#index, 'a snapshot does not take back what is applied');
    this.#state = state;
    this.#index = index;
    this.#upTo = Math.max(this.#upTo, index);
    this.#work = undefined;
    if (this.#current !== undefined) this.#waiting.unshift(this.#current);
    this.#current = undefined;
  }

  stop(): void {
    this.#stopped = true;
    this.#work = undefined;
  }

  /** What is applied may cause more to be committed: that is taken up by the call that is under way. */
  #run(): void {
    if (this.#running || this.#stopped) return;
    this.#running = true;
    this.#slice.refill(this.#stepsPerSlice);
    while (this.#busy && !this.#stopped) {
      if (this.#slice.over) {
        this.#goOnLater();
        break;
      }
      this.#advance();
    }
    this.#running = false;
  }

  get #busy(): boolean {
    return this.#work !== undefined || this.#waiting.length > 0 || this.#index < this.#upTo;
  }

  #goOnLater(): void {
    this.#planned = true;
    this.#context.after(0, () => {
      this.#planned = false;
      this.#run();
      if (!this.#stopped) this.#hooks.wentOn();
    });
  }

  #advance(): void {
    if (this.#work !== undefined) {
      const work = this.#work;
      // What it ends with may replace the state.
      if (work.next().done === true && this.#work === work) this.#work = this.#current = undefined;
      return;
    }
    this.#current = this.#waiting.shift();
    if (this.#current === undefined) this.#begin(this.#hooks.entry(this.#index + 1));
    else this.#work = this.#current(this.#state, this.#index, this.#slice);
  }

  #begin(entry: Entry): void {
    this.#slice.spent(ENTRY_STEPS + entry.data.length / BYTES_PER_STEP);
    if (entry.kind === 'noop' || entry.kind === 'config') {
      skip(this.#state, entry.index);
      this.#ended(entry, undefined, undefined);
      return;
    }
    const command = this.#hooks.command(entry);
    if (mayTakeLong(command)) this.#work = this.#inSlices(entry, command);
    else this.#ended(entry, command, apply(this.#state, entry.index, command));
  }

  *#inSlices(entry: Entry, command: Long): Generator<undefined, void> {
    const applied = yield* applyInSlices(this.#state, entry.index, command, this.#slice);
    this.#ended(entry, command, applied);
  }

  #ended(entry: Entry, command: Command | undefined, applied: Applied | undefined): void {
    this.#index = entry.index;
    this.#hooks.applied(entry, command, applied);
  }
}
