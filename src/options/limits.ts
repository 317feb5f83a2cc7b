/** Bounds of options. docs/reference/limits.md lists them. */

/** Values of one repeatable option. */
export const OPTION_VALUES_MAX = 256;
/** Cpu slots of one node. */
export const SLOTS_MAX = 65_536;
/** Longest duration that a timer takes (2^31 - 1 ms, about 24 days). */
export const DURATION_MS_MAX = 2_147_483_647;
/** Characters of one address; guards against pasted files. */
export const ADDRESS_LENGTH_MAX = 1024;
/** Longest time for which files are kept. */
export const RETENTION_MS_MAX = 3650 * 86_400_000;
/** Lowest limit of what a node sends of files, bytes a second: with less, a piece would take longer than others wait for it. */
export const BLOB_BANDWIDTH_MIN = 64 * 1024;
