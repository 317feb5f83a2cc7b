/** Bounds of files that are sent to a node. docs/reference/limits.md lists them. */

/** What has come of a file whose connection broke is kept for so long, for the rest to follow. */
export const UPLOAD_KEPT_MS = 10 * 60_000;
/** Such files, with those that are coming now. The one that nothing was heard of for longest goes first. */
export const UPLOADS_MAX = 256;
