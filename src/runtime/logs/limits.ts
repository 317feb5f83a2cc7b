/** Bounds of logs in transit. docs/reference/limits.md lists them. */

/** One answer to whoever reads a log. */
export const LOG_PIECE_BYTES = 128 * 1024;
/** Questions of all readers together that wait at one node for more to be printed; what is over is answered with nothing. */
export const LOG_READERS_MAX = 1024;
/** A question waits for more to be printed for so long. */
export const LOG_WAIT_MS = 5_000;
/** While it waits, the log is looked at so often. */
export const LOG_POLL_MS = 100;
/** An answer that has not come after this does not come. */
export const LOG_ANSWER_MS = 8_000;
/** Between two looks at a module that prints nothing now, at first; twice as long each time. */
export const LOG_AGAIN_MS = 100;
/** And at most. */
export const LOG_AGAIN_MAX_MS = 1_000;
/** What an execution printed that was stopped is recorded this soon after its end, if at all: a new leader may have to be elected first. */
export const LOG_RECORD_WAIT_MS = 10_000;
