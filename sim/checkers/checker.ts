/**
 * What checkers see and how they complain. A checker never changes anything; each gets called at the moments it asks
 * for. The views are structural, so that a test can hand a checker a violation made by hand.
 */
import type { CellState } from '../../src/core/cell/state.ts';
import type { CellEvent, Command, Reply } from '../../src/core/cell/types.ts';
import type { CellId, LogIndex, MemberId, NodeId, SessionId, Term } from '../../src/core/lib/ids.ts';
import type { Config, Entry, RaftLoad, Role, SnapshotMeta } from '../../src/core/raft/types.ts';
import type { RaftEnvelope } from '../../src/protocol/raft-codec.ts';
import type { BlobShelf } from '../blob-store.ts';
import type { SyncedLog } from '../synced-log.ts';

export interface RaftView {
  readonly role: Role;
  readonly term: Term;
  readonly commitIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly snapshot: SnapshotMeta;
  readonly config: Config;
  readonly load: RaftLoad;
  entry(index: LogIndex): Entry | undefined;
}

export interface ReplicaView {
  readonly cell: CellId;
  readonly self: MemberId;
  readonly raft: RaftView;
  readonly appliedIndex: LogIndex;
  readonly state: CellState;
  /** Holds the planner lease at this moment. */
  mayPlan(): boolean;
}

export interface NodeView {
  readonly id: NodeId;
  readonly name: string;
  /** Counts the incarnations. */
  readonly boot: number;
  readonly replica: ReplicaView | undefined;
  /** Blobs on the disk of its machine. */
  readonly blobs: BlobShelf;
  /** What a power cut now would leave of this node's log in this cell. */
  synced(cell: CellId): SyncedLog;
}

/** `S…` and `L…` of PROTOCOL §9, `T1`, `crash` for a process that failed by itself. */
export type Invariant = string;

export type Report = (invariant: Invariant, message: string) => void;

/** One entry as a replica applied it to its committed state. */
export interface Applied {
  readonly node: NodeView;
  readonly cell: CellId;
  readonly entry: Entry;
  readonly command: Command | undefined;
  readonly reply: Reply | undefined;
  readonly events: readonly CellEvent[];
  /** No replica applied this index before. */
  readonly first: boolean;
}

export interface Checker {
  /** After each step of a node's Raft core. */
  stepped?(node: NodeView): void;
  applied?(applied: Applied): void;
  acknowledged?(node: NodeView, cell: CellId, index: LogIndex, term: Term): void;
  started?(node: NodeView, session: SessionId, fence: number): void;
  /** A vote, or an answer on the Raft channel, was handed to the network. */
  raftSent?(node: NodeView, envelope: RaftEnvelope): void;
  readAsked?(node: NodeView, cell: CellId, id: number): void;
  readEnded?(node: NodeView, cell: CellId, id: number, index: LogIndex | undefined): void;
  /** The process is about to be gone; its disk still is as it was. */
  crashed?(node: NodeView): void;
}
