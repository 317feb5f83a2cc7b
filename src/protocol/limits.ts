/** Every size limit of the wire and of the log. docs/reference/limits.md lists them. */

/** Encoded command in one log entry; a bigger Submit travels as parts. */
export const ENTRY_DATA_BYTES_MAX = 256 * 1024;
/** Encoded RunSpec, over all its parts. */
export const SPEC_BYTES_MAX = 64 * 1024 * 1024;
/** A larger RunSpec is not decoded by the leader and travels as parts, which are applied in slices. */
export const SUBMIT_WHOLE_BYTES_MAX = 32 * 1024;
/** One slice of a SubmitPart. */
export const SUBMIT_PART_BYTES = 192 * 1024;
/** One message on a channel, before framing. */
export const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
/** One slice of a snapshot on the bulk channel. */
export const SNAPSHOT_CHUNK_BYTES = 256 * 1024;
/** A whole snapshot. */
export const SNAPSHOT_BYTES_MAX = 1024 * 1024 * 1024;
/** Beacon on the gossip topic. */
export const BEACON_BYTES_MAX = 8 * 1024;
/** Ids, names, keys, labels. */
export const NAME_LENGTH_MAX = 256;
/** Free text in messages: reasons, notes, errors. */
export const TEXT_LENGTH_MAX = 4096;
/** Command of a `run:` module, environment value, output value (encoded). */
export const VALUE_BYTES_MAX = 128 * 1024;
export const MODULES_MAX = 100_000;
/** Items in one list of a message (claims, results, fences, peers). */
export const LIST_LENGTH_MAX = 100_000;
/** Nesting of JSON values. */
export const JSON_DEPTH_MAX = 32;
/** Part of a blob that is checked, stored and fetched by itself. Part of every manifest: never to be changed. */
export const BLOB_CHUNK_BYTES = 4 * 1024 * 1024;
/** One file: 400 GiB, whose manifest still fits into one message. */
export const BLOB_BYTES_MAX = 102_400 * BLOB_CHUNK_BYTES;
/** Part of a chunk in one message, so that other blobs and other peers get a turn. */
export const BLOB_PIECE_BYTES = 256 * 1024;
/** Ids and names whose bytes are remembered, since they come again with every message. */
export const NAMES_REMEMBERED_MAX = 1024;
/** Small messages share memory of this size until they are sent. */
export const SLAB_BYTES = 32 * 1024;
/** Characters of the path of a file in an output. */
export const PATH_LENGTH_MAX = 1024;
/** A list of files, which is read as a whole: 100,000 files with paths of some 500 characters. */
export const TREE_BYTES_MAX = 64 * 1024 * 1024;
