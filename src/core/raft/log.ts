/**
 * The log in memory: the entries after a base, the newest snapshot, and which configuration is in force where. Keeps no
 * copy of anything: entries are shared with the effects that carry them.
 */
import { assert } from '../lib/assert.ts';
import type { LogIndex, Term } from '../lib/ids.ts';
import { EMPTY_CONFIG } from './config.ts';
import { APPEND_BYTES_MAX, APPEND_ENTRIES_MAX, CATCH_UP_TAIL_BYTES_MAX, CATCH_UP_TAIL_FACTOR, COMPACTED_TAIL_BYTES_MAX, COMPACTED_TAIL_ENTRIES_MAX, entryBytes } from './limits.ts';
import type { Config, Entry, SnapshotMeta } from './types.ts';

interface ConfigAt {
  readonly index: LogIndex;
  readonly config: Config;
}

export class RaftLog {
  /** Entry before `#entries[0]`: at or before the snapshot, so always committed. */
  #baseIndex: LogIndex;
  #baseTerm: Term;
  readonly #tailEntriesMax: number;
  #entries: Entry[] = [];
  #snapshot: SnapshotMeta;
  /** Rising by index; the first one is the configuration of the snapshot (or the empty one at 0). */
  #configs: ConfigAt[];

  constructor(snapshot: SnapshotMeta, entries: readonly Entry[], tailEntriesMax = COMPACTED_TAIL_ENTRIES_MAX) {
    this.#tailEntriesMax = tailEntriesMax;
    this.#snapshot = snapshot;
    this.#baseIndex = snapshot.index;
    this.#baseTerm = snapshot.term;
    this.#configs = [{ index: snapshot.index, config: snapshot.index === 0 ? EMPTY_CONFIG : snapshot.config }];
    this.append(entries);
  }

  get snapshot(): SnapshotMeta {
    return this.#snapshot;
  }

  /** First index that `entry` can return, if the log reaches that far. */
  get firstIndex(): LogIndex {
    return this.#baseIndex + 1;
  }

  get lastIndex(): LogIndex {
    return this.#baseIndex + this.#entries.length;
  }

  get lastTerm(): Term {
    return this.#entries.at(-1)?.term ?? this.#baseTerm;
  }

  /** Effective as soon as it is appended. */
  get config(): Config {
    return this.#configs.at(-1)!.config;
  }

  get configIndex(): LogIndex {
    return this.#configs.at(-1)!.index;
  }

  /** Configuration in force at `index`; only the newest few can be asked for. */
  configAt(index: LogIndex): Config {
    for (let i = this.#configs.length - 1; i > 0; i -= 1) {
      const item = this.#configs[i]!;
      if (item.index <= index) return item.config;
    }
    return this.#configs[0]!.config;
  }

  /** Term of the entry at `index`; undefined before the base or after the end. Index 0 has term 0. */
  termAt(index: LogIndex): Term | undefined {
    if (index === this.#baseIndex) return this.#baseTerm;
    return this.#entries[index - this.#baseIndex - 1]?.term;
  }

  entry(index: LogIndex): Entry | undefined {
    return this.#entries[index - this.#baseIndex - 1];
  }

  /** Entries `from`…`to`, both included, as far as they are held. */
  slice(from: LogIndex, to: LogIndex): Entry[] {
    const start = Math.max(from, this.firstIndex);
    return to < start ? [] : this.#entries.slice(start - this.#baseIndex - 1, to - this.#baseIndex);
  }

  /** Entries from `from` to `last` for one Append: at least one if there is one, within the message bounds. */
  batch(from: LogIndex, last: LogIndex): Entry[] {
    let bytes = 0;
    let to = from - 1;
    while (to < last && to - from + 1 < APPEND_ENTRIES_MAX) {
      bytes += entryBytes(this.entry(to + 1)!);
      if (bytes > APPEND_BYTES_MAX && to >= from) break;
      to += 1;
    }
    return this.slice(from, to);
  }

  append(entries: readonly Entry[]): void {
    for (const entry of entries) {
      assert(entry.index === this.lastIndex + 1, `log gap: ${entry.index} after ${this.lastIndex}`);
      assert(entry.term >= this.lastTerm, `log term goes back: ${entry.term} after ${this.lastTerm}`);
      this.#entries.push(entry);
      if (entry.config !== undefined) this.#configs.push({ index: entry.index, config: entry.config });
    }
  }

  /** Drops everything after `index`; a configuration that goes with it falls back to the one before. */
  truncateAfter(index: LogIndex): void {
    assert(index >= this.#snapshot.index, `truncation at ${index} before the snapshot ${this.#snapshot.index}`);
    this.#entries.length = index - this.#baseIndex;
    while (this.#configs.length > 1 && this.#configs.at(-1)!.index > index) this.#configs.pop();
  }

  /**
   * Largest index ≤ `from` whose term is ≤ `term`: where two logs may still agree, given that one has `term` at `from`.
   * Terms only rise along a log, so this is a binary search. One before the base when the answer is not held any more.
   */
  lastWithTermAtMost(from: LogIndex, term: Term): LogIndex {
    let low = this.#baseIndex - 1;
    let high = Math.min(from, this.lastIndex);
    if (high < this.#baseIndex) return high;
    while (low < high) {
      const middle = Math.floor((low + high + 1) / 2);
      if (this.termAt(middle)! <= term) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /**
   * A snapshot of a committed prefix is synced: drop what it covers but for a bounded tail for slow followers.
   * @param needed a longer one from here on, since somebody is just catching up.
   */
  compact(meta: SnapshotMeta, needed: LogIndex = meta.index): void {
    assert(this.termAt(meta.index) === meta.term, `snapshot ${meta.index}/${meta.term} is not in this log`);
    this.#snapshot = meta;
    let base = meta.index;
    let bytes = 0;
    while (base > this.#baseIndex) {
      const isNeeded = base > needed;
      bytes += entryBytes(this.entry(base)!);
      if (meta.index - base >= this.#tailEntriesMax * (isNeeded ? CATCH_UP_TAIL_FACTOR : 1)) break;
      if (bytes > (isNeeded ? CATCH_UP_TAIL_BYTES_MAX : COMPACTED_TAIL_BYTES_MAX)) break;
      base -= 1;
    }
    const config = this.configAt(meta.index);
    this.#configs = [{ index: meta.index, config }, ...this.#configs.filter((item) => item.index > meta.index)];
    if (base === this.#baseIndex) return;
    const term = this.termAt(base)!;
    this.#entries.splice(0, base - this.#baseIndex);
    this.#baseIndex = base;
    this.#baseTerm = term;
  }

  /** A snapshot from a leader replaces the whole log. */
  reset(meta: SnapshotMeta): void {
    this.#snapshot = meta;
    this.#baseIndex = meta.index;
    this.#baseTerm = meta.term;
    this.#entries = [];
    this.#configs = [{ index: meta.index, config: meta.config }];
  }
}
