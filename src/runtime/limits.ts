/** Bounds of what views list. docs/reference/limits.md lists them. */

/** Keys of limits in the view of the queue; the others are counted. */
export const LIMITS_SHOWN_MAX = 100;
/** Holders of one of them; the others are counted. */
export const LIMIT_HOLDERS_SHOWN_MAX = 20;
/** Paused runs in the view of the queue; the others are counted. */
export const PAUSED_RUNS_SHOWN_MAX = 100;
/** Modules listed of one node; the others are counted. */
export const NODE_MODULES_SHOWN_MAX = 1000;
/** Names in the message about a module that does not exist. */
export const NAMES_LISTED_MAX = 10;
