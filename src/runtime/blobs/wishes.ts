/** Blobs that are wanted and not here: who waits for each, which of them are being fetched, and what memory those have. */
import type { Cid, NodeId } from '../../core/lib/ids.ts';
import { SkeinError } from '../../errors.ts';
import type { NodeContext } from '../context.ts';
import type { Fetch } from './fetch.ts';
import { FETCH_BYTES_MAX, FETCHES_MAX, FETCHES_RESERVED, FETCHES_WAITING_MAX } from './limits.ts';

export type FetchDone = (error: Error | undefined, size: number) => void;

/** `waited`: somebody can go on only when it is here. `background`: nobody waits, and it must not be in the way of those that do. */
export type Urgency = 'waited' | 'background';

interface Wish {
  readonly listeners: Map<FetchDone, Urgency>;
  /** Said to have it by whoever wants it. */
  readonly holders: Set<NodeId>;
  fetch: Fetch | undefined;
}

export interface Memory {
  /** @returns false when there is none for so many bytes now. */
  readonly take: (bytes: number) => boolean;
  readonly giveBack: (bytes: number) => void;
}

export class Wishes {
  readonly #context: NodeContext;
  readonly #begin: (cid: Cid, holders: ReadonlySet<NodeId>, memory: Memory) => Fetch;
  /** Oldest first. */
  readonly #wishes = new Map<Cid, Wish>();
  /** Those of them that have not begun. */
  readonly #queues: Readonly<Record<Urgency, Set<Cid>>> = { waited: new Set(), background: new Set() };
  /** Those that have. */
  readonly #active = new Map<Cid, Wish>();
  #bytesTaken = 0;

  constructor(context: NodeContext, begin: (cid: Cid, holders: ReadonlySet<NodeId>, memory: Memory) => Fetch) {
    this.#context = context;
    this.#begin = begin;
  }

  get size(): number {
    return this.#wishes.size;
  }

  has(cid: Cid): boolean {
    return this.#wishes.has(cid);
  }

  /** When it has begun. */
  fetchOf(cid: Cid): Fetch | undefined {
    return this.#active.get(cid)?.fetch;
  }

  *fetches(): Generator<Fetch> {
    for (const { fetch } of this.#active.values()) if (fetch !== undefined) yield fetch;
  }

  /** @returns takes it back. */
  add(cid: Cid, done: FetchDone, urgency: Urgency, holders: readonly NodeId[]): () => void {
    let wish = this.#wishes.get(cid);
    if (wish === undefined) {
      if (this.#wishes.size >= FETCHES_WAITING_MAX) {
        this.#context.defer(() => done(new SkeinError('LIMIT_EXCEEDED', `${FETCHES_WAITING_MAX} blobs wait to be fetched`), 0));
        return () => undefined;
      }
      wish = { listeners: new Map(), holders: new Set(), fetch: undefined };
      this.#wishes.set(cid, wish);
    }
    const { listeners } = wish;
    for (const holder of holders) wish.holders.add(holder);
    // The same function may be given twice, and is to be called twice.
    const listener: FetchDone = (error, size) => done(error, size);
    listeners.set(listener, urgency);
    this.#enqueue(cid, wish);
    this.#start();
    return () => {
      listeners.delete(listener);
      if (this.#wishes.get(cid) !== wish) return;
      if (listeners.size === 0) this.end(cid);
      else this.#enqueue(cid, wish);
    };
  }

  end(cid: Cid, error?: Error, size = 0): void {
    const wish = this.#wishes.get(cid);
    if (wish === undefined) return;
    this.#wishes.delete(cid);
    this.#active.delete(cid);
    for (const queue of Object.values(this.#queues)) queue.delete(cid);
    wish.fetch?.stop();
    for (const done of wish.listeners.keys()) done(error, size);
    this.#start();
  }

  endAll(error: Error): void {
    // Ending one starts none of the others: the node is stopping.
    for (const cid of this.#wishes.keys()) this.end(cid, error);
  }

  /** Who waits for it may have changed. */
  #enqueue(cid: Cid, wish: Wish): void {
    if (wish.fetch !== undefined) return;
    const urgency = urgencyOf(wish);
    this.#queues[urgency === 'waited' ? 'background' : 'waited'].delete(cid);
    this.#queues[urgency].add(cid);
  }

  #start(): void {
    this.#startThose('waited', FETCHES_MAX);
    this.#startThose('background', FETCHES_MAX - FETCHES_RESERVED);
  }

  #startThose(urgency: Urgency, most: number): void {
    for (const cid of this.#queues[urgency]) {
      if (this.#active.size >= most || this.#context.stopped) return;
      this.#queues[urgency].delete(cid);
      const wish = this.#wishes.get(cid)!;
      this.#active.set(cid, wish);
      const memory: Memory = {
        take: (bytes) => this.#take(bytes, wish),
        giveBack: (bytes) => {
          this.#bytesTaken -= bytes;
        },
      };
      wish.fetch = this.#begin(cid, wish.holders, memory);
    }
  }

  /**
   * One chunk always gets room, however large the limit is set. What nobody waits for has one chunk under way at a time
   * while anybody waits for anything: it goes on, and is not in the way.
   */
  #take(bytes: number, wish: Wish): boolean {
    if (this.#bytesTaken > 0 && this.#bytesTaken + bytes > FETCH_BYTES_MAX) return false;
    if (urgencyOf(wish) === 'background' && this.#isInTheWay()) return false;
    this.#bytesTaken += bytes;
    return true;
  }

  #isInTheWay(): boolean {
    let background = 0;
    let waited = this.#queues.waited.size > 0;
    for (const wish of this.#active.values()) {
      if (urgencyOf(wish) === 'waited') waited = true;
      else background += wish.fetch?.bytesTaken ?? 0;
    }
    return waited && background > 0;
  }
}

function urgencyOf({ listeners }: Wish): Urgency {
  for (const urgency of listeners.values()) if (urgency === 'waited') return urgency;
  return 'background';
}
