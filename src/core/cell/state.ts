/**
 * What a cell knows. Everything here is a function of the log; fields marked *derived* are rebuilt from the others when
 * a snapshot is restored. Records are read-only to everybody but `mutate.ts`, which owns every change of a run, a
 * module or a session: the one place where an undo journal will hook in.
 */
import { assert } from '../lib/assert.ts';
import type { CellId, Fence, LogIndex, MemberId, NodeId, RunId, RunNumber, SessionId } from '../lib/ids.ts';
import type { Slice } from '../lib/slice.ts';
import { NOW_MAX_MS } from './limits.ts';
import type { Requirement } from './matching.ts';
import type { Capabilities, EarlierExecution, FilesRef, ModulePhase, Outcome, RunningClaim, RunPhase, RunSpec, Limit } from './types.ts';
import type { Waves } from './waves.ts';

/** Pure functions that the reducer needs from the layer of codecs; the same on every node. */
export interface CellHooks {
  /** Decodes an assembled Submit, in slices. Must not throw; undefined = not a RunSpec. */
  readonly decodeSubmit: (bytes: Uint8Array, slice: Slice) => Generator<undefined, RunSpec | undefined>;
  /** The bytes that `decodeSubmit` takes; the same for equal specifications. */
  readonly encodeSubmit: (spec: RunSpec) => Uint8Array;
  /** Test-only: rules switched off (`mutants.ts`). */
  readonly mutants?: ReadonlySet<string>;
}

/** For a cell to which nothing is submitted in parts. */
export const withoutParts: CellHooks = {
  // oxlint-disable-next-line require-yield
  *decodeSubmit() {
    return undefined;
  },
  encodeSubmit: () => new Uint8Array(0),
};

/** A claim of the same module that was issued before the last one and whose execution may still deliver. */
export interface EarlierClaim {
  readonly fence: Fence;
  readonly nodeId: NodeId;
}

/** What an execution has got so far. */
export interface Checkpoint {
  readonly files: FilesRef;
  /** Of what it was worked out from: on anything else it is worth nothing. */
  readonly inputsHash: string;
}

/** The second live claim of a module, by another node than the first. */
export interface HedgeClaim {
  readonly fence: Fence;
  readonly session: SessionId;
  readonly nodeId: NodeId;
  readonly startedAt: number;
}

/** Since when and why nothing is claimed. */
export interface Pause {
  readonly reason: string;
  readonly at: number;
}

/** One that holds a key of a limit. */
export interface Seat extends RunningClaim {
  readonly session: SessionId;
}

/** A claim that ended while its execution may go on: it was told to stop. Its run may be gone. */
export interface EndingClaim extends Seat {
  /** Of the limits that it still holds. */
  readonly keys: readonly string[];
}

export interface ModuleRecord {
  readonly run: RunRecord;
  /** Position in the run: that in the spec; items of a `foreach` come after those. */
  readonly index: number;
  /** Position of its specification: its own, or for an item that of the module with `foreach`. */
  readonly template: number;
  /** Position of an item in its list; -1 = it is none. */
  readonly item: number;
  readonly requirement: Requirement;
  readonly phase: ModulePhase;
  /** Derived: needs that have not succeeded yet. */
  readonly waitingOn: number;
  /** From 1; rises only by a committed Invalidate. */
  readonly generation: number;
  /** Number of the current or last execution, from 1; 0 before the first claim. A lost node is not an attempt. */
  readonly attempt: number;
  /** Executions that ended and count. */
  readonly failures: number;
  /** Times a node was lost while it executed this module. */
  readonly losses: number;
  /** Last fence issued, 0 = never claimed. Only rises. */
  readonly fence: Fence;
  /** Fence whose failure is already counted: a second report of it changes nothing. */
  readonly countedFence: Fence;
  /** Fence under which the last loss was counted; taken back when that execution turns out to be alive. */
  readonly lostFence: Fence;
  /** Fence of the recorded result, 0 = none. */
  readonly acceptedFence: Fence;
  /** Session that holds the live claim, 0 = none. */
  readonly session: SessionId;
  /** Node of the last claim, or of the recorded result; '' = never claimed. */
  readonly nodeId: NodeId | '';
  /** A second copy is executed beside the first. */
  readonly hedge: HedgeClaim | null;
  /** Since it was claimed last there has been a second copy; there is none after that before the next claim. */
  readonly hedged: boolean;
  readonly earlier: readonly EarlierClaim[];
  /** Not to be claimed before this wall time. */
  readonly notBefore: number;
  /** Wall time of the last claim. */
  readonly startedAt: number;
  /** Wall time when it became final, 0 = not yet. */
  readonly finishedAt: number;
  /** Recorded result, or the last counted failure. */
  readonly outcome: Outcome | null;
  /** Executions that failed or were lost before, oldest first: for their logs. The newest are kept. */
  readonly executions: readonly EarlierExecution[];
  /** Nodes that have the files of the recorded result, as far as the log knows. */
  readonly holders: readonly NodeId[];
  /** Fences up to this one are of earlier generations. */
  readonly staleFence: Fence;
  /** Times that it was handed back in this generation since an input was nowhere to be had, or what it left was lost at once. */
  readonly inputsMissed: number;
  /** Why it is in this phase, when the phase alone does not say. */
  readonly note: string;
  /** What its next execution begins with; null = nothing. Of a module that failed: what a rerun begins with. */
  readonly checkpoint: Checkpoint | null;
  /** What its result may stand for (`cache.ts`): at most one module has a key. '' = nothing. */
  readonly cacheKey: string;
  /** The run in which its result was worked out, 0 = in its own. */
  readonly reusedFrom: RunNumber;
  /** Derived, computed when first asked for. */
  readonly inputsHash: string;
  /** Derived, computed when first asked for: digest of the output values. */
  readonly valuesDigest: readonly number[] | null;
}

/** What a module with `foreach` became when its list was known. */
export interface Expansion {
  /** Position of that module, and of the first of its items, which follow one another. */
  readonly template: number;
  readonly first: number;
  readonly count: number;
  /** Derived: items that are not final, those of them that are claimed, and items that failed. */
  open: number;
  claimed: number;
  failed: number;
  /** Derived: its `max-parallel`, as a limit that only its items hold. */
  readonly limits: readonly Limit[];
}

export interface RunRecord {
  readonly number: RunNumber;
  /** Derived. */
  readonly runId: RunId;
  /** Derived: prefix of `runId`, unique in the cell. */
  readonly shortId: string;
  /** Once the run is final only names, needs and parameters are left; all else is set to defaults. */
  readonly spec: RunSpec;
  /** The spec was reduced to a summary. */
  readonly summary: boolean;
  readonly requestKey: string;
  /** Of a finished run: its whole specification, encoded, to run it once more; null = too long, or too long ago. */
  readonly source: Uint8Array | null;
  /** The finished run that this one runs again, 0 = none. */
  readonly rerunOf: RunNumber;
  readonly phase: RunPhase;
  readonly submittedAt: number;
  /** Wall time of the first claim, 0 = none yet. */
  readonly startedAt: number;
  readonly finishedAt: number;
  /** Why it ended other than succeeded, or ''. */
  readonly reason: string;
  /** Phase `paused`, and only then. */
  readonly paused: Pause | null;
  /** Those of the spec, then the items of each expansion. */
  readonly modules: readonly ModuleRecord[];
  /** By position of the module with `foreach`, in the order in which they were expanded. */
  readonly expansions: ReadonlyMap<number, Expansion>;
  /** Derived: children of module i are `childList[childStart[i]]` to before `childStart[i + 1]`. */
  readonly childStart: Int32Array;
  readonly childList: Int32Array;
  /** Derived: modules per phase, by `phaseOrdinal`. */
  readonly counts: Int32Array;
  /** Derived: of a run with `barrier: wave` that is not final. */
  readonly waves: Waves | null;
  /** Derived: how often one of its modules was made again (Invalidate): only then can inputs change under an execution. */
  readonly remade: number;
  /** Derived: modules of which two copies are executed. */
  readonly hedges: number;
  /** Derived: reserved by its live claims, on all nodes. */
  readonly milliCpuUsed: number;
  /** Derived: of the values and tails kept. */
  readonly valuesBytes: number;
  readonly tailsLength: number;
  /** Log index of the last change: same revision, same plain form. */
  readonly revision: LogIndex;
}

export interface SessionRecord {
  readonly id: SessionId;
  readonly nodeId: NodeId;
  readonly member: MemberId | '';
  readonly bootId: string;
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly openedAt: number;
  /** Derived: reserved by live claims. */
  readonly milliCpuUsed: number;
  readonly memoryUsed: number;
  /** Derived: live claims. */
  readonly claims: Map<Fence, ModuleRecord>;
  /** Derived: requirement key → whether this node could execute it. */
  readonly fitsMemo: Map<string, boolean>;
}

export interface RequestEntry {
  readonly run: RunNumber;
  /** Derived; stays when the run was retired. */
  readonly runId: RunId;
  /** When it was accepted. */
  readonly at: number;
  /** Derived: see `timeOfKey`. */
  readonly time: number;
}

export interface UnfinishedSubmit {
  readonly parts: number;
  readonly received: (Uint8Array | undefined)[];
  bytes: number;
  /** When the last part came. */
  at: number;
}

export interface CellState {
  readonly hooks: CellHooks;
  /** '' before Genesis. */
  cellId: CellId | '';
  clusterName: string;
  createdAt: number;
  founder: NodeId | '';
  appliedIndex: LogIndex;
  /** Newest wall stamp seen; never goes back. */
  now: number;
  /** Some Submit was accepted, ever. */
  established: boolean;
  /** The cell that this one gave way to, or ''. */
  closedFor: CellId | '';
  /** By session id, which rises. */
  readonly sessions: Map<SessionId, SessionRecord>;
  /** Derived: the open session of each node. */
  readonly sessionOfNode: Map<NodeId, SessionId>;
  readonly drained: Set<NodeId>;
  queuePaused: Pause | null;
  /** By fence: claims with limits that were told to stop and not heard to have stopped. */
  readonly ending: Map<Fence, EndingClaim>;
  /** Derived: who holds a key of a limit, by fence: live claims and ending ones. */
  readonly seats: Map<string, Map<Fence, Seat>>;
  /** Last known name of each node, also after it left; least recently opened first. */
  readonly nodeNames: Map<NodeId, string>;
  /** Live and finished, by run number, which rises. */
  readonly runs: Map<RunNumber, RunRecord>;
  /** Derived: final runs in the order they ended. */
  readonly finished: Map<RunNumber, RunRecord>;
  /** Derived: the module whose result may stand for work with this key. */
  readonly cache: Map<string, ModuleRecord>;
  /** Derived: of the finished runs those whose specification is kept, in the order they ended. */
  readonly sources: Map<RunNumber, RunRecord>;
  /** Derived. */
  sourceBytes: number;
  /** Oldest first. */
  readonly requests: Map<string, RequestEntry>;
  /** A request key made before this time, by its maker's clock, may have been forgotten. */
  requestHorizon: number;
  readonly unfinished: Map<string, UnfinishedSubmit>;
  unfinishedBytes: number;
  /** Pipeline name → module name → average ms; least recently submitted pipeline first. */
  readonly learned: Map<string, Map<string, number>>;
  /** Derived. */
  liveModules: number;
  finishedModules: number;
  finishedBytes: number;
  /** Derived: hash of each run's plain form, by the revision it was made from. */
  readonly runHashes: WeakMap<RunRecord, { readonly revision: LogIndex; readonly digest: readonly number[] }>;
}

export const modulePhases = ['waiting', 'ready', 'claimed', 'expanded', 'succeeded', 'failed', 'skipped', 'cancelled'] as const satisfies readonly ModulePhase[];
export const runPhases = ['queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled'] as const satisfies readonly RunPhase[];

/** Position of a phase in `counts`. */
export const phaseOrdinal: Readonly<Record<ModulePhase, number>> = {
  waiting: 0,
  ready: 1,
  claimed: 2,
  expanded: 3,
  succeeded: 4,
  failed: 5,
  skipped: 6,
  cancelled: 7,
};

export function isFinal(phase: ModulePhase): boolean {
  return phaseOrdinal[phase] >= phaseOrdinal.succeeded;
}

export function isRunFinal(phase: RunPhase): boolean {
  return phase === 'succeeded' || phase === 'failed' || phase === 'cancelled';
}

export function countOf(run: RunRecord, phase: ModulePhase): number {
  return run.counts[phaseOrdinal[phase]]!;
}

/** Modules that are not final. */
export function openModules(run: RunRecord): number {
  return countOf(run, 'waiting') + countOf(run, 'ready') + countOf(run, 'claimed') + countOf(run, 'expanded');
}

export function moduleAt(state: CellState, run: RunNumber, module: number): ModuleRecord | undefined {
  return state.runs.get(run)?.modules[module];
}

/** The time of the cell once an entry of that stamp is applied: it never goes back, whatever a new leader's clock says. */
export function timeAfter({ now }: CellState, stamp: number): number {
  // Written so that NaN changes nothing.
  return stamp > now && stamp <= NOW_MAX_MS ? Math.floor(stamp) : now;
}

/** An empty cell, before Genesis. */
export function createCell(hooks: CellHooks): CellState {
  assert(typeof hooks.decodeSubmit === 'function', 'a cell needs its decoder');
  return {
    hooks,
    cellId: '',
    clusterName: '',
    createdAt: 0,
    founder: '',
    appliedIndex: 0,
    now: 0,
    established: false,
    closedFor: '',
    sessions: new Map(),
    sessionOfNode: new Map(),
    drained: new Set(),
    queuePaused: null,
    ending: new Map(),
    seats: new Map(),
    nodeNames: new Map(),
    runs: new Map(),
    finished: new Map(),
    cache: new Map(),
    sources: new Map(),
    sourceBytes: 0,
    requests: new Map(),
    requestHorizon: 0,
    unfinished: new Map(),
    unfinishedBytes: 0,
    learned: new Map(),
    liveModules: 0,
    finishedModules: 0,
    finishedBytes: 0,
    runHashes: new WeakMap(),
  };
}
