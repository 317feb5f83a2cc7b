/** Every bound that the reducer enforces. docs/reference/limits.md lists them. All are part of the log's meaning: a change needs a new protocol version. */

// ── A run ────────────────────────────────────────────────────────────────────────────────────────────────────────
export const MODULES_PER_RUN_MAX = 100_000;
export const NEEDS_PER_MODULE_MAX = 100_000;
export const NEEDS_PER_RUN_MAX = 2_000_000;
/** Names of runs, modules, variables, labels, tools, functions, in characters. */
export const NAME_LENGTH_MAX = 200;
export const COMMAND_LENGTH_MAX = 64 * 1024;
export const ENTRIES_PER_RECORD_MAX = 1_000;
export const ENV_VALUE_LENGTH_MAX = 32 * 1024;
/** All text of a spec together, bundles included. */
export const SPEC_TEXT_LENGTH_MAX = 32 * 1024 * 1024;
export const RETRY_ATTEMPTS_MAX = 100;
export const RETRY_FACTOR_MAX = 100;
/** Timeouts, backoffs, declared durations. */
export const DURATION_MS_MAX = 30 * 24 * 3_600_000;
export const CPU_PER_MODULE_MAX = 10_000;
/** `limit` keys and mutexes of one module. */
export const LIMITS_PER_MODULE_MAX = 8;
/** The `max` of a limit, and modules of a run at a time. */
export const PARALLEL_MAX = 100_000;
/** Inputs, and outputs, of one module. */
export const FILES_PER_MODULE_MAX = 64;
/** Characters of the pattern of an output. */
export const PATTERN_LENGTH_MAX = 1_024;
/** Items of one `foreach`, and files of which one result has digests: so many fit into it. */
export const FOREACH_ITEMS_MAX = 10_000;
/** Of the digest that tells one file of a list from another. */
export const DIGEST_BYTES = 16;
/** Files of one output. */
export const FILES_COUNT_MAX = 100_000;
/** All files of one output together. */
export const FILES_BYTES_MAX = 2 ** 50;
/** Between two checkpoints of one execution. */
export const CHECKPOINT_EVERY_MS_MIN = 1_000;
export const CHECKPOINT_EVERY_MS_MAX = 24 * 3_600_000;
export const CID_LENGTH_MAX = 100;
export const HEDGE_FACTOR_MIN = 1;
export const HEDGE_FACTOR_MAX = 100;
export const MEMORY_BYTES_MAX = 2 ** 50;

// ── Results ──────────────────────────────────────────────────────────────────────────────────────────────────────
/** One output value, as JSON text in UTF-8. */
export const VALUE_BYTES_MAX = 4 * 1024;
export const VALUES_PER_MODULE_BYTES_MAX = 16 * 1024;
export const VALUES_PER_RUN_BYTES_MAX = 64 * 1024 * 1024;
export const TAIL_LENGTH_MAX = 2 * 1024;
export const TAILS_PER_RUN_LENGTH_MAX = 16 * 1024 * 1024;
export const ERROR_CODE_LENGTH_MAX = 64;
export const ERROR_MESSAGE_LENGTH_MAX = 1_024;
export const NOTE_LENGTH_MAX = 240;
export const REASON_LENGTH_MAX = 240;
/** Losses of a node under one module before it fails with POISON. */
export const LOSSES_MAX = 3;
/** Before a declined claim may be tried again. */
export const DECLINED_WAIT_MS = 250;
/** Executions of one module whose logs are kept beside that of the one that counts. */
export const EARLIER_EXECUTIONS_MAX = 8;
/** Nodes of which the log remembers that they have the files of a module. */
export const HOLDERS_MAX = 8;
/** Nodes of which a result says that they could not keep a copy. */
export const UNABLE_MAX = 64;
/** Times that a module may run again since all copies of what it left were lost; then its run fails. */
export const GENERATIONS_MAX = 8;
/** Before a module that lacked an input is claimed again: until then the input is looked for, or made again. */
export const INPUT_MISSED_WAIT_MS = 2_000;
/** Times that a module is handed back for want of an input before that counts as its failure. */
export const INPUTS_MISSED_MAX = 20;
/** Earlier fences of one module that a late result may still come under. */
export const EARLIER_CLAIMS_MAX = 16;

// ── A cell ───────────────────────────────────────────────────────────────────────────────────────────────────────
export const LIVE_RUNS_MAX = 10_000;
export const LIVE_MODULES_MAX = 500_000;
export const FINISHED_RUNS_MAX = 10_000;
/** Of all finished runs together, and of one run with the items of its lists. */
export const FINISHED_MODULES_MAX = 300_000;
/** Values and tails of all finished runs together. */
export const FINISHED_BYTES_MAX = 128 * 1024 * 1024;
export const FINISHED_AGE_MAX_MS = 7 * 24 * 3_600_000;
/** Values kept with one finished run; what is over is dropped, the rest of the record stays. */
export const SUMMARY_VALUES_BYTES_MAX = 256 * 1024;
export const SUMMARY_TAILS_LENGTH_MAX = 1024 * 1024;
/** Specification of one finished run, encoded; a longer one cannot be run again. */
export const SOURCE_BYTES_MAX = 16 * 1024 * 1024;
/** Specifications of all finished runs together; the oldest are dropped, the rest of the record stays. */
export const SOURCES_BYTES_MAX = 64 * 1024 * 1024;
export const SESSIONS_MAX = 10_000;
export const DRAINED_NODES_MAX = 10_000;
/** Claims with limits that were told to stop and still hold their seats; what is over gives them up at once. */
export const ENDING_CLAIMS_MAX = 10_000;
export const NODE_NAMES_MAX = 10_000;
/** Claims listed by one SessionOpen, items of one Release or Results entry. */
export const ITEMS_PER_ENTRY_MAX = 10_000;

// ── Request keys and parts ───────────────────────────────────────────────────────────────────────────────────────
export const REQUEST_KEY_LENGTH_MAX = 200;
export const REQUEST_KEYS_MAX = 10_000;
export const PART_BYTES_MAX = 256 * 1024;
export const PARTS_PER_SUBMIT_MAX = 160;
export const SUBMIT_BYTES_MAX = 32 * 1024 * 1024;
export const UNFINISHED_SUBMITS_MAX = 64;
export const UNFINISHED_BYTES_MAX = 64 * 1024 * 1024;
export const UNFINISHED_AGE_MAX_MS = 10 * 60_000;

// ── Learned durations ────────────────────────────────────────────────────────────────────────────────────────────
export const LEARNED_PIPELINES_MAX = 64;
export const LEARNED_MODULES_MAX = 1_000;
/** Weight of the newest measurement in the exponential average. */
export const LEARNED_WEIGHT = 0.25;

/** Wall stamps beyond this are not taken over: nothing real is stamped there. Year 10889. */
export const NOW_MAX_MS = 2 ** 48;

// ── Snapshot ─────────────────────────────────────────────────────────────────────────────────────────────────────
/** Rises with every change of the plain form. */
export const SNAPSHOT_FORMAT = 7;
