/**
 * Follows the log of every node and what is committed in every cell, in O(new entries): the common ground of the
 * checkers. Entries are immutable objects, so a log that changed is one whose objects differ, from the tail backwards.
 */
import { membersOf } from '../../src/core/raft/config.ts';
import type { CellId, LogIndex, MemberId, NodeId, Term } from '../../src/core/lib/ids.ts';
import type { Config, Entry } from '../../src/core/raft/types.ts';
import type { NodeView, ReplicaView, Report } from './checker.ts';
import { EMPTY_PREFIX, extendPrefix } from './prefix.ts';

export interface CommittedEntry {
  readonly entry: Entry;
  readonly prefix: number;
  /** Term of the node on which the commit was first seen: the leader that counted, so never less than the entry's. */
  readonly committedIn: Term;
  /** The newest one at or before this entry. */
  readonly config: Config;
}

/** Everything known of one cell. */
export class CellHistory {
  readonly cell: CellId;
  /** `committed[i]` is the entry with index i + 1. */
  readonly committed: CommittedEntry[] = [];
  /** Prefix hash by (index, term) of every entry that ever stood in any log (S2). */
  readonly prefixes = new Map<number, number>();

  constructor(cell: CellId) {
    this.cell = cell;
  }

  get commitIndex(): LogIndex {
    return this.committed.length;
  }

  committedAt(index: LogIndex): CommittedEntry | undefined {
    return this.committed[index - 1];
  }

  prefixAt(index: LogIndex): number | undefined {
    return index === 0 ? EMPTY_PREFIX : this.committed[index - 1]?.prefix;
  }

  /** Members that the newest committed configuration gives the log to. */
  members(): MemberId[] {
    const config = this.committed.at(-1)?.config;
    return config === undefined ? [] : membersOf(config);
  }
}

/** One node's log in one cell, as far as it was seen. */
export class LogTrack {
  readonly cell: CellId;
  /** A disk that is renewed while its node runs is another member, with another log. */
  readonly member: MemberId;
  readonly boot: number;
  /** Last index that is covered by a snapshot and not tracked entry by entry. */
  base: LogIndex;
  readonly entries: Entry[] = [];
  readonly #prefixes: number[] = [];
  #basePrefix: number;
  commitIndex = 0;

  constructor({ cell, self }: Pick<ReplicaView, 'cell' | 'self'>, boot: number, base: LogIndex, basePrefix: number) {
    this.cell = cell;
    this.member = self;
    this.boot = boot;
    this.base = base;
    this.#basePrefix = basePrefix;
  }

  get lastIndex(): LogIndex {
    return this.base + this.entries.length;
  }

  entry(index: LogIndex): Entry | undefined {
    return this.entries[index - this.base - 1];
  }

  prefixAt(index: LogIndex): number | undefined {
    return index === this.base ? this.#basePrefix : this.#prefixes[index - this.base - 1];
  }

  truncate(lastIndex: LogIndex): void {
    this.entries.length = lastIndex - this.base;
    this.#prefixes.length = lastIndex - this.base;
  }

  append(entry: Entry): number {
    const prefix = extendPrefix(this.prefixAt(this.lastIndex) as number, entry);
    this.entries.push(entry);
    this.#prefixes.push(prefix);
    return prefix;
  }
}

export interface LogListener {
  /** An entry stands in this node's log that was not there at the last look. */
  appended?(node: NodeView, replica: ReplicaView, track: LogTrack, entry: Entry, history: CellHistory): void;
  /** The first time that the commit of this entry is seen anywhere. */
  committed?(node: NodeView, replica: ReplicaView, committed: CommittedEntry, history: CellHistory): void;
}

const INDEX_SHIFT = 2 ** 21;

/** Exact for indexes below 2^32. */
function placeKey(index: LogIndex, term: Term): number {
  return index * INDEX_SHIFT + term;
}

export class Logs {
  readonly #histories = new Map<CellId, CellHistory>();
  readonly #tracks = new Map<NodeId, LogTrack>();
  readonly #listeners: LogListener[] = [];
  readonly #report: Report;

  constructor(report: Report) {
    this.#report = report;
  }

  listen(listener: LogListener): void {
    this.#listeners.push(listener);
  }

  history(cell: CellId): CellHistory {
    let history = this.#histories.get(cell);
    if (history === undefined) this.#histories.set(cell, (history = new CellHistory(cell)));
    return history;
  }

  histories(): CellHistory[] {
    return [...this.#histories.values()];
  }

  track(node: NodeId): LogTrack | undefined {
    return this.#tracks.get(node);
  }

  /** Takes in what changed. Called first of all checkers. */
  stepped(node: NodeView): void {
    const { replica } = node;
    if (replica === undefined) return;
    const history = this.history(replica.cell);
    const track = this.#trackOf(node, replica, history);
    const appended = this.#follow(node, replica, track, history);
    this.#commits(node, replica, track, history);
    for (const entry of appended) for (const listener of this.#listeners) listener.appended?.(node, replica, track, entry, history);
  }

  #trackOf(node: NodeView, replica: ReplicaView, history: CellHistory): LogTrack {
    const known = this.#tracks.get(node.id);
    const { snapshot } = replica.raft;
    const current = known?.cell === replica.cell && known.member === replica.self && known.boot === node.boot;
    const basePrefix = history.prefixAt(snapshot.index);
    // A log that was reset to a leader's snapshot starts anew behind it: what stood there before, not committed here, may
    // have been something else.
    const reset = current && snapshot.index > known.commitIndex && known.prefixAt(snapshot.index) !== basePrefix;
    if (current && !reset && (snapshot.index <= known.lastIndex || snapshot.index === known.base)) return known;
    if (basePrefix === undefined) this.#report('S3', `${node.name} has a snapshot up to ${snapshot.index}, but only ${history.commitIndex} entries were ever committed`);
    const track = new LogTrack(replica, node.boot, snapshot.index, basePrefix ?? EMPTY_PREFIX);
    track.commitIndex = snapshot.index;
    this.#tracks.set(node.id, track);
    return track;
  }

  /** @returns what is new. */
  #follow(node: NodeView, replica: ReplicaView, track: LogTrack, history: CellHistory): readonly Entry[] {
    const { raft } = replica;
    const last = raft.lastIndex;
    let same = Math.min(last, track.lastIndex);
    while (same > track.base && same > raft.snapshot.index && track.entry(same) !== raft.entry(same)) same -= 1;
    if (same === last && same === track.lastIndex) return NOTHING;
    track.truncate(same);
    const appended: Entry[] = [];
    for (let index = same + 1; index <= last; index += 1) {
      const entry = raft.entry(index);
      if (entry === undefined) {
        this.#report('S2', `${node.name} has no entry ${index} though its log goes from ${raft.snapshot.index} to ${last}`);
        break;
      }
      this.#append(node, track, entry, history);
      appended.push(entry);
    }
    return appended;
  }

  #append(node: NodeView, track: LogTrack, entry: Entry, history: CellHistory): void {
    const prefix = track.append(entry);
    // S2: the same index and term mean the same entry and the same log before it.
    const key = placeKey(entry.index, entry.term);
    const known = history.prefixes.get(key);
    if (known === undefined) history.prefixes.set(key, prefix);
    else if (known !== prefix) this.#report('S2', `${node.name} has another log up to entry ${entry.index} of term ${entry.term} than some node had`);
  }

  #commits(node: NodeView, replica: ReplicaView, track: LogTrack, history: CellHistory): void {
    const { raft } = replica;
    const { commitIndex } = raft;
    if (commitIndex === track.commitIndex) return;
    // S7: the commit index only rises, and never beyond the log.
    if (commitIndex < track.commitIndex) this.#report('S7', `${node.name}: commit index goes back from ${track.commitIndex} to ${commitIndex}`);
    if (commitIndex > raft.lastIndex) this.#report('S7', `${node.name}: commit index ${commitIndex} is beyond the log, which ends at ${raft.lastIndex}`);
    // S7: a leader counts replicas only for entries of its own term.
    const term = track.entry(commitIndex)?.term;
    if (raft.role === 'leader' && term !== undefined && term !== raft.term) this.#report('S7', `${node.name} leads term ${raft.term} and commits up to entry ${commitIndex} of term ${term} by counting`);
    for (let index = history.commitIndex + 1; index <= commitIndex; index += 1) {
      const entry = track.entry(index);
      const prefix = track.prefixAt(index);
      if (entry === undefined || prefix === undefined) break;
      const committed = { entry, prefix, committedIn: raft.term, config: configAt(track, history, index) };
      history.committed.push(committed);
      for (const listener of this.#listeners) listener.committed?.(node, replica, committed, history);
    }
    // S4: whatever is committed anywhere is the same everywhere.
    const upTo = Math.min(commitIndex, history.commitIndex);
    const own = track.prefixAt(upTo);
    if (own !== undefined && own !== history.prefixAt(upTo)) this.#report('S4', `${node.name} committed another log up to ${upTo} than was committed before`);
    track.commitIndex = commitIndex;
  }
}

const NOTHING: readonly Entry[] = [];
const NOBODY: Config = { voters: [], outgoing: [], standbys: [], removed: [] };

/** The newest configuration at or before `index`. */
function configAt(track: LogTrack, history: CellHistory, index: LogIndex): Config {
  return track.entry(index)?.config ?? history.committed.at(-1)?.config ?? NOBODY;
}
