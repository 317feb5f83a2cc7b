/** A disk that keeps apart what is synced and what is only on its way. */
import { assert } from '../../../../src/core/lib/assert.ts';
import type { Entry, HardState, RaftEffect, SnapshotMeta } from '../../../../src/core/raft/types.ts';

export type Persist = Extract<RaftEffect, { readonly type: 'persist' }>;

export class LabDisk {
  hard: HardState;
  snapshot: SnapshotMeta;
  entries: Entry[];
  pending: Persist[] = [];

  constructor(hard: HardState, snapshot: SnapshotMeta, entries: readonly Entry[]) {
    this.hard = hard;
    this.snapshot = snapshot;
    this.entries = [...entries];
  }

  get lastIndex(): number {
    return this.entries.at(-1)?.index ?? this.snapshot.index;
  }

  /** Term of a synced entry; the snapshot stands for all it covers. */
  holds(index: number, term: number): boolean {
    return index <= this.snapshot.index || this.entries[index - this.snapshot.index - 1]?.term === term;
  }

  /** The oldest `count` writes reach the disk. */
  sync(count: number): Persist[] {
    const done = this.pending.splice(0, count);
    for (const persist of done) this.#apply(persist);
    return done;
  }

  /** The process dies; the oldest `lucky` unsynced writes made it all the same. */
  crash(lucky: number): void {
    this.sync(lucky);
    this.pending = [];
  }

  compact(meta: SnapshotMeta): void {
    this.snapshot = meta;
    this.entries = this.entries.filter((entry) => entry.index > meta.index);
  }

  #apply(persist: Persist): void {
    if (persist.snapshot !== undefined && persist.snapshot.index > this.snapshot.index) {
      this.snapshot = persist.snapshot;
      this.entries = [];
    }
    if (persist.hard !== undefined) this.hard = persist.hard;
    const { truncateAfter } = persist;
    if (truncateAfter !== undefined) this.entries = this.entries.filter((entry) => entry.index <= truncateAfter);
    for (const entry of persist.entries) {
      if (entry.index <= this.snapshot.index) continue;
      assert(entry.index === this.lastIndex + 1, `disk: gap before ${entry.index}, last is ${this.lastIndex}`);
      this.entries.push(entry);
    }
  }
}
