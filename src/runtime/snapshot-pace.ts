/**
 * When the next snapshot is due. Writing one costs as much as the state is large, so it waits until the log that was applied
 * since the last one is as long as that: snapshots of a state that does not grow then write no more than the log does, and a
 * start reads of the log at most about as much as of the state. Only where the log would fill the memory they write more.
 */
import type { Entry } from '../core/raft/types.ts';
import type { StorageTuning } from './init.ts';

/** With a small state: committed entries, bytes of log. */
const SNAPSHOT_ENTRIES = 20_000;
const SNAPSHOT_LOG_BYTES = 32 * 1024 * 1024;
/** A log this long is cut however large the state is: it stands in memory. */
const LOG_BYTES_MAX = 128 * 1024 * 1024;
/** What an entry takes besides its data. */
const ENTRY_BYTES = 16;

export class SnapshotPace {
  readonly #entriesMin: number;
  readonly #logBytesMax: number;
  /** Of the newest snapshot. */
  #snapshotBytes = 0;
  /** Of the entries that were applied since it was begun. */
  #logBytes = 0;

  constructor({ snapshotEntries = SNAPSHOT_ENTRIES, snapshotLogBytesMax = LOG_BYTES_MAX }: StorageTuning = {}) {
    this.#entriesMin = snapshotEntries;
    this.#logBytesMax = snapshotLogBytesMax;
  }

  applied({ data }: Entry): void {
    this.#logBytes += data.length + ENTRY_BYTES;
  }

  /** The state goes into a snapshot now: what is applied from here on stands behind it. */
  begun(): void {
    this.#logBytes = 0;
  }

  /** Taken here, read at the start, or sent by a leader. */
  taken(sections: readonly Uint8Array[]): void {
    this.#snapshotBytes = sections.reduce((sum, { length }) => sum + length, 0);
  }

  /** @param entries applied since the last snapshot. */
  isDue(entries: number): boolean {
    if (entries < this.#entriesMin && this.#logBytes < SNAPSHOT_LOG_BYTES) return false;
    return this.#logBytes >= Math.min(this.#snapshotBytes, this.#logBytesMax);
  }
}
