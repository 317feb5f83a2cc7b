/** Bounds of the executor. docs/reference/limits.md lists them. */

export {
  /** One output value, encoded as JSON. */
  VALUE_BYTES_MAX,
  /** All output values of one execution together, names included. */
  VALUES_PER_MODULE_BYTES_MAX as VALUES_BYTES_MAX,
  /** Tail of stdout and stderr kept with a result; here bytes of UTF-8, the mark of a cut included. */
  TAIL_LENGTH_MAX as TAIL_BYTES_MAX,
  /** Error message kept with a result; here bytes of UTF-8. */
  ERROR_MESSAGE_LENGTH_MAX as ERROR_MESSAGE_BYTES_MAX,
} from '../../core/cell/limits.ts';
/** Output values of one execution. */
export const VALUES_MAX = 256;
/** Characters of the name of an output value. */
export const VALUE_NAME_LENGTH_MAX = 128;
/** Nesting of one value. */
export const VALUE_DEPTH_MAX = 30;
/** Bytes read of the file behind SKEIN_OUTPUT; a longer one is an error. */
export const OUTPUT_FILE_BYTES_MAX = 256 * 1024;
/** One line between node, supervisor and pooled processes. Params and inputs of one execution have to fit. */
export const LINE_LENGTH_MAX = 64 * 1024 * 1024;
/** Files that one module leaves, as they are listed. */
export const FILE_LIST_LENGTH_MAX = 48 * 1024 * 1024;
/** Files of an execution in one such line: of those it takes, and of those it left. */
export const FILES_PER_LINE = 500;
/** One line from a pooled process, which runs code that is not ours. */
export const HOST_LINE_LENGTH_MAX = 1024 * 1024;
/** Of the output of one execution the first so many bytes are kept… */
export const LOG_HEAD_BYTES = 32 * 1024 * 1024;
/** …and the last: together the longest log, but for the line that says what was cut. */
export const LOG_END_BYTES = 32 * 1024 * 1024;
/** What follows the first part of a log is kept in files of this size until the end; one more than needed is there. */
export const LOG_SEGMENT_BYTES = 8 * 1024 * 1024;
/** Output of one execution that waits for the disk; then its process has to wait. */
export const LOG_PENDING_BYTES_MAX = 4 * 1024 * 1024;
/** Output is in the file, for whoever follows, so long after it was printed. */
export const LOG_FLUSH_MS = 100;
/** Read of the file behind SKEIN_PROGRESS: its end. */
export const PROGRESS_FILE_BYTES = 4 * 1024;
/** Characters of what a module says beside its progress. */
export const PROGRESS_MESSAGE_LENGTH_MAX = 120;
/** The files of running modules are looked at, and what functions say is passed on, so often. */
export const PROGRESS_READ_MS = 1_000;
/** Executions at once in one executor; the cell's slots keep it far below. */
export const EXECUTIONS_MAX = 20_000;
/** Bundle files kept in the cache folder of one supervisor. */
export const BUNDLES_MAX = 256;
/** All of them together: beyond that those that no module asked for lately are dropped. */
export const BUNDLES_BYTES_MAX = 1024 * 1024 * 1024;
/** @default of `maxPooled`, for each core. */
export const POOLED_PER_CORE = 4;
/** Executions after which a pooled process is replaced, so that what user code leaks stays bounded. */
export const HOST_EXECUTIONS_MAX = 10_000;
/** A pooled process that had nothing to do for so long ends. */
export const HOST_IDLE_MS = 10_000;
/** Output that comes after the command itself has ended (`> >(tee log)`) is waited for so long. */
export const LINGER_MS = 250;
/** A process that survives SIGKILL for so long (uninterruptible IO) is given up and reported. */
export const KILL_WAIT_MS = 5_000;
/** @default of `graceMs`: from SIGTERM to SIGKILL. */
export const GRACE_MS = 5_000;
/** After a checkpoint during which its files changed. */
export const CHECKPOINT_AGAIN_MS = 1_000;
/** Longest delay that a Node.js timer can hold. */
export const TIMER_MS_MAX = 2 ** 31 - 1;
