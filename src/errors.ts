/**
 * Every operating error that Skein reports. A code is never reused for another meaning; docs/reference/errors.md lists
 * each one and a test compares the two both ways. Bugs are not in this list: they are `assert`s and end the process.
 */
export const errorCodes = {
  // Pipeline files, parameters, options
  PIPELINE_INVALID: 'The pipeline file does not fit the format; `problems` lists every place.',
  PARAM_INVALID: 'A parameter is unknown, missing or has the wrong type.',
  OPTION_INVALID: 'An option or an environment variable has a value that is not allowed.',
  BUNDLE_FAILED: 'A TypeScript module could not be bundled, or there is nowhere to put its bundle.',
  // Requests
  RUN_NOT_FOUND: 'No run has this id, or the prefix fits more than one.',
  NODE_NOT_FOUND: 'No node has this name or peer id.',
  MODULE_NOT_FOUND: 'The run has no module of this name, or the beginning fits more than one.',
  RUN_FINAL: 'The run has already ended, so the request changes nothing.',
  RUN_LIVE: 'The run has not ended yet; only finished runs are run again.',
  RUN_SUCCEEDED: 'Nothing of the run has failed, so there is nothing of it to run again.',
  RUN_SPEC_GONE: 'The specification of the run is not kept any more, so it cannot be run again.',
  REQUEST_INVALID: 'The request body or a query parameter does not fit the API.',
  REQUEST_TOO_LARGE: 'The request, a module or a value is over a named size limit.',
  KEY_EXPIRED: 'This request key is older than the table of request keys goes back.',
  LIMIT_EXCEEDED: 'A named limit of the cluster would be exceeded (see docs/reference/limits.md).',
  UNAUTHORISED: 'The request lacks a valid token, or its Host or Origin header is not allowed.',
  // Cluster
  NO_LEADER: 'No leader is known, or it did not answer in time; the outcome of a write is unknown until retried with the same key.',
  NO_QUORUM: 'The cell has lost the majority of its voters and cannot accept writes.',
  CELL_CLOSED: 'The cell was closed; its nodes have joined another one.',
  KEY_MISMATCH: 'A peer was reached but the handshake failed: most likely its cluster key differs.',
  VERSION_MISMATCH: 'A peer speaks a protocol version that this one cannot.',
  API_UNREACHABLE: 'No node answers on the API address or unix socket.',
  // Storage
  DISK_FAILED: 'A write or sync failed; the process ends, since what is on disk is no longer known.',
  LOG_DAMAGED: 'A log frame in the middle is damaged: this disk does not vote any more.',
  DATA_DIR_LOCKED: 'Another process uses this data directory.',
  // Blobs
  BLOB_INVALID: 'This is not the name of a blob, or what came under a name is not what it names.',
  BLOB_NOT_FOUND: 'No node that can be reached has this blob.',
  BLOB_TOO_LARGE: 'The file is larger than a blob can be.',
  BLOB_DISK_FULL: 'There is no room for the blob on the disk of the node.',
  BLOB_STORE_FAILED: 'The folder of blobs of the node could not be read or written.',
  // Wire
  FRAME_INVALID: 'A frame from a peer could not be decoded.',
  FRAME_TOO_LARGE: 'A frame from a peer is over the size limit.',
  // Modules (kept with the result)
  MODULE_EXIT: 'The command ended with an exit code that is not 0.',
  MODULE_SIGNAL: 'The command was ended by a signal.',
  MODULE_THREW: 'The function threw.',
  MODULE_TIMEOUT: 'The module ran longer than its timeout.',
  MODULE_CANCELLED: 'The run was cancelled while the module ran.',
  MODULE_OUTPUT: 'The module wrote an output that cannot be kept (wrong form, or over 4 KB).',
  MODULE_FOREACH: 'The list of a `foreach` cannot be used, or one of its items failed.',
  MODULE_INPUT: 'A file that the module needs could not be fetched from any node.',
  INPUT_MISSING: 'No node that can be reached has a file that the module needs: it is handed back, and what made the file may run again.',
  OUTPUT_LOST: 'All copies of files that a run needs are lost, and the module that made them is not run again.',
  MODULE_SPAWN: 'The module could not be started.',
  MODULE_FENCED: 'The node lost contact for so long that an effectful module had to be killed.',
  POISON: 'Three nodes were lost while they executed this module, so it is not tried again.',
  NODE_EXHAUSTED: 'The node had no room for the module (disk, memory, processes, open files) and hands it back.',
  NODE_STOPPING: 'The node stops and hands its modules back.',
} as const;

export type ErrorCode = keyof typeof errorCodes;

/** An operating error with a code that programs can act on and data that people can read. */
export class SkeinError extends Error {
  readonly code: ErrorCode;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, data: Record<string, unknown> = {}, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'SkeinError';
    this.code = code;
    this.data = data;
  }
}

export function isSkeinError(error: unknown, code?: ErrorCode): error is SkeinError {
  return error instanceof SkeinError && (code === undefined || error.code === code);
}
