/**
 * Messages between the node and its supervisor (heads; see lines.ts for the form).
 *
 *     node → supervisor   init, files, run, bundle, drop, call, cancel, deadline, stop
 *     supervisor → node   ready, note, log, kept, taken, progress, checkpoint, end
 *     supervisor → host   call, abort
 *     host → supervisor   end, fatal, output, progress
 */
import type { OutputSpec } from '../../core/cell/types.ts';
import type { ErrorCode } from '../../errors.ts';
import type { Progress } from '../../ports/executor.ts';
import type { KeptLog, LiveLog } from './output-log.ts';

export type CancelMode = 'grace' | 'now';

export interface InitHead {
  /** Belongs to one data directory: processes that carry it are this node's, also those of an earlier process. */
  readonly scope: string;
  /** Belongs to this start of the supervisor. */
  readonly boot: string;
  readonly workDir: string;
  /** Environment of modules before their own is added. */
  readonly env: Readonly<Record<string, string>>;
  readonly pooledMax: number;
  readonly graceMs: number;
}

/** Tells where the file is that an item of a `foreach` is. */
export const ITEM_PATH_VARIABLE = 'SKEIN_ITEM_PATH';

/** `run`: body = params as JSON, written to SKEIN_PARAMS_FILE as it is. */
export interface RunHead {
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly exclusive: boolean;
  readonly inputs: readonly PlacedInput[];
  readonly outputs: readonly OutputSpec[];
  readonly checkpoint?: CheckpointHead;
}

/** The checkpoint folder of an execution, and what is put there first. */
export interface CheckpointHead {
  /** Below the work folder, with `/`. */
  readonly folder: string;
  readonly everyMs: number;
  readonly files: PlacedInput['files'];
}

/** `checkpoint`: copies that belong to whoever reads this; none when they could not be made, and why. */
export interface CheckpointTaken {
  readonly files: readonly TakenFile[];
  readonly problem?: string;
}

/** Where the files of an input come from. */
export interface PlacedInput {
  readonly variable: string;
  readonly single: boolean;
  /** `source`: the blob on this disk, absolute. */
  readonly files: readonly { readonly path: string; readonly source: string; readonly executable: boolean }[];
}

/** `files`, before `run` or `call` of the same id when there are many: they go to the end of one of its lists. */
export interface FilesHead {
  /** An input by its position, or the checkpoint behind the last of them. */
  readonly list: number;
  readonly files: PlacedInput['files'];
}

/** A file that a module left, moved to where nobody changes it any more. */
export interface TakenFile {
  readonly output: string;
  /** As the tree names it: relative to the work folder, with `/`. */
  readonly path: string;
  /** Where it is now, absolute. */
  readonly taken: string;
  readonly executable: boolean;
}

/** `bundle`. `drop` has the same head. */
export interface BundleHead {
  readonly hash: string;
  /** The file of it on this disk, absolute; absent: body = source as a JSON string. */
  readonly file?: string;
}

/** `call`: body = CallContext. */
export interface CallHead {
  readonly bundle: string;
  readonly export: string;
  readonly sourceName: string;
  readonly timeoutMs: number;
  readonly exclusive: boolean;
  readonly inputs: readonly PlacedInput[];
  readonly outputs: readonly OutputSpec[];
  readonly checkpoint?: CheckpointHead;
  /** From the supervisor to the host, in place of the two: the function has files. */
  readonly place?: CallPlace;
}

/** Where a function finds its inputs, and leaves its outputs. */
export interface CallPlace {
  readonly workDir: string;
  /** Paths by variable. */
  readonly inputs: Readonly<Record<string, string>>;
  /** '' = it has none. */
  readonly checkpointDir: string;
}

export interface CancelHead {
  readonly mode: CancelMode;
  readonly code: ErrorCode;
}

export interface DeadlineHead {
  /** From `sentAtMs`. */
  readonly remainingMs: number;
  /** The system's monotonic clock in this process: subtracts the time that the message lay unread. */
  readonly sentAtMs: number;
}

/** `log`: what an execution prints can be read there. */
export type LogHead = LiveLog;

/** `kept`, before `end`: its whole output, for the node to take. */
export type KeptHead = KeptLog;

/** `progress`. From a host it is checked by the supervisor. */
export type ProgressHead = Progress;

/** `end`: body = output values. From a host it is data of code that is not ours: the node checks every field. */
export interface EndHead {
  /** '' = succeeded. */
  readonly code: ErrorCode | '';
  readonly message: string;
  readonly exitCode: number | null;
  readonly durationMs: number;
  /** Not from a host: what it printed came before. */
  readonly tail?: string;
}

/** `taken`, before `end`, as often as it takes: files of its outputs. One message with 100,000 would hold the node up while it is read. */
export interface TakenHead {
  readonly files: readonly TakenFile[];
}

export interface NoteHead {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly event: string;
  readonly message: string;
}

/** Milliseconds of the system's monotonic clock, which all processes of one boot of the machine share. */
export function systemMonotonicMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

/** Environment variable that marks every process of a module: `scope/boot-id`. */
export const MARKER_VARIABLE = 'SKEIN_EXECUTION';
