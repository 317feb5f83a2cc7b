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
/** Modules that `logs -f RUN` follows at a time; others wait for their turn. */
export const LOG_STREAMS_MAX = 32;
/** `--tail` of `logs`. */
export const LOG_TAIL_LINES_MAX = 100_000;
/** A longer line is shown in parts where lines have names in front. */
export const LOG_LINE_BYTES_MAX = 64 * 1024;
/** Room for the name in front of a line; a longer one pushes its line. */
export const LOG_NAME_WIDTH_MAX = 24;
/** Workers that `pipeline plan` plays a run on. */
export const PLAN_WORKERS_MAX = 10_000;
/** Cpu slots of each of them. */
export const PLAN_SLOTS_MAX = 4096;
/** Modules in the table of `pipeline plan --cluster`; `--all` shows all. */
export const PLAN_ROWS_MAX = 50;
/** Runs among which `pipeline plan --cluster` looks for the last one of the same name. */
export const PLAN_RUNS_SEARCHED_MAX = 1000;
