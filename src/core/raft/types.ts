/**
 * The data types of the Raft core: log entries, configurations, messages, inputs and effects.
 * PROTOCOL §1–§3 and §5 say what they mean. All times are monotonic milliseconds of the node that writes them.
 */
import type { LogIndex, MemberId, Term } from '../lib/ids.ts';

export type EntryKind = 'genesis' | 'noop' | 'config' | 'command';

/** One log entry. `config` is set for `genesis` and `config` entries and is effective as soon as it is appended. */
export interface Entry {
  readonly index: LogIndex;
  readonly term: Term;
  readonly kind: EntryKind;
  readonly config?: Config;
  /** Encoded command (kind `command`) or Genesis (kind `genesis`); empty otherwise. */
  readonly data: Uint8Array;
}

/**
 * Who votes, who only stores, who never returns. Joint while `outgoing` is not empty: then votes and commits need a
 * majority of `voters` and a majority of `outgoing`.
 */
export interface Config {
  readonly voters: readonly MemberId[];
  readonly outgoing: readonly MemberId[];
  /** Members that receive the log but have no vote. At most 2, plus promotees on their way to become voters. */
  readonly standbys: readonly MemberId[];
  /** Member ids that were evicted and are refused for ever. Only grows. */
  readonly removed: readonly MemberId[];
}

export interface HardState {
  readonly term: Term;
  readonly votedFor: MemberId | '';
}

export interface SnapshotMeta {
  readonly index: LogIndex;
  readonly term: Term;
  readonly config: Config;
}

export type RaftMessage =
  /** `term` is the term that the sender would campaign in. */
  | { readonly type: 'preVote'; readonly term: Term; readonly lastIndex: LogIndex; readonly lastTerm: Term; readonly lostLeader: boolean }
  /** `term` is the responder's own term, `requestTerm` echoes the request's. */
  | { readonly type: 'preVoteReply'; readonly term: Term; readonly requestTerm: Term; readonly granted: boolean }
  | { readonly type: 'vote'; readonly term: Term; readonly lastIndex: LogIndex; readonly lastTerm: Term; readonly transfer: boolean }
  | { readonly type: 'voteReply'; readonly term: Term; readonly granted: boolean }
  /** Heartbeat when `entries` is empty. `sentAt` (leader's clock) and `round` (rising per leader) are echoed. */
  | {
      readonly type: 'append';
      readonly term: Term;
      readonly prevIndex: LogIndex;
      readonly prevTerm: Term;
      readonly entries: readonly Entry[];
      readonly commit: LogIndex;
      readonly sentAt: number;
      readonly round: number;
    }
  /**
   * ok: `index` = prevIndex + entries of *that* message (rule 10). Not ok: `index` is the responder's hint where the
   * logs may still agree and `hintTerm` the term there. An answer to a snapshot, or to an Append of an earlier term,
   * has `sentAt` and `round` 0.
   */
  | {
      readonly type: 'appendReply';
      readonly term: Term;
      readonly ok: boolean;
      readonly index: LogIndex;
      readonly hintTerm: Term;
      readonly sentAt: number;
      readonly round: number;
    }
  /** Campaign, once your log holds this entry: it may still be on its way to you. */
  | { readonly type: 'timeoutNow'; readonly term: Term; readonly lastIndex: LogIndex; readonly lastTerm: Term };

export interface RaftTiming {
  /** Heartbeat interval H. @default 100 */
  readonly heartbeatMs: number;
  /** E: lower end of the election timeout; the upper end is 2E. @default 1000 */
  readonly electionMs: number;
  /** Planner lease, counted from the send time of acked appends. @default 900 */
  readonly plannerLeaseMs: number;
}

/** `down`: the last connection closed, its redial is not decided. `gone`: the redial was refused or found a new bootId. */
export type LinkState = 'up' | 'down' | 'gone';

export type RaftInput =
  | { readonly type: 'tick'; readonly now: number }
  | { readonly type: 'message'; readonly now: number; readonly from: MemberId; readonly message: RaftMessage }
  /** Leader only. Answered by effect `appended` or `refused`. */
  | { readonly type: 'propose'; readonly now: number; readonly commands: readonly Uint8Array[] }
  /** Leader only. The core makes the joint entry itself, and the final one when the joint one is committed. */
  | { readonly type: 'proposeConfig'; readonly now: number; readonly voters: readonly MemberId[]; readonly standbys: readonly MemberId[]; readonly removed: readonly MemberId[] }
  /** Everything up to the persist effect `sequence` is synced. */
  | { readonly type: 'persisted'; readonly now: number; readonly sequence: number }
  /** Leader only. Answered by `readReady` or `readFailed`. */
  | { readonly type: 'readIndex'; readonly now: number; readonly id: number }
  | { readonly type: 'transfer'; readonly now: number; readonly target: MemberId }
  | { readonly type: 'link'; readonly now: number; readonly peer: MemberId; readonly state: LinkState }
  /** A snapshot at `meta.index` is synced on this disk: the log before it may be dropped. */
  | { readonly type: 'compacted'; readonly now: number; readonly meta: SnapshotMeta }
  /** A whole snapshot arrived from a leader and is verified, not yet in force. Answered by `persist` with `snapshot`, or dropped. */
  | { readonly type: 'snapshotArrived'; readonly now: number; readonly from: MemberId; readonly term: Term; readonly meta: SnapshotMeta }
  /** Step down and do not campaign until `resume`, at most 2E (suspend detected, disk stalled). */
  | { readonly type: 'stepDown'; readonly now: number; readonly reason: string }
  /** The reason for `stepDown` is over: campaigning is allowed again. */
  | { readonly type: 'resume'; readonly now: number };

export interface Outgoing {
  readonly to: MemberId;
  readonly message: RaftMessage;
}

export type RaftEffect =
  /**
   * Write and sync, in this order: `snapshot` (already stored by the runtime, now in force: the log is reset to it),
   * `hard`, drop every entry after `truncateAfter`, append `entries`. Then send `messages` and answer with `persisted`.
   * Sequences rise by one. A persist effect may carry messages only: they wait for all that came before.
   */
  | {
      readonly type: 'persist';
      readonly sequence: number;
      readonly hard?: HardState;
      readonly snapshot?: SnapshotMeta;
      readonly truncateAfter?: LogIndex;
      readonly entries: readonly Entry[];
      readonly messages: readonly Outgoing[];
    }
  /** Needs no sync before it. */
  | { readonly type: 'send'; readonly to: MemberId; readonly message: RaftMessage }
  /** `commitIndex` moved to `index`; entries are read with `raft.entry(i)`. */
  | { readonly type: 'commit'; readonly index: LogIndex }
  | { readonly type: 'appended'; readonly first: LogIndex; readonly count: number; readonly term: Term }
  | { readonly type: 'refused'; readonly reason: string }
  | { readonly type: 'readReady'; readonly id: number; readonly index: LogIndex }
  | { readonly type: 'readFailed'; readonly id: number }
  /** The follower needs more than the log still holds: stream the newest snapshot to it. */
  | { readonly type: 'sendSnapshot'; readonly to: MemberId }
  /** Find out whether this peer's process is still there; answer with input `link`. */
  | { readonly type: 'redial'; readonly peer: MemberId }
  | { readonly type: 'role'; readonly role: Role; readonly term: Term; readonly leader: MemberId | '' }
  /** This member's disk seems rolled back or cloned (PROTOCOL §5): evict it. */
  | { readonly type: 'alarm'; readonly member: MemberId; readonly reason: string };

/** What this member holds in memory beside the log itself; each has a bound in `limits.ts` (PROTOCOL S26). */
export interface RaftLoad {
  /** Appended by this leader and not committed. */
  readonly uncommittedBytes: number;
  /** Of the follower with the fullest window. */
  readonly inflightAppends: number;
  readonly inflightBytes: number;
  readonly reads: number;
  readonly heldPreVotes: number;
  readonly brokenLinks: number;
  /** Entries kept before the snapshot. */
  readonly tailEntries: number;
}

export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader';

export interface RaftInit {
  readonly self: MemberId;
  readonly timing: RaftTiming;
  /** Uniform in [0, 1), deterministic per seed. */
  readonly random: () => number;
  readonly now: number;
  readonly hard: HardState;
  /** Newest snapshot, or index 0, term 0 and an empty config for none. */
  readonly snapshot: SnapshotMeta;
  /** Log after the snapshot, contiguous. */
  readonly entries: readonly Entry[];
  /** Entries kept before a snapshot for slow followers. @default COMPACTED_TAIL_ENTRIES_MAX */
  readonly tailEntriesMax?: number;
  /** Test-only: rules switched off to prove that the checkers notice (PROTOCOL §9, mutants). */
  readonly mutants?: ReadonlySet<string>;
}

/** Progress of one follower as its leader sees it; read by the autopilot and by `status`. */
export interface FollowerProgress {
  readonly member: MemberId;
  readonly matchIndex: LogIndex;
  /** Leader's time when the newest acked Append was sent; -Infinity when none was. */
  readonly lastAckedSentAt: number;
  readonly receivesSnapshot: boolean;
  /** Leader's time at which it sent the newest Append that ended at its last index and was acked; -Infinity when none was. */
  readonly caughtUpAt: number;
}
