/** Bounds of what is said about a plan. docs/reference/limits.md lists them. */

/** Names written out in one sentence; the others are counted. */
export const NAMES_SHOWN_MAX = 4;
/** Kinds of ready modules that one explanation of a run tells apart. */
export const EXPLAIN_GROUPS_MAX = 20;
/** Modules that are looked at to tell how many go first. */
export const EXPLAIN_SCAN_MODULES_MAX = 20_000;
/** Names of modules listed in one such group. */
export const EXPLAIN_GROUP_NAMES_MAX = 100;
/** Modules that take too long for which a node is looked for in one plan. */
export const STRAGGLER_LOOKS_MAX = 64;
