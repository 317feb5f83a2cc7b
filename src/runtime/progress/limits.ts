/** Bounds of progress. docs/reference/limits.md lists them. */

/** Between two words of a node about how far its modules are. */
export const PROGRESS_EVERY_MS = 1_000;
/** Every so many times all of it is said, not only what has changed. */
export const PROGRESS_AGAIN_ROUNDS = 10;
/** Executions in one such word; the others come with the next. */
export const PROGRESS_ITEMS_MAX = 1_000;
/** Executions of which a leader remembers how far they are. */
export const PROGRESS_KEPT_MAX = 20_000;
/** A larger run has no estimate of its end: it would be worked out again for everybody who watches. */
export const ETA_MODULES_MAX = 20_000;
