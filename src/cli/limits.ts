/** Bounds of the command line. docs/reference/limits.md lists them. */

/** Nodes that are tried. */
export const ENDPOINTS_MAX = 64;
/** One answer. */
export const RESPONSE_BYTES_MAX = 256 * 1024 * 1024;
/** Characters of one event; a run of 100,000 modules fits in its `final` event. */
export const SSE_EVENT_LENGTH_MAX = 128 * 1024 * 1024;
/** A `--params-file`. */
export const PARAMS_FILE_BYTES_MAX = 4 * 1024 * 1024;
/** Nodes that an explanation lists for people; `-o json` has all. */
export const EXPLAINED_NODES_MAX = 50;
/** Workers that `pipeline plan` plays a run on. */
export const PLAN_WORKERS_MAX = 10_000;
/** Cpu slots of each of them. */
export const PLAN_SLOTS_MAX = 4096;
