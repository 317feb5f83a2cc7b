/** Linearizable reads under way: first a majority confirms an index, then everything up to it has to be applied here. */
import type { LogIndex } from '../core/lib/ids.ts';

/** `undefined`: this node does not lead any more, or cannot know whether it does. */
export type ReadDone = (index: LogIndex | undefined) => void;

interface PendingRead {
  readonly done: ReadDone;
  /** Confirmed, and not applied yet. */
  index: LogIndex | undefined;
}

export class PendingReads {
  readonly #reads = new Map<number, PendingRead>();
  #id = 0;

  /** @returns the number under which the Raft core is asked. */
  add(done: ReadDone): number {
    this.#id += 1;
    this.#reads.set(this.#id, { done, index: undefined });
    return this.#id;
  }

  /** @param applied index up to which the state has everything. */
  confirmed(id: number, index: LogIndex, applied: LogIndex): void {
    const read = this.#reads.get(id);
    if (read === undefined) return;
    read.index = index;
    if (index <= applied) this.#end(id, index);
  }

  applied(applied: LogIndex): void {
    for (const [id, { index }] of this.#reads) if (index !== undefined && index <= applied) this.#end(id, index);
  }

  failed(id: number): void {
    this.#end(id, undefined);
  }

  failAll(): void {
    const reads = [...this.#reads.values()];
    this.#reads.clear();
    for (const { done } of reads) done(undefined);
  }

  #end(id: number, index: LogIndex | undefined): void {
    const read = this.#reads.get(id);
    this.#reads.delete(id);
    read?.done(index);
  }
}
