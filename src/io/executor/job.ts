/** What the supervisor knows of one execution, however it is carried out. */
import { isSkeinError, type ErrorCode } from '../../errors.ts';
import type { CancelMode, TakenFile } from './messages.ts';
import { OutputProblem } from './take-outputs.ts';
import type { KeptLog, OutputLog } from './output-log.ts';
import type { TreeQuery } from './process-table.ts';

export interface Job {
  readonly id: number;
  /** Dies when the fence deadline passes. */
  readonly exclusive: boolean;
  /** The first code stands; `now` overtakes `grace`. */
  cancel(mode: CancelMode, code: ErrorCode): void;
}

/** Called once per job. `head`, `values`: JSON texts, an EndHead and the output values. `problem`: why there is no log, or ''. `taken`: files of its outputs. */
export type JobEnd = (id: number, head: string, values: string, log: KeptLog | undefined, problem: string, taken: readonly TakenFile[]) => void;

/** The end is told when the log is whole; at once if there is none. */
export function endWithLog(id: number, log: OutputLog, head: string, values: string, onEnd: JobEnd, taken: readonly TakenFile[] = []): void {
  if (log.endWithoutFile()) onEnd(id, head, values, undefined, '', taken);
  else void log.finish().then((kept) => onEnd(id, head, values, kept, log.problem, taken));
}

/** A query for one process group and everything that carries its mark. */
export function treeOf(group: number | undefined, mark: string): TreeQuery {
  return { groups: new Set(group === undefined ? [] : [group]), owns: (found) => found === mark, known: new Map() };
}

/** What is said when an execution was ended from outside. */
export function stopMessage(code: ErrorCode, timeoutMs: number): string {
  switch (code) {
    case 'MODULE_TIMEOUT':
      return `ran longer than its timeout of ${timeoutMs / 1000} s`;
    case 'MODULE_CANCELLED':
      return 'cancelled while it ran';
    case 'MODULE_FENCED':
      return 'killed: the node lost contact for so long that another may execute this module, which must not run twice at a time';
    case 'NODE_STOPPING':
      return 'the node stopped while it ran';
    default:
      return `ended with ${code}`;
  }
}

/** What is said of a module that wrote through a link into the store. */
export function changedMessage(file: string): string {
  return `one of its inputs was written to while it ran (${file}), so what it made of it cannot be believed. Inputs are read-only: copy what has to be changed`;
}

/** Why the outputs of a module that succeeded could not be taken. */
export function failureOfTaking(error: unknown): { readonly code: ErrorCode; readonly message: string } {
  const code = spawnCode(error);
  return { code: code === 'NODE_EXHAUSTED' ? code : 'MODULE_OUTPUT', message: error instanceof OutputProblem ? error.message : spawnMessage(error) };
}

/** What a node runs out of, whatever the module: another node may have it, and this one later. */
const exhaustion: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM', 'ENOSPC', 'EDQUOT', 'EROFS']);

export function spawnCode(error: unknown): ErrorCode {
  if (isSkeinError(error)) return error.code;
  return exhaustion.has((error as NodeJS.ErrnoException).code) ? 'NODE_EXHAUSTED' : 'MODULE_SPAWN';
}

/** Why a process could not be started, for people. */
export function spawnMessage(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'E2BIG':
      return 'the command with its environment is larger than the system allows (E2BIG): hand big values over as files';
    case 'EMFILE':
    case 'ENFILE':
      return `too many open files (${code}): raise the limit (ulimit -n) or lower --slots`;
    case 'EAGAIN':
      return 'the system has no room for another process (EAGAIN): raise the limit (ulimit -u) or lower --slots';
    case 'ENOMEM':
      return 'the system has no memory for another process (ENOMEM)';
    case 'ENOSPC':
      return 'no space is left for the work folder (ENOSPC)';
    default:
      return error instanceof Error ? message : String(error);
  }
}
