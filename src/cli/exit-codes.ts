/** Exit codes, fixed: scripts depend on them (docs/reference/cli.md). */
import { isSkeinError, type ErrorCode } from '../errors.ts';

export const exitCodes = {
  ok: 0,
  /** The run ended, but did not succeed. */
  runFailed: 1,
  /** Mistyped command line, invalid file or parameter, unknown run or node. */
  usage: 2,
  /** No node answers, no quorum. */
  unreachable: 3,
  unauthorised: 4,
  /** Accepted, but no node can take it (`--place-timeout`). */
  unplaced: 5,
  /** The state forbids it: the run is final, a limit is reached, the folder is in use. */
  conflict: 6,
  /** `runs wait --no-wait`: not final yet. */
  pending: 8,
  /** A bug in Skein, or a broken disk (EX_SOFTWARE of sysexits.h). */
  internal: 70,
  /** The command's own `--timeout` was hit. */
  timeout: 124,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

const { usage, unreachable, unauthorised, conflict, internal } = exitCodes;

const codeOf: { readonly [code in ErrorCode]?: ExitCode } = {
  PIPELINE_INVALID: usage,
  PARAM_INVALID: usage,
  OPTION_INVALID: usage,
  BUNDLE_FAILED: usage,
  RUN_NOT_FOUND: usage,
  NODE_NOT_FOUND: usage,
  BLOB_INVALID: usage,
  BLOB_NOT_FOUND: usage,
  BLOB_TOO_LARGE: usage,
  BLOB_DISK_FULL: conflict,
  MODULE_NOT_FOUND: usage,
  REQUEST_INVALID: usage,
  REQUEST_TOO_LARGE: usage,
  RUN_FINAL: conflict,
  RUN_LIVE: conflict,
  RUN_SUCCEEDED: conflict,
  RUN_SPEC_GONE: conflict,
  KEY_EXPIRED: conflict,
  LIMIT_EXCEEDED: conflict,
  DATA_DIR_LOCKED: conflict,
  UNAUTHORISED: unauthorised,
  KEY_MISMATCH: unauthorised,
  NO_LEADER: unreachable,
  NO_QUORUM: unreachable,
  CELL_CLOSED: unreachable,
  API_UNREACHABLE: unreachable,
  NODE_STOPPING: unreachable,
};

export function exitCodeOf(error: unknown): ExitCode {
  return isSkeinError(error) ? (codeOf[error.code] ?? internal) : internal;
}
