/** Bounds on what a pipeline file may hold. Each is checked before memory is spent on what it bounds. */

/** Bytes of a pipeline file. */
export const PIPELINE_FILE_BYTES_MAX = 16 * 1024 * 1024;
/** Modules of one pipeline. */
export const PIPELINE_MODULES_MAX = 100_000;
/** Entries in `needs` over all modules together. */
export const PIPELINE_NEEDS_MAX = 1_000_000;
/** Values that YAML aliases may add to a file, so that nested aliases cannot blow it up. */
export const ALIAS_NODES_MAX = 100_000;
/** Nesting of maps and lists; the format itself needs 6. */
export const NESTING_MAX = 64;
/** Characters of a pipeline's or a module's name. */
export const NAME_LENGTH_MAX = 128;
/** Characters of a parameter's or a variable's name. */
export const KEY_LENGTH_MAX = 128;
/** Parameters of one pipeline. */
export const PARAMS_MAX = 256;
/** Paths and patterns given for one parameter. */
export const PARAM_PATHS_MAX = 256;
/** Variables of one module or pipeline as compiled, those made from expressions included. */
export const ENV_MAX = 256;
/** Different expressions in one `run` command; each becomes a variable. */
export const EXPRESSIONS_MAX = 64;
/** Variables in one `env` as written. */
export const ENV_WRITTEN_MAX = ENV_MAX - EXPRESSIONS_MAX;
/** Bytes of one variable's value, or of one parameter's value; Linux takes 128 KiB for a whole one. */
export const VALUE_BYTES_MAX = 32 * 1024;
/** Bytes of one `run` command. */
export const COMMAND_BYTES_MAX = 64 * 1024;
/** Bytes of one bundled source file, its source map included. */
export const BUNDLE_BYTES_MAX = 64 * 1024 * 1024;
/**
 * A bundle of so many bytes lies in the log, a larger one is a blob. A thousand lines of one's own fit, libraries do not: to send
 * so little along takes less time than to ask for it, and 256 of them are a fourth of the longest submission.
 */
export const BUNDLE_IN_LOG_BYTES_MAX = 32 * 1024;
/** Bundled source files of one run. */
export const BUNDLES_MAX = 256;
/** Problems that are listed; a file with more of them says so. */
export const PROBLEMS_MAX = 100;
/** Names compared when a "did you mean" is looked for. */
export const SUGGEST_CANDIDATES_MAX = 2_000;
/** Longest timeout: what a Node.js timer can hold, in whole days. */
export const TIMEOUT_MS_MAX = 24 * 86_400_000;
/** Longest wait between two attempts. */
export const BACKOFF_MS_MAX = 86_400_000;
/** Executions of one module. */
export const ATTEMPTS_MAX = 100;
/** Cpu slots that one module may ask for; a node counts in thousandths. */
export const CPU_MIN = 0.001;
export const CPU_MAX = 4096;
/** Entries in each list of `requires`. */
export const REQUIRES_MAX = 64;
