/** Bounds of planning and of what is said about it. docs/reference/limits.md lists them. */

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
/** Bytes of blobs that a node is taken to receive in a second before it has measured it: a network of 1 Gbit/s, about. */
export const BYTES_PER_SECOND_UNKNOWN = 100 * 1024 * 1024;
/** What is moved in less time than this on the slowest node does not decide where a module goes: it takes as long to start. */
export const MOVE_MS_MIN = 40;
/** A module waits at most so long for nodes that have its inputs and are full, while others have room. */
export const HOLDER_WAIT_MS_MAX = 10 * 60_000;
/** Modules that are left waiting in this way in one plan; others go where there is room. */
export const HOLDER_WAITS_MAX = 100;
/** How often it is looked whether such a module had better go elsewhere by now. */
export const HOLDER_LOOK_MS = 250;
/** Smaller inputs are not remembered to have been fetched. */
export const FETCHED_BYTES_MIN = 1024 * 1024;
/** Inputs of which the leader remembers who fetched them; the oldest are forgotten. */
export const FETCHED_FILES_MAX = 10_000;
/** Nodes remembered for one of them. */
export const FETCHED_NODES_MAX = 64;
/** Modules that are executed and of which it is remembered why they went where they are; the oldest are forgotten. */
export const PLACEMENTS_MAX = 10_000;
/** Nodes that are compared for people; of more, those that have some of the inputs, and the one that was chosen. */
export const PLACEMENT_NODES_MAX = 8;
/** A module whose inputs nobody has who is there is looked at again after this. */
export const INPUTS_LOOKED_MS = 1_000;
