/** What to do about an error, in one sentence; shown by the CLI below the message and sent by HTTP as `hint`. */
import type { ErrorCode } from './errors.ts';

const hints: { readonly [code in ErrorCode]?: string } = {
  PIPELINE_INVALID: 'Check the file with `skein pipeline validate FILE`; the editor schema comes from `skein pipeline schema`.',
  PARAM_INVALID: 'Give parameters as `-p name=value`; `skein pipeline validate FILE` lists them.',
  OPTION_INVALID: 'See `skein --help`, or docs/reference/options.md.',
  RUN_NOT_FOUND: 'List the runs with `skein runs list`; a prefix of the id is enough if only one run has it.',
  NODE_NOT_FOUND: 'List the nodes with `skein node list`.',
  MODULE_NOT_FOUND: 'List the modules with `skein module list RUN`.',
  RUN_FINAL: 'Look at it with `skein runs view RUN`.',
  RUN_LIVE: 'Wait for it with `skein runs wait RUN`, or cancel it.',
  RUN_SUCCEEDED: 'Leave out --failed to run all of it once more.',
  RUN_SPEC_GONE: 'Submit its pipeline again with `skein run FILE`.',
  REQUEST_INVALID: 'The API is described at /api/v1/openapi.json.',
  REQUEST_TOO_LARGE: 'docs/reference/limits.md lists the limits.',
  KEY_EXPIRED: 'See with `skein runs list` whether the first attempt was accepted; submit with a new key if not.',
  LIMIT_EXCEEDED: 'Wait for runs to end; docs/reference/limits.md lists the limits.',
  UNAUTHORISED: 'Set SKEIN_HTTP_TOKEN to the token of the node, or use its unix socket or loopback address.',
  NO_LEADER: 'An election usually takes about a second: try again, with the same request key if it was a write.',
  NO_QUORUM: 'Start the missing voters again; `skein status` names them.',
  CELL_CLOSED: 'Try again: the nodes are joining the other cell.',
  KEY_MISMATCH: 'Give both nodes the same key: `skein key show` on one, SKEIN_KEY or --key-file on the other.',
  VERSION_MISMATCH: 'Run the same version of Skein on both nodes.',
  API_UNREACHABLE: 'Start a node with `node dist/node.js`, or name one with --api URL, --data-dir DIR or SKEIN_API.',
  DISK_FAILED: 'Check the disk and its free space, then start the node again: the log tells what was kept.',
  LOG_DAMAGED: 'Move the data directory away and start the node again: it joins as a new member and copies the log.',
  DATA_DIR_LOCKED: 'Stop that process, or use another --data-dir.',
};

export function hintOf(code: ErrorCode): string {
  return hints[code] ?? '';
}
