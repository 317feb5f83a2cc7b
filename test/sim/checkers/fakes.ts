/** Nodes made by hand, to show each checker a violation. */
import assert from 'node:assert/strict';
import { createCell, withoutParts, type CellState } from '../../../src/core/cell/state.ts';
import { cellId, memberId, nodeId, type CellId, type MemberId, type NodeId } from '../../../src/core/lib/ids.ts';
import type { Config, Entry, EntryKind, HardState, RaftLoad, Role, SnapshotMeta } from '../../../src/core/raft/types.ts';
import { BlobShelf } from '../../../sim/blob-store.ts';
import { ClockRecord, type Conditions } from '../../../sim/checkers/clocks.ts';
import type { NodeView, RaftView, ReplicaView, Report } from '../../../sim/checkers/checker.ts';
import type { SyncedLog } from '../../../sim/synced-log.ts';

export const CELL = cellId('c'.repeat(32));

export function member(name: string): MemberId {
  return memberId(nodeId(name), 'disk');
}

export function config(voters: readonly string[], outgoing: readonly string[] = [], removed: readonly string[] = []): Config {
  return { voters: voters.map(member), outgoing: outgoing.map(member), standbys: [], removed: removed.map(member) };
}

export function entry(index: number, term: number, kind: EntryKind = 'command', text = `${index}/${term}`, with_?: Config): Entry {
  return { index, term, kind, data: new TextEncoder().encode(text), ...(with_ === undefined ? {} : { config: with_ }) };
}

const NO_SNAPSHOT: SnapshotMeta = { index: 0, term: 0, config: config([]) };

export class FakeRaft implements RaftView {
  role: Role = 'follower';
  term = 1;
  commitIndex = 0;
  snapshot = NO_SNAPSHOT;
  log: Entry[] = [];
  load: RaftLoad = { uncommittedBytes: 0, inflightAppends: 0, inflightBytes: 0, reads: 0, heldPreVotes: 0, brokenLinks: 0, tailEntries: 0 };

  get lastIndex(): number {
    return this.snapshot.index + this.log.length;
  }

  get config(): Config {
    return this.log.findLast((item) => item.config !== undefined)?.config ?? this.snapshot.config;
  }

  entry(index: number): Entry | undefined {
    return this.log[index - this.snapshot.index - 1];
  }
}

/** What is synced, said by hand. */
export class FakeDisk {
  member: MemberId | '' = '';
  cell: CellId | '' = CELL;
  hard: HardState = { term: 1, votedFor: '' };
  entries: Entry[] = [];

  get lastIndex(): number {
    return this.entries.length;
  }

  holds(index: number, term: number): boolean {
    return this.termAt(index) === term;
  }

  termAt(index: number): number {
    return this.entries[index - 1]?.term ?? 0;
  }
}

export class FakeNode implements NodeView {
  readonly id: NodeId;
  readonly name: string;
  boot = 1;
  readonly raft = new FakeRaft();
  readonly disk = new FakeDisk();
  readonly blobs = new BlobShelf();
  state: CellState = createCell(withoutParts);
  appliedIndex = 0;
  /** The process runs. */
  up = true;
  /** Holds the planner lease. */
  lease = false;

  constructor(name: string) {
    this.name = name;
    this.id = nodeId(name);
    this.disk.member = member(name);
  }

  get replica(): (ReplicaView & { raft: FakeRaft }) | undefined {
    if (!this.up) return undefined;
    return { cell: CELL, self: member(this.name), raft: this.raft, appliedIndex: this.appliedIndex, state: this.state, mayPlan: () => this.lease };
  }

  synced(): SyncedLog {
    return this.disk as unknown as SyncedLog;
  }
}

/** The world at a time set by hand, with the timing of the default profile. */
export class FakeWorld implements Conditions {
  at = 10_000;
  readonly electionMs = 1000;
  readonly marginMs = 1000;
  readonly clocks = new ClockRecord();

  now(): number {
    return this.at;
  }
}

/** Collects what checkers report. */
export class Reports {
  readonly all: string[] = [];
  readonly report: Report = (invariant, message) => void this.all.push(`${invariant}: ${message}`);

  none(): void {
    assert.deepEqual(this.all, []);
  }

  /** One of this kind among others. */
  some(invariant: string): void {
    assert.ok(this.all.some((line) => line.startsWith(`${invariant}: `)), `${invariant} was not reported`);
  }

  /** At least one, and all of this kind. */
  only(invariant: string): void {
    assert.ok(this.all.length > 0, `${invariant} was not reported`);
    for (const line of this.all) assert.ok(line.startsWith(`${invariant}: `), line);
  }
}
