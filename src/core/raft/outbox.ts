/**
 * What one step wants done, and how much of what earlier steps wanted is synced. The rule "fsync before replying" lives
 * here: a message that depends on the disk rides in the persist effect, or goes out at once when nothing is unsynced.
 */
import { assert } from '../lib/assert.ts';
import type { LogIndex, MemberId } from '../lib/ids.ts';
import type { Entry, HardState, Outgoing, RaftEffect, RaftMessage, SnapshotMeta } from './types.ts';

/** Why a message has to wait for the disk; each kind has a mutant `reply-before-sync-<kind>`. */
export type SyncKind = 'term' | 'vote' | 'append' | 'snapshot';

type Note = Exclude<RaftEffect, { readonly type: 'persist' | 'send' }>;

interface PendingLog {
  readonly sequence: number;
  /** Last index that this persist effect makes durable; lowered when a later step truncates. */
  lastIndex: LogIndex;
}

export class Outbox {
  readonly #mutants: ReadonlySet<string>;
  #hard: HardState | undefined;
  #snapshot: SnapshotMeta | undefined;
  #truncateAfter: LogIndex | undefined;
  #entries: Entry[] = [];
  #afterSync: Outgoing[] = [];
  #direct: RaftEffect[] = [];
  #notes: Note[] = [];
  #issued = 0;
  #synced = 0;
  #durableIndex: LogIndex;
  #pending: PendingLog[] = [];

  constructor(durableIndex: LogIndex, mutants: ReadonlySet<string>) {
    this.#durableIndex = durableIndex;
    this.#mutants = mutants;
  }

  /** Last log index that is synced on this disk, as far as it still belongs to the log. */
  get durableIndex(): LogIndex {
    return this.#durableIndex;
  }

  /** Sequence that this step's persist effect gets. */
  get nextSequence(): number {
    return this.#issued + 1;
  }

  isSynced(sequence: number): boolean {
    return this.#synced >= sequence;
  }

  hard(hard: HardState): void {
    this.#hard = hard;
  }

  snapshot(meta: SnapshotMeta, committed: LogIndex): void {
    assert(this.#entries.length === 0, 'snapshot and entries in one step');
    this.#snapshot = meta;
    this.#lowerTo(committed);
  }

  truncate(after: LogIndex): void {
    assert(this.#entries.length === 0, 'truncation after an append in one step');
    this.#truncateAfter = after;
    this.#lowerTo(after);
  }

  append(entries: readonly Entry[]): void {
    for (const entry of entries) this.#entries.push(entry);
  }

  /** Needs no sync. */
  send(to: MemberId, message: RaftMessage): void {
    this.#direct.push({ type: 'send', to, message });
  }

  /** Leaves when everything up to and with this step is synced. */
  sendSynced(kind: SyncKind, to: MemberId, message: RaftMessage): void {
    if (this.#mutants.has(`reply-before-sync-${kind}`)) this.send(to, message);
    else this.#afterSync.push({ to, message });
  }

  note(note: Note): void {
    this.#notes.push(note);
  }

  /** Everything up to persist effect `sequence` is synced. */
  persisted(sequence: number): void {
    assert(sequence <= this.#issued, `persisted ${sequence} but only ${this.#issued} issued`);
    if (sequence <= this.#synced) return;
    this.#synced = sequence;
    let done = 0;
    for (const item of this.#pending) {
      if (item.sequence > sequence) break;
      this.#durableIndex = item.lastIndex;
      done += 1;
    }
    if (done > 0) this.#pending.splice(0, done);
  }

  /** Ends the step. Order: role, persist, send, the rest as it came. */
  flush(role: RaftEffect | undefined): RaftEffect[] {
    const effects: RaftEffect[] = role === undefined ? [] : [role];
    const writes = this.#hard !== undefined || this.#snapshot !== undefined || this.#truncateAfter !== undefined || this.#entries.length > 0;
    if (writes || (this.#afterSync.length > 0 && this.#synced < this.#issued)) {
      effects.push(this.#persist());
    } else {
      for (const { to, message } of this.#afterSync) this.#direct.push({ type: 'send', to, message });
    }
    for (const effect of this.#direct) effects.push(effect);
    for (const note of this.#notes) effects.push(note);
    if (writes || this.#afterSync.length > 0) this.#clear();
    if (this.#direct.length > 0) this.#direct = [];
    if (this.#notes.length > 0) this.#notes = [];
    return effects;
  }

  #persist(): RaftEffect {
    this.#issued += 1;
    const lastIndex = this.#entries.at(-1)?.index ?? this.#truncateAfter ?? this.#snapshot?.index;
    if (lastIndex !== undefined) this.#pending.push({ sequence: this.#issued, lastIndex });
    return {
      type: 'persist',
      sequence: this.#issued,
      ...(this.#hard !== undefined && { hard: this.#hard }),
      ...(this.#snapshot !== undefined && { snapshot: this.#snapshot }),
      ...(this.#truncateAfter !== undefined && { truncateAfter: this.#truncateAfter }),
      entries: this.#entries,
      messages: this.#afterSync,
    };
  }

  /**
   * Entries after `index` no longer belong to the log, though they may be on disk or on their way: none of them may
   * count as durable when an older sync completes.
   */
  #lowerTo(index: LogIndex): void {
    this.#durableIndex = Math.min(this.#durableIndex, index);
    for (const item of this.#pending) item.lastIndex = Math.min(item.lastIndex, index);
  }

  #clear(): void {
    this.#hard = undefined;
    this.#snapshot = undefined;
    this.#truncateAfter = undefined;
    this.#entries = [];
    this.#afterSync = [];
  }
}
