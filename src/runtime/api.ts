/**
 * What a node offers to its own process: the HTTP server, the CLI and embedding programs all talk to this. Every node
 * answers every call, by itself when it holds the log, else by asking a node that does.
 */
import type { CellId, Fence, NodeId, RunId } from '../core/lib/ids.ts';
import type { Capabilities, Json, ModuleError, ModulePhase, RunPhase, RunSpec } from '../core/cell/types.ts';

/** The seeds' words for JSON consumers (CONVENTIONS 4.3). */
export type Status = 'pending' | 'running' | 'completed' | 'failed';

export type ModulePhaseShown = ModulePhase | 'running';

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
}

export interface ModuleView {
  readonly name: string;
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
  /** In words: why it is in this phase. */
  readonly note: string;
}

export interface RunView extends RunSummary {
  readonly params: Readonly<Record<string, Json>>;
  readonly moduleList: readonly ModuleView[];
}

/** One line of a run's history; `sequence` rises within the cell and is what SSE sends as the event id. */
export interface RunEvent {
  readonly sequence: number;
  /** Wall ms. */
  readonly at: number;
  readonly type: 'run' | 'module';
  readonly runId: RunId;
  readonly runName: string;
  readonly phase: RunPhase | ModulePhaseShown;
  /** Module name, '' for `run` events. */
  readonly module: string;
  readonly node: string;
  readonly attempt: number;
  readonly fence: Fence;
  readonly durationMs: number;
  readonly note: string;
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
  /** ms since something was heard from it. */
  readonly lastSeenMs: number;
  readonly version: string;
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
}

export interface SubmitAnswer {
  readonly runId: RunId;
  readonly requestKey: string;
  readonly duplicate: boolean;
}

export interface ReadOptions {
  /** `local`: this node's applied state, may be behind. `strong`: as of now, from the leader. @default 'local' */
  readonly consistency?: 'local' | 'strong';
  readonly signal?: AbortSignal;
}

/** Errors are SkeinErrors: RUN_NOT_FOUND, NO_LEADER, NO_QUORUM, LIMIT_EXCEEDED, KEY_EXPIRED, REQUEST_TOO_LARGE. */
export interface NodeApi {
  status(): ClusterStatus;
  nodes(): NodeView[];
  /** @param options.requestKey retry with the same key to be sure of one run. */
  submit(spec: RunSpec, options?: { readonly requestKey?: string; readonly signal?: AbortSignal }): Promise<SubmitAnswer>;
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
  /** @param node name, peer id or unique prefix. */
  drain(node: string, on: boolean): Promise<void>;
  /** Drain, hand back or finish, leave the cell, stop. @param options.now hand back at once. */
  leave(options?: { readonly now?: boolean }): Promise<void>;
}
