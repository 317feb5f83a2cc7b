/**
 * What a cell agrees on: the specification of runs, the commands in the log, the events that applying them causes, and
 * the views that people and programs read. Times in commands are wall-clock milliseconds stamped by the leader; the
 * reducer itself has no clock.
 */
import type { ForeachSpec } from './foreach-spec.ts';
import type { CellId, Cid, Fence, MemberId, NodeId, RunId, RunNumber, SessionId } from '../lib/ids.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

// ── Specification ────────────────────────────────────────────────────────────────────────────────────────────────

/** One run as submitted: a checked pipeline with its parameters. Made by src/pipeline, carried by Submit. */
export interface RunSpec {
  readonly name: string;
  /** A file parameter is a FilesRef. */
  readonly params: Readonly<Record<string, Json>>;
  readonly env: Readonly<Record<string, string>>;
  /** In file order; `needs` are positions in this list. Acyclic (checked again by the reducer). */
  readonly modules: readonly ModuleSpec[];
  /** Bundled TypeScript; what `uses` refers to. A small one as it is, by content hash (hex sha256), a larger one as a blob, by its name. */
  readonly bundles: Readonly<Record<string, string | FilesRef>>;
  /** Absent: `ordinaryRun`. */
  readonly policy?: RunPolicy;
}

/** How a run stands beside others. */
export interface RunPolicy {
  /** 1 to 10, 10 first. @default 5 */
  readonly priority: number;
  /** Modules claimed at a time; 0 = as many as there is room for. */
  readonly parallelMax: number;
  /** `wave`: modules of a wave become ready when all earlier waves have ended. */
  readonly barrier: 'none' | 'wave';
}

export interface ModulePolicy {
  /** 1 to 10; 0 = that of its run. */
  readonly priority: number;
  /** All of them must have room; each key once. A mutex is a limit of 1. */
  readonly limits: readonly Limit[];
  /** A second copy starts when an execution takes this many times the predicted duration; 0 = never. Not for effectful ones. */
  readonly hedgeFactor: number;
}

/** Claimed only while fewer than `max` claims in the whole cell hold `key`. */
export interface Limit {
  readonly key: string;
  readonly max: number;
}

export interface ModuleSpec {
  readonly name: string;
  readonly needs: readonly number[];
  readonly action: ModuleAction;
  readonly env: Readonly<Record<string, string>>;
  readonly requires: Requires;
  /** 0 = none. @default 30 min */
  readonly timeoutMs: number;
  readonly retry: RetrySpec;
  /** Touches the world outside: never executed by two nodes at once. */
  readonly effectful: boolean;
  /** Declared duration, 0 = unknown; the planner orders by it until it has measured ones. */
  readonly durationMs: number;
  /** Absent: `ordinaryModule`. */
  readonly policy?: ModulePolicy;
  /** Absent: it takes no files and leaves none. Not of registered functions. */
  readonly files?: ModuleFiles;
  /** A recorded result of the same work may stand for its execution. Neither effectful nor `registered`. */
  readonly cache?: true;
  /** Absent: an execution that is lost begins anew. Not of `registered`. */
  readonly checkpoint?: CheckpointSpec;
  /** It is executed once for each item of a list that is known when its needs have succeeded. */
  readonly foreach?: ForeachSpec;
}

/** A folder that is kept while the module is executed, and given to its next execution. */
export interface CheckpointSpec {
  /** Below the work folder, with `/`. */
  readonly folder: string;
  readonly everyMs: number;
}

export interface ModuleFiles {
  readonly inputs: readonly InputSpec[];
  readonly outputs: readonly OutputSpec[];
}

/** Files that are put into the work folder before a module starts; `variable` of the environment tells where they are. */
export type InputSpec = OutputInput | ParamInput;

/** What another module left. */
export interface OutputInput {
  readonly variable: string;
  /** Position of the module, one of `needs`. */
  readonly module: number;
  /** Name of its output. */
  readonly output: string;
}

/** What came with the run. */
export interface ParamInput {
  readonly variable: string;
  /** Name of a parameter whose value is a FilesRef. */
  readonly param: string;
}

export interface OutputSpec {
  readonly name: string;
  /** Glob, relative to the work folder, with `/`. */
  readonly pattern: string;
}

export type ModuleAction =
  /** A shell command; `${{ … }}` references were replaced by environment variables at parse time. */
  | { readonly type: 'run'; readonly command: string }
  /** A function of a bundle that travels with the run. `sourceName` is the path as written, for messages. */
  | { readonly type: 'bundle'; readonly bundle: string; readonly export: string; readonly sourceName: string }
  /** A function that an embedding program registered with `createNode({ modules })`. */
  | { readonly type: 'registered'; readonly function: string };

export interface Requires {
  /** Cpu slots reserved while claimed. @default 1 */
  readonly cpu: number;
  /** Memory reserved while claimed, bytes. @default 0 */
  readonly memory: number;
  /** `key` (present) or `key=value` (equal). */
  readonly labels: readonly string[];
  /** Tool name → version range such as `>=6`, or `*`. */
  readonly tools: Readonly<Record<string, string>>;
  /** `linux`, `darwin`, `win32`; empty = any. */
  readonly os: readonly string[];
  /** `x64`, `arm64`; empty = any. */
  readonly arch: readonly string[];
}

export interface RetrySpec {
  /** Executions in all, the first one included. @default 1 */
  readonly attempts: number;
  /** Wait before the second attempt. @default 5000 */
  readonly backoffMs: number;
  /** @default 2 */
  readonly factor: number;
  /** Spread the wait over [0.5, 1.5) of itself. @default true */
  readonly jitter: boolean;
  /** @default 300000 */
  readonly capMs: number;
}

/** What a node can do; sent with SessionOpen and in beacons. */
export interface Capabilities {
  readonly os: string;
  readonly arch: string;
  /** Cpu slots offered (`--slots`). */
  readonly slots: number;
  readonly memory: number;
  readonly gpus: readonly string[];
  /** Tool → version, as probed. */
  readonly tools: Readonly<Record<string, string>>;
  /** `--label k=v`; a label without value has ''. */
  readonly labels: Readonly<Record<string, string>>;
  /** Functions registered by the embedding program, sorted. */
  readonly functions: readonly string[];
}

// ── Results ──────────────────────────────────────────────────────────────────────────────────────────────────────

export interface ModuleError {
  readonly code: string;
  readonly message: string;
}

/** Files of one output, by what they hold. */
export interface FilesRef {
  /** `file`: the blob is the file. `program`: the same, and it can be executed. `tree`: the blob lists files with paths (`src/protocol/tree-codec.ts`). */
  readonly kind: 'file' | 'program' | 'tree';
  readonly cid: Cid;
  /** Name of the file, without folders; '' for a tree. */
  readonly name: string;
  /** Of all files together, bytes. */
  readonly size: number;
  readonly count: number;
}

/** A file with a path, whose bytes are a blob. */
export interface BlobFile {
  /** Relative, with `/`, without `..`. */
  readonly path: string;
  readonly cid: Cid;
  readonly size: number;
  readonly executable: boolean;
}

/** The whole output of an execution, when it is more than its tail shows. */
export interface LogRef {
  readonly cid: Cid;
  /** Bytes of the blob, the line that marks a cut included. */
  readonly size: number;
  /** Bytes that were printed and not kept; 0 = none. */
  readonly cut: number;
  /** Where in the blob the line stands that says so. */
  readonly cutAt: number;
}

/** An execution that ended and is not the one that counts: what is left of its output. */
export interface EarlierExecution {
  readonly fence: Fence;
  readonly attempt: number;
  readonly nodeId: NodeId;
  /** Error code; '' = it was lost with its node, and its output too. */
  readonly code: string;
  readonly tail: string;
  readonly log: LogRef | null;
}

/** What one execution came to. */
export interface Outcome {
  readonly ok: boolean;
  /** Output values by name, ≤ 4 KB each when encoded. */
  readonly values: Readonly<Record<string, Json>>;
  readonly error: ModuleError | null;
  readonly exitCode: number | null;
  /** Last lines of stdout and stderr as they came, bounded (2 KB). */
  readonly tail: string;
  /** Wall time of the node that executed it. */
  readonly startedAt: number;
  readonly durationMs: number;
  /** By output name, for each output that the module declares. Absent: none. */
  readonly files?: Readonly<Record<string, FilesRef>>;
  /** The run has ended and there was no room for its values. */
  readonly valuesCut?: true;
  /** Absent: the tail is all that was printed. */
  readonly log?: LogRef;
  /** By output name, of those that a `foreach` goes over: 16 bytes for each file, in the order of the tree. Absent: none. */
  readonly digests?: Readonly<Record<string, Uint8Array>>;
}

// ── Commands ─────────────────────────────────────────────────────────────────────────────────────────────────────

export interface RunningClaim {
  readonly run: RunNumber;
  readonly module: number;
  readonly fence: Fence;
}

export interface ResultItem {
  readonly run: RunNumber;
  readonly module: number;
  readonly generation: number;
  readonly fence: Fence;
  readonly inputsHash: string;
  readonly outcome: Outcome;
  /** Nodes on whose disks all files of the outcome are, synced. Absent: none. */
  readonly holders?: readonly NodeId[];
  /** Nodes that were asked for a copy and have no room, or did not make one in the time that they were given. Absent: none. */
  readonly unable?: readonly NodeId[];
}

/** What a module left in this generation is on this node's disk, or not any more. */
export interface HolderItem {
  readonly run: RunNumber;
  readonly module: number;
  readonly generation: number;
  readonly node: NodeId;
  readonly on: boolean;
}

/** The files of a module in this generation are gone with all their holders. */
export interface LostItem {
  readonly run: RunNumber;
  readonly module: number;
  readonly generation: number;
}

/** `released`: handed back unexecuted or on leave, no attempt counted. `lost`: counted as a loss of the node. */
export type ReleaseReason = 'declined' | 'released' | 'lost' | 'timeout';

export type Command =
  | { readonly type: 'genesis'; readonly cellId: CellId; readonly clusterName: string; readonly createdAt: number; readonly founder: NodeId }
  | {
      readonly type: 'sessionOpen';
      readonly now: number;
      readonly node: NodeId;
      /** Member id if this node stores logs, '' if it never votes. */
      readonly member: MemberId | '';
      readonly bootId: string;
      readonly name: string;
      readonly capabilities: Capabilities;
      /** Claims that the node still executes, from an earlier session of the same boot. */
      readonly running: readonly RunningClaim[];
    }
  | { readonly type: 'sessionExpire'; readonly now: number; readonly session: SessionId; readonly reason: 'silent' | 'socket' | 'left' | 'superseded' }
  | { readonly type: 'submit'; readonly now: number; readonly requestKey: string; readonly spec: RunSpec }
  /** A Submit over the entry limit: `bytes` is a slice of its encoding; part `parts - 1` makes it take effect. */
  | { readonly type: 'submitPart'; readonly now: number; readonly requestKey: string; readonly part: number; readonly parts: number; readonly bytes: Uint8Array }
  | { readonly type: 'cancel'; readonly now: number; readonly run: RunNumber; readonly reason: string }
  | { readonly type: 'claimBatch'; readonly now: number; readonly claims: readonly ClaimItem[] }
  | { readonly type: 'release'; readonly now: number; readonly claims: readonly RunningClaim[]; readonly reason: ReleaseReason }
  /** `jitter` in [0, 1) spreads the retry waits of this batch. */
  | { readonly type: 'results'; readonly now: number; readonly jitter: number; readonly items: readonly ResultItem[] }
  | { readonly type: 'nodeDrain'; readonly now: number; readonly node: NodeId; readonly on: boolean }
  | { readonly type: 'retire'; readonly now: number; readonly runs: readonly RunNumber[] }
  /** This cell ends; its nodes join `senior`. Refused when the cell is established. */
  | { readonly type: 'close'; readonly now: number; readonly senior: CellId }
  /** `on`: nothing new of this run is claimed, until it is off. */
  | { readonly type: 'runPause'; readonly now: number; readonly run: RunNumber; readonly on: boolean; readonly reason: string }
  /** The same for all runs. */
  | { readonly type: 'queuePause'; readonly now: number; readonly on: boolean; readonly reason: string }
  /** Second copies of modules that are claimed already, each on another node than the first. Answered as a ClaimBatch. */
  | { readonly type: 'hedgeBatch'; readonly now: number; readonly claims: readonly ClaimItem[] }
  /** These modules are ready, and what they would come to on the node of that session is recorded already. */
  | { readonly type: 'reuse'; readonly now: number; readonly claims: readonly ClaimItem[] }
  /** What the execution under this fence has in its checkpoint folder. Only the newest is kept. */
  | { readonly type: 'checkpoint'; readonly now: number; readonly claim: RunningClaim; readonly inputsHash: string; readonly files: FilesRef }
  /** A finished run once more, as a new run. `failedOnly`: what succeeded is taken over. Answered as a Submit. */
  | { readonly type: 'rerun'; readonly now: number; readonly requestKey: string; readonly run: RunNumber; readonly failedOnly: boolean }
  /** Copies that were made after a result was recorded, or turned out not to be there. */
  | { readonly type: 'holders'; readonly now: number; readonly items: readonly HolderItem[] }
  /** Modules whose files are lost and still needed run again, with the next generation. */
  | { readonly type: 'invalidate'; readonly now: number; readonly items: readonly LostItem[] };

export interface ClaimItem {
  readonly run: RunNumber;
  readonly module: number;
  readonly session: SessionId;
}

// ── What applying a command gives ────────────────────────────────────────────────────────────────────────────────

/** The stored answer to a command, returned to whoever proposed it. */
export type Reply =
  | { readonly type: 'ok' }
  | { readonly type: 'session'; readonly session: SessionId }
  | { readonly type: 'run'; readonly run: RunNumber; readonly runId: RunId; readonly duplicate: boolean }
  /** Answers to the items of a `results` command, in order. */
  | { readonly type: 'results'; readonly verdicts: readonly ResultVerdict[] }
  /** Fence per claim, in order; 0 where the claim was refused (module taken, session gone, no room). */
  | { readonly type: 'claims'; readonly fences: readonly Fence[] }
  | { readonly type: 'error'; readonly code: string; readonly message: string };

/**
 * `accepted`: recorded now. `duplicate`: was recorded before, the first record stands. `stale`: refused. `unknown`: no such run.
 * `needCopies`: neither recorded nor refused: send it again when more nodes hold its files.
 */
export type ResultVerdict = 'accepted' | 'duplicate' | 'stale' | 'unknown' | 'needCopies';

export type RunPhase = 'queued' | 'running' | 'paused' | 'succeeded' | 'failed' | 'cancelled';
/** `expanded`: of a module with `foreach` whose items are executed. */
export type ModulePhase = 'waiting' | 'ready' | 'claimed' | 'expanded' | 'succeeded' | 'failed' | 'skipped' | 'cancelled';

/** What changed, for planner, watchers and the worker side. Emitted in order, a function of the log alone. */
export type CellEvent =
  | { readonly type: 'runSubmitted'; readonly run: RunNumber; readonly runId: RunId; readonly at: number }
  | { readonly type: 'runFinal'; readonly run: RunNumber; readonly runId: RunId; readonly phase: RunPhase; readonly at: number }
  | {
      readonly type: 'module';
      readonly run: RunNumber;
      readonly runId: RunId;
      readonly module: number;
      readonly phase: ModulePhase;
      readonly fence: Fence;
      readonly session: SessionId;
      readonly attempt: number;
      readonly at: number;
      /** Why, in words, when the phase alone does not say (retry, lost node, POISON …). */
      readonly note: string;
    }
  /** A module with `foreach` has items now, which are ready and get no event of their own for that: `count` modules from position `first` on. */
  | { readonly type: 'expanded'; readonly run: RunNumber; readonly runId: RunId; readonly module: number; readonly first: number; readonly count: number; readonly at: number }
  /** A claim ended without a result of its own: tell the worker to stop it. */
  | { readonly type: 'claimEnded'; readonly run: RunNumber; readonly module: number; readonly fence: Fence; readonly session: SessionId; readonly why: 'cancelled' | 'superseded' | 'timeout' | 'released' }
  | { readonly type: 'sessionOpened'; readonly session: SessionId; readonly node: NodeId }
  | { readonly type: 'sessionClosed'; readonly session: SessionId; readonly node: NodeId; readonly reason: string }
  | { readonly type: 'runRetired'; readonly run: RunNumber; readonly runId: RunId }
  | { readonly type: 'nodeDrain'; readonly node: NodeId; readonly on: boolean }
  | { readonly type: 'runPaused'; readonly run: RunNumber; readonly runId: RunId; readonly on: boolean; readonly at: number }
  | { readonly type: 'queuePaused'; readonly on: boolean; readonly at: number }
  /** `on`: a second copy is claimed under this fence. Else one of two copies ended, the one under this fence, and the other goes on. */
  | {
      readonly type: 'hedge';
      readonly run: RunNumber;
      readonly runId: RunId;
      readonly module: number;
      readonly on: boolean;
      readonly fence: Fence;
      readonly session: SessionId;
      readonly at: number;
      readonly note: string;
    }
  /** A checkpoint of a module was recorded. */
  | { readonly type: 'checkpointed'; readonly run: RunNumber; readonly module: number }
  | { readonly type: 'closed'; readonly senior: CellId };

