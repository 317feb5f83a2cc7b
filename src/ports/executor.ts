/** Runs modules. The real one starts processes through a supervisor; the simulated one draws outcomes from the seed. */
import type { Fence, RunId, RunNumber } from '../core/lib/ids.ts';
import type { BlobFile, FilesRef, Json, ModuleSpec, Outcome } from '../core/cell/types.ts';

export interface Execution {
  readonly runId: RunId;
  readonly run: RunNumber;
  readonly runName: string;
  readonly module: number;
  readonly spec: ModuleSpec;
  readonly fence: Fence;
  readonly generation: number;
  /** From 1. */
  readonly attempt: number;
  readonly params: Readonly<Record<string, Json>>;
  readonly env: Readonly<Record<string, string>>;
  /** Output values of each needed module, by module name. */
  readonly needs: Readonly<Record<string, Readonly<Record<string, Json>>>>;
  /** Of an item of a `foreach`. */
  readonly item?: ExecutionItem;
  /** Files that are here already, by the variable that tells where they are put. */
  readonly inputs: readonly ExecutionInput[];
  /** What an earlier execution had got, here already; empty = nothing. */
  readonly checkpoint: readonly BlobFile[];
  /** Same for every execution of this module with these inputs: for effects outside. */
  readonly idempotencyKey: string;
  /** Source of a bundle, or the blob that it is, here already; undefined when the run carries none of that name. */
  readonly bundle: (name: string) => string | FilesRef | undefined;
}

export interface ExecutionItem {
  /** Position in the list, from 0. */
  readonly index: number;
  /** What it is; null for a file. */
  readonly value: Json;
  /** It is here already. */
  readonly file: BlobFile | null;
}

export interface ExecutionInput {
  readonly variable: string;
  /** A single file: the variable is its path. Else that of a folder with all of them. */
  readonly single: boolean;
  readonly files: readonly BlobFile[];
}

/** How far an execution says it is. */
export interface Progress {
  /** 0 to 1; null = not known. */
  readonly fraction: number | null;
  readonly message: string;
}

/** A part of what an execution has printed so far. */
export interface LogPiece {
  /** Of its first byte in all that was printed; later than asked when what lay there is not kept. */
  readonly offset: number;
  /** Empty: nothing more yet. */
  readonly bytes: Uint8Array;
}

export interface Executor {
  /**
   * Calls `done` exactly once, also after `cancel`. Never throws.
   * @param kept told of each checkpoint of a module that has them, stored here, before `done`.
   */
  start(execution: Execution, done: (outcome: Outcome) => void, kept?: (checkpoint: FilesRef) => void): void;
  /** SIGTERM, grace, SIGKILL, whole group. `now` = SIGKILL at once (fence deadline passed). Unknown fences are ignored. */
  cancel(fence: Fence, mode: 'grace' | 'now', code: 'MODULE_CANCELLED' | 'MODULE_TIMEOUT' | 'MODULE_FENCED' | 'NODE_STOPPING'): void;
  /**
   * Until when (monotonic ms) exclusive modules (`effectful`, or with limits) may live without further word. The supervisor kills them at
   * the deadline even if this process hangs.
   */
  setFenceDeadline(monotonicMs: number): void;
  running(): Fence[];
  /** The same object until it says something else; undefined when it has said nothing. */
  progress(fence: Fence): Progress | undefined;
  /** What an execution has printed so far. `undefined`: it is not executed here, or is over. Never calls back at once. */
  readLog(fence: Fence, offset: number, length: number, done: (piece: LogPiece | undefined) => void): void;
  /** Kills what still runs and ends the supervisor. */
  stop(done: () => void): void;
}
