/** Bounds of the HTTP API. docs/reference/limits.md lists them. */

/** A request body: a run of 100,000 small modules fits. */
export const HTTP_BODY_BYTES_MAX = 32 * 1024 * 1024;
/** Open TCP or socket connections to one node. */
export const HTTP_CONNECTIONS_MAX = 1024;
/** Event streams open at one node. */
export const SSE_STREAMS_MAX = 256;
/** Unsent bytes of one event stream: the whole of a run of 100,000 modules, which comes at once, fits. */
export const SSE_BUFFER_BYTES_MAX = 64 * 1024 * 1024;
/** Unsent bytes of all event streams of a node together. */
export const SSE_TOTAL_BYTES_MAX = 256 * 1024 * 1024;
/** A comment line keeps proxies and readers sure that the stream lives. A reader that took nothing between two of them is cut off. */
export const SSE_HEARTBEAT_MS = 15_000;
/** Wait that readers are asked to keep before they reconnect. */
export const SSE_RETRY_MS = 500;
/** Runs in one page. */
export const PAGE_LIMIT_MAX = 1000;
export const PAGE_LIMIT_DEFAULT = 100;
/** Runs that a list looks through: more than a cell keeps. */
export const RUNS_SCAN_MAX = 100_000;
/** Wrong places named in one answer. */
export const PROBLEMS_MAX = 20;
/** Ports tried above a busy default one. */
export const PORT_TRIES_MAX = 100;
/** Longest that `:fetch` waits before it tells how far the blob has come. */
export const FETCH_WAIT_MS = 10_000;
/** Time to send a whole request; a file that is uploaded may take longer as long as it moves. */
export const REQUEST_TIMEOUT_MS = 60_000;
/** Open requests may end for this long when the server closes. */
export const CLOSE_GRACE_MS = 1000;
