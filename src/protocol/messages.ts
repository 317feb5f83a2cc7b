/**
 * What nodes say to each other besides Raft: sessions and work, clients' requests, snapshots, beacons. Requests carry an
 * id that the answer repeats; there is no other state between messages, so a lost one is simply asked again.
 */
import type { CellId, Fence, LogIndex, MemberId, NodeId, RunId, RunNumber, SessionId, Term } from '../core/lib/ids.ts';
import type { ItemSource } from '../core/cell/foreach.ts';
import type { Capabilities, FilesRef, Json, Reply, ResultItem, ResultVerdict, RunningClaim } from '../core/cell/types.ts';
import type { SnapshotMeta } from '../core/raft/types.ts';

/** Somebody to dial. */
export interface Contact {
  readonly node: NodeId;
  readonly addresses: readonly string[];
}

/** Where to turn instead; node '' when unknown. */
export interface LeaderHint {
  readonly cell: CellId | '';
  readonly node: NodeId | '';
  readonly addresses: readonly string[];
}

/** One claim for a worker: everything that the run's specification does not say. */
export interface AssignItem {
  readonly run: RunNumber;
  readonly module: number;
  readonly fence: Fence;
  readonly generation: number;
  readonly attempt: number;
  readonly inputsHash: string;
  /** Output values of each needed module, in the order of the module's `needs`. */
  readonly needs: ReadonlyArray<Readonly<Record<string, Json>>>;
  /** Files of each input, in the order of the module's `files.inputs`: one, or of a module with `foreach` one for each item. */
  readonly inputs: ReadonlyArray<readonly FilesRef[]>;
  /** Nodes that have them, in the same order, and then those that have the list of an item. A hint. */
  readonly inputHolders: ReadonlyArray<readonly NodeId[]>;
  /** What an earlier execution got so far; null = nothing. */
  readonly checkpoint: FilesRef | null;
  /** Of an item of a `foreach`: position of its specification, position in its list, and what it is. */
  readonly item: { readonly template: number; readonly number: number; readonly source: ItemSource } | null;
}

export interface ProgressItem {
  readonly fence: Fence;
  /** 0 to 1; null = not known. */
  readonly fraction: number | null;
  readonly message: string;
}

export type StopReason = 'cancelled' | 'superseded' | 'timeout' | 'released';

export type WorkMessage =
  | {
      readonly type: 'sessionOpen';
      readonly id: number;
      readonly cell: CellId;
      readonly member: MemberId | '';
      readonly bootId: string;
      readonly name: string;
      readonly version: string;
      readonly capabilities: Capabilities;
      readonly addresses: readonly string[];
      readonly running: readonly RunningClaim[];
    }
  /** `session` 0 = refused; `error` says why, `hint` where to turn. */
  | { readonly type: 'sessionReply'; readonly id: number; readonly session: SessionId; readonly error: string; readonly hint: LeaderHint }
  | {
      readonly type: 'keepalive';
      readonly cell: CellId;
      readonly session: SessionId;
      readonly sequence: number;
      /** Slots offered now: 0 while the node stops. */
      readonly slots: number;
      readonly load: number;
      /** Of blobs, as it measured it; 0 = not yet. */
      readonly receiveBytesPerSecond: number;
      /** What it executes, and what it finished and is not yet told to be recorded. */
      readonly running: readonly RunningClaim[];
      /** Of those the fences that succeeded and wait for copies of their files. */
      readonly committing: readonly Fence[];
      /** Of those the fences whose inputs are still being fetched. */
      readonly fetching: readonly Fence[];
    }
  /** `known` false: open a new session. `stop`: fences that are not this session's any more. */
  | {
      readonly type: 'keepaliveReply';
      readonly cell: CellId;
      readonly session: SessionId;
      readonly sequence: number;
      readonly known: boolean;
      readonly stop: readonly Fence[];
      readonly contacts: readonly Contact[];
    }
  /** Sent before the first Assign of a run to this session; `spec` is the encoded RunSpec, in slices. */
  | { readonly type: 'runSpec'; readonly cell: CellId; readonly run: RunNumber; readonly runId: RunId; readonly offset: number; readonly total: number; readonly bytes: Uint8Array }
  | { readonly type: 'assign'; readonly cell: CellId; readonly session: SessionId; readonly items: readonly AssignItem[] }
  /** `needSpec`: not a refusal, the worker lacks the run's specification. */
  | { readonly type: 'decline'; readonly cell: CellId; readonly session: SessionId; readonly claims: readonly RunningClaim[]; readonly needSpec: boolean }
  | { readonly type: 'stop'; readonly cell: CellId; readonly session: SessionId; readonly fences: readonly Fence[]; readonly reason: StopReason }
  | { readonly type: 'results'; readonly cell: CellId; readonly id: number; readonly items: readonly ResultItem[] }
  /** What an execution has got so far. Not answered: a lost one is followed by the next. */
  | { readonly type: 'checkpoint'; readonly cell: CellId; readonly claim: RunningClaim; readonly inputsHash: string; readonly files: FilesRef }
  /** How far executions of this session say they are. Lossy: nothing depends on it. */
  | { readonly type: 'progress'; readonly cell: CellId; readonly session: SessionId; readonly items: readonly ProgressItem[] }
  /** `verdicts` empty = not recorded here, send again (to `hint`). `nodes`: where copies can be had, when some of them need more. */
  | { readonly type: 'resultsReply'; readonly id: number; readonly verdicts: readonly ResultVerdict[]; readonly nodes: readonly NodeId[]; readonly hint: LeaderHint }
  /** A node wants to go: out of the config first, then its session ends. `handOver`: not before others have what only it has. */
  | { readonly type: 'leave'; readonly id: number; readonly cell: CellId; readonly node: NodeId; readonly session: SessionId; readonly handOver: boolean }
  /** `lastCopies`: modules whose files only the node that leaves has. */
  | { readonly type: 'leaveReply'; readonly id: number; readonly done: boolean; readonly lastCopies: number; readonly hint: LeaderHint }
  | { readonly type: 'forward'; readonly id: number; readonly cell: CellId; readonly request: ClientRequest; readonly part: number; readonly parts: number; readonly bytes: Uint8Array }
  | { readonly type: 'forwardReply'; readonly id: number; readonly reply: Reply | null; readonly hint: LeaderHint }
  | { readonly type: 'read'; readonly id: number; readonly cell: CellId; readonly strong: boolean; readonly query: string; readonly argument: Json }
  /** JSON answer, in slices, from the state after entry `index`. `code` '' = fine, else an error code with its text in `message`. */
  | { readonly type: 'readReply'; readonly id: number; readonly index: LogIndex; readonly code: string; readonly message: string; readonly part: number; readonly parts: number; readonly bytes: Uint8Array; readonly hint: LeaderHint }
  /** Ask for events; `after` −1 = from now on. Renewed every few seconds; a subscription ends 30 s after the last. */
  | { readonly type: 'watch'; readonly id: number; readonly cell: CellId; readonly run: RunNumber; readonly after: number }
  /** A node's beacon by the straight way, when a connection opens: gossip takes a second to form its mesh. */
  | { readonly type: 'beacon'; readonly beacon: Uint8Array }
  | { readonly type: 'watchEvents'; readonly id: number; readonly events: readonly Json[]; readonly gone: boolean };

/** What a client may ask of the leader. `body` of submit is an encoded RunSpec in `bytes` of the message. */
export type ClientRequest =
  | { readonly type: 'submit'; readonly requestKey: string }
  | { readonly type: 'rerun'; readonly requestKey: string; readonly run: RunNumber; readonly failedOnly: boolean }
  | { readonly type: 'cancel'; readonly run: RunNumber; readonly reason: string }
  | { readonly type: 'drain'; readonly node: NodeId; readonly on: boolean }
  | { readonly type: 'pauseRun'; readonly run: RunNumber; readonly on: boolean; readonly reason: string }
  | { readonly type: 'pauseQueue'; readonly on: boolean; readonly reason: string };

export type BulkMessage =
  | {
      readonly type: 'snapshot';
      readonly cell: CellId;
      readonly from: MemberId;
      readonly to: MemberId;
      readonly term: Term;
      readonly meta: SnapshotMeta;
      /** Section sizes in bytes; all sections one after the other make the stream that `offset` counts in. */
      readonly sections: readonly number[];
      readonly offset: number;
      readonly bytes: Uint8Array;
    }
  /** `next`: offset wanted next; the total when whole; -1 = not wanted. */
  | { readonly type: 'snapshotReply'; readonly cell: CellId; readonly from: MemberId; readonly to: MemberId; readonly index: number; readonly next: number };

/** Gossiped by every node: what a person calls its heartbeat. A hint, never a promise. */
export interface Beacon {
  readonly clusterName: string;
  readonly node: NodeId;
  readonly bootId: string;
  readonly name: string;
  readonly version: string;
  /** Rises with each beacon of one boot. */
  readonly sequence: number;
  readonly votes: boolean;
  readonly capabilities: Capabilities;
  readonly load: number;
  /** Of blobs, as it measured it; 0 = not yet. */
  readonly receiveBytesPerSecond: number;
  readonly slotsUsed: number;
  readonly addresses: readonly string[];
  readonly stopping: boolean;
  readonly cell: CellSighting | null;
}

/** What a node knows of the cell it is in. Rank of cells (PROTOCOL §7) compares established, createdAt, id. */
export interface CellSighting {
  readonly id: CellId;
  readonly createdAt: number;
  readonly established: boolean;
  readonly term: Term;
  /** '' when this node hears no leader. */
  readonly leader: NodeId | '';
  readonly leaderAddresses: readonly string[];
}
