/**
 * What a node offers to its own process: the HTTP server, the CLI and embedding programs all talk to this. Every node
 * answers every call, by itself when it holds the log, else by asking a node that does.
 */
import type { CellId, Fence, NodeId, RunId } from '../core/lib/ids.ts';
import type { Pause } from '../core/cell/state.ts';
import type { Capabilities, FilesRef, Json, Limit, LogRef, ModuleError, ModulePhase, RunPhase, RunPolicy, RunSpec } from '../core/cell/types.ts';
import type { ExplainedGroup, Explanation } from '../core/plan/explain.ts';

/** The seeds' words for JSON consumers (CONVENTIONS 4.3). */
export type Status = 'pending' | 'running' | 'completed' | 'failed';

/** `cached`: succeeded, by a result that was there already. */
export type ModulePhaseShown = Exclude<ModulePhase, 'expanded'> | 'running' | 'cached';

export interface RunSummary {
  readonly runId: RunId;
  /** Prefix of the run id that is unique within the cell. */
  readonly shortId: string;
  readonly name: string;
  readonly phase: RunPhase;
  readonly status: Status;
  /** Wall times in ms since 1970; 0 = not yet. */
  readonly submittedAt: number;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly modules: { readonly total: number; readonly succeeded: number; readonly failed: number; readonly claimed: number; readonly ready: number; readonly waiting: number; readonly cancelled: number; readonly skipped: number };
  /** Why the run ended other than succeeded, or ''. */
  readonly reason: string;
  /** 1 to 10, 10 first. */
  readonly priority: number;
  /** Since when and why nothing new of it is executed; null when it is not paused. */
  readonly paused: Pause | null;
  /** The run that this one runs again, '' = none. */
  readonly rerunOf: RunId | '';
}

export interface ModuleView {
  /** Of an item of a `foreach`: `encode[3]`. */
  readonly name: string;
  /** Which module with `foreach` it is an item of, and where in its list; null = of none. */
  readonly item: { readonly of: string; readonly index: number } | null;
  /** How many items it has, a module with `foreach` whose list is known; else null. */
  readonly items: number | null;
  readonly phase: ModulePhaseShown;
  readonly status: Status;
  readonly needs: readonly string[];
  /** Node of the last claim: name and peer id, '' if never claimed. */
  readonly node: string;
  readonly nodeId: string;
  readonly attempt: number;
  /** Times a node was lost while it executed this module. */
  readonly losses: number;
  readonly fence: Fence;
  readonly startedAt: number;
  readonly durationMs: number;
  readonly values: Readonly<Record<string, Json>>;
  readonly exitCode: number | null;
  readonly error: ModuleError | null;
  readonly tail: string;
  /** All that it printed; null: the tail is all. */
  readonly log: LogRef | null;
  /** Executions that do not count, of which it is known what they printed, or that it is lost. */
  readonly earlierExecutions: number;
  /** Files that it left, by output. */
  readonly files: Readonly<Record<string, FilesRef>>;
  /** Nodes that have them, by name, and whether each is there. */
  readonly holders: ReadonlyArray<{ readonly node: string; readonly nodeId: NodeId; readonly alive: boolean }>;
  /** From 1; one more each time that it runs again because all copies of its files were lost. */
  readonly generation: number;
  /** In words: why it is in this phase. */
  readonly note: string;
  /** 1 to 10, 10 first: its own, else that of its run. */
  readonly priority: number;
  /** A mutex is a limit of 1. */
  readonly limits: readonly Limit[];
  /** The second copy that is executed beside the first, of a hedged module; null when there is none. */
  readonly copy: { readonly node: string; readonly nodeId: NodeId; readonly fence: Fence; readonly startedAt: number } | null;
}

export interface RunView extends RunSummary {
  readonly policy: RunPolicy;
  readonly params: Readonly<Record<string, Json>>;
  readonly moduleList: readonly ModuleView[];
}

/** Why a module is where it is. */
export interface ModuleExplanation extends Explanation {
  readonly runId: RunId;
  readonly shortId: string;
  readonly module: string;
  readonly phase: ModulePhaseShown;
}

/** Why the ready modules of a run are not running. */
export interface RunExplanation {
  readonly runId: RunId;
  readonly shortId: string;
  readonly phase: RunPhase;
  readonly summary: string;
  readonly groups: readonly ExplainedGroup[];
}

export interface PausedRun {
  readonly runId: RunId;
  readonly shortId: string;
  readonly name: string;
  readonly paused: Pause;
}

export interface PriorityView {
  readonly priority: number;
  readonly waiting: number;
  readonly ready: number;
  readonly claimed: number;
}

export interface LimitView {
  readonly key: string;
  /** As the modules that hold it now say; the largest, if they differ; 0 when their runs have ended and they only have to stop. */
  readonly max: number;
  readonly held: number;
  readonly holders: readonly {
    /** '' when the run is gone and its execution not yet known to be over. */
    readonly runId: RunId | '';
    readonly module: string;
    readonly node: string;
    /** In words: run, module, node, for how long. */
    readonly text: string;
  }[];
}

/** The queue of the whole cluster. */
export interface QueueView {
  /** Since when and why nothing new is executed; null when the queue is not paused. */
  readonly paused: Pause | null;
  /** Runs that have not ended. */
  readonly runs: number;
  readonly pausedRunsCount: number;
  /** Oldest first, bounded. */
  readonly pausedRuns: readonly PausedRun[];
  readonly modules: { readonly waiting: number; readonly ready: number; readonly claimed: number };
  /** Highest first; only those that some module has. */
  readonly priorities: readonly PriorityView[];
  /** The ready module that has waited longest, null when none is ready. `since`: wall ms. */
  readonly oldest: { readonly runId: RunId; readonly shortId: string; readonly module: string; readonly since: number } | null;
  /** Cpu slots of the nodes that have a session; a drained node counts with what it still executes. */
  readonly slots: { readonly total: number; readonly used: number; readonly free: number };
  readonly limitsCount: number;
  /** Mutexes and limits that are held now, by key, bounded. */
  readonly limits: readonly LimitView[];
}

/** An answer to a pause or a resume: `changed` is false when it was so already. */
export type Paused<T> = T & { readonly changed: boolean };

/** One line of a run's history; `sequence` rises within the cell and is what SSE sends as the event id. */
export interface RunEvent {
  readonly sequence: number;
  /** Wall ms. */
  readonly at: number;
  /** `copy`: a second copy of a module was started, or one of two ended and the other goes on; `note` says which. */
  readonly type: 'run' | 'module' | 'copy';
  readonly runId: RunId;
  readonly runName: string;
  readonly phase: RunPhase | ModulePhaseShown;
  /** '' for `run` events. */
  readonly module: string;
  readonly node: string;
  readonly attempt: number;
  readonly fence: Fence;
  readonly durationMs: number;
  readonly note: string;
  /** Of a module whose execution ended: it has printed something. */
  readonly printed: boolean;
  /** Of a module with `foreach`: its list is known, and these items, `NAME[0]` and on, are modules of the run that are ready now. Else null. */
  readonly items: number | null;
}

export type NodeState = 'alive' | 'suspect' | 'draining' | 'dead';
export type VoteRole = 'leader' | 'voter' | 'standby' | 'worker';

export interface NodeView {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly state: NodeState;
  readonly role: VoteRole;
  readonly self: boolean;
  readonly addresses: readonly string[];
  readonly capabilities: Capabilities;
  /** Slots in use by claims. */
  readonly slotsUsed: number;
  /** 1-minute load average divided by cores, as gossiped. */
  readonly load: number;
  /** Bytes of blobs that it receives in a second, as it measured it by what it fetched; 0 = not yet. */
  readonly receiveBytesPerSecond: number;
  /** ms since something was heard from it. */
  readonly lastSeenMs: number;
  readonly version: string;
}

/** What one node executes now. */
export interface NodeWork {
  readonly count: number;
  /** Longest first, bounded. */
  readonly modules: readonly { readonly runId: RunId; readonly shortId: string; readonly run: string; readonly module: string; readonly attempt: number; readonly startedAt: number }[];
}

export type CellPhase = 'seeking' | 'joining' | 'member' | 'worker' | 'stalled' | 'stopping' | 'damaged';

export interface ClusterStatus {
  readonly clusterName: string;
  readonly node: { readonly nodeId: NodeId; readonly name: string; readonly phase: CellPhase; readonly version: string };
  readonly cellId: CellId | '';
  readonly term: number;
  /** Leader's name and id, '' when none is known. */
  readonly leader: string;
  readonly leaderId: NodeId | '';
  readonly voters: readonly { readonly nodeId: NodeId; readonly name: string; readonly alive: boolean }[];
  readonly standbys: readonly { readonly nodeId: NodeId; readonly name: string; readonly alive: boolean }[];
  readonly quorum: boolean;
  /** How many voters can be lost right now without losing quorum. */
  readonly lossesTolerated: number;
  /** In words, e.g. `one copy: losing this machine loses the queue`. */
  readonly advice: string;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly nodes: number;
  readonly slots: { readonly total: number; readonly used: number };
  readonly runs: { readonly live: number; readonly finished: number };
  /** Since when and why nothing new is executed, as far as this node knows. */
  readonly queuePaused: Pause | null;
}

export interface SubmitAnswer {
  readonly runId: RunId;
  readonly requestKey: string;
  readonly duplicate: boolean;
}

/** How far a run is. */
export interface RunProgress {
  readonly runId: RunId;
  /** Until it ends, as far as the durations of earlier runs and what its modules say tell; null = not known. */
  readonly etaMs: number | null;
  /** Those that are executed now. */
  readonly modules: readonly {
    readonly module: string;
    /** 0 to 1, as the module says; null = it does not. */
    readonly fraction: number | null;
    readonly message: string;
    readonly etaMs: number | null;
  }[];
}

/** A place in what a module printed: of the next byte wanted. */
export interface LogPosition {
  readonly fence: Fence;
  readonly offset: number;
}

export type LogEvent =
  /** What follows was printed by this execution. */
  | { readonly type: 'execution'; readonly fence: Fence; readonly attempt: number; readonly node: string; readonly nodeId: NodeId; readonly running: boolean }
  /** `next`: where the one after it begins. Ends with a whole character, if it is text. */
  | { readonly type: 'output'; readonly fence: Fence; readonly attempt: number; readonly offset: number; readonly next: number; readonly bytes: Uint8Array }
  /** The rest of what it printed cannot be had. `node`: lost with its node. `dropped`: stopped or handed back. `silent`: its node does not answer now. */
  | { readonly type: 'lost'; readonly fence: Fence; readonly attempt: number; readonly node: string; readonly why: 'node' | 'dropped' | 'silent' }
  /** All that has been printed so far has been given. Once for each execution. */
  | { readonly type: 'idle' }
  | { readonly type: 'end'; readonly phase: ModulePhaseShown; readonly final: boolean };

export interface LogOptions {
  /** Goes on until the module is final. @default false */
  readonly follow?: boolean;
  /** Only this attempt. @default all that are kept */
  readonly attempt?: number;
  /** Where to go on. */
  readonly after?: LogPosition;
  readonly signal?: AbortSignal;
}

export interface ReadOptions {
  /** `local`: this node's applied state, may be behind. `strong`: as of now, from the leader. @default 'local' */
  readonly consistency?: 'local' | 'strong';
  readonly signal?: AbortSignal;
}

/** Errors are SkeinErrors: RUN_NOT_FOUND, MODULE_NOT_FOUND, NO_LEADER, NO_QUORUM, LIMIT_EXCEEDED, KEY_EXPIRED, REQUEST_TOO_LARGE. */
export interface NodeApi {
  status(): ClusterStatus;
  nodes(): NodeView[];
  /** @param options.requestKey retry with the same key to be sure of one run. */
  submit(spec: RunSpec, options?: { readonly requestKey?: string; readonly signal?: AbortSignal }): Promise<SubmitAnswer>;
  /**
   * A finished run once more, as a new one. @param options.failedOnly what succeeded is taken over and not executed.
   * @throws SkeinError RUN_LIVE, RUN_SUCCEEDED, RUN_SPEC_GONE
   */
  rerun(run: string, options?: { readonly failedOnly?: boolean; readonly requestKey?: string; readonly signal?: AbortSignal }): Promise<SubmitAnswer>;
  cancel(run: string, reason?: string): Promise<RunSummary>;
  /** Newest first. */
  runs(options?: ReadOptions & { readonly limit?: number; readonly phase?: RunPhase }): Promise<RunSummary[]>;
  /** @param run id or unique prefix. */
  run(run: string, options?: ReadOptions): Promise<RunView>;
  /**
   * Calls `listener` for each event of one run (or of all when `run` is ''), starting after `afterSequence` as far back
   * as the node still holds them; undefined = from now on. Resubscribes by itself when nodes are lost; after a gap the
   * events of the present state are given again with a rising sequence.
   * @returns ends the subscription.
   */
  watch(run: string, afterSequence: number | undefined, listener: (event: RunEvent) => void): () => void;
  /** Resolves when the run is final. */
  wait(run: string, signal?: AbortSignal): Promise<RunView>;
  /** Nothing new of this run is executed until `resume`; what is under way goes on. @throws SkeinError RUN_FINAL */
  pause(run: string, reason?: string): Promise<Paused<RunSummary>>;
  /** @throws SkeinError RUN_FINAL */
  resume(run: string): Promise<Paused<RunSummary>>;
  /** As of now, from the leader. */
  queue(options?: ReadOptions): Promise<QueueView>;
  /** Nothing new is executed in the whole cluster until `resumeQueue`; what is under way goes on. */
  pauseQueue(reason?: string): Promise<Paused<QueueView>>;
  resumeQueue(): Promise<Paused<QueueView>>;
  /** How far it is, as the leader has heard within the last seconds. */
  progress(run: string, signal?: AbortSignal): Promise<RunProgress>;
  /** What a module printed, execution by execution, in pieces as they are asked for. @param module name or unique beginning of it. */
  log(run: string, module: string, options?: LogOptions): AsyncIterable<LogEvent>;
  /** Why a module is not running, for every node at once. @param module name or unique beginning of it. */
  explain(run: string, module: string, signal?: AbortSignal): Promise<ModuleExplanation>;
  /** Why the ready modules of a run are not running. */
  explainRun(run: string, signal?: AbortSignal): Promise<RunExplanation>;
  /** @param node name, peer id or unique prefix. */
  nodeWork(node: string, options?: ReadOptions): Promise<NodeWork>;
  /** @param node name, peer id or unique prefix. */
  drain(node: string, on: boolean): Promise<void>;
  /** Drain, hand back or finish, leave the cell, stop. @param options.now hand back at once. */
  leave(options?: { readonly now?: boolean }): Promise<void>;
}
