/**
 * Every option of a node, in the order in which `--help` and docs/reference/options.md show them. A test compares this
 * table with that page. Each option is a flag and an environment variable; secrets are never flags, since every user
 * of a machine can read the command lines of all processes.
 */

export interface OptionDefinition {
  /** Without dashes; `''` for values that only the environment may carry. */
  readonly flag: string;
  readonly env: string;
  /** Placeholder of the value; absent for switches. */
  readonly value?: string;
  /** May be given several times; in the environment separated by commas. */
  readonly repeatable?: boolean;
  readonly meaning: string;
  /** As shown to people. */
  readonly fallback: string;
}

const optionDefinitions = [
  { flag: 'bootstrap', env: 'SKEIN_BOOTSTRAP', value: 'ADDR', repeatable: true, fallback: 'none', meaning: 'A node to dial first: a multiaddr, host:port or a DNS name (port 9000). Needed where mDNS does not reach.' },
  { flag: 'name', env: 'SKEIN_NAME', value: 'NAME', fallback: 'HOSTNAME-<6 of the peer id>', meaning: 'Name of this node, shown to people.' },
  { flag: 'label', env: 'SKEIN_LABEL', value: 'K[=V]', repeatable: true, fallback: 'none', meaning: 'A label that modules may require.' },
  { flag: 'slots', env: 'SKEIN_SLOTS', value: 'N', fallback: 'number of cores', meaning: 'Cpu slots offered to modules, 0 to 65536. 0: this node leads and stores but executes nothing.' },
  { flag: 'data-dir', env: 'SKEIN_DATA_DIR', value: 'DIR', fallback: '$XDG_DATA_HOME/skein/<first free slot>', meaning: 'Where the log, snapshots and node key live. One process per folder.' },
  { flag: 'p2p-port', env: 'SKEIN_P2P_PORT', value: 'PORT', fallback: '9000, or the next free one', meaning: 'TCP port for other nodes. 0: any free one. A port that was asked for and is busy is an error.' },
  { flag: 'http-port', env: 'SKEIN_HTTP_PORT', value: 'PORT', fallback: '8080, or the next free one', meaning: 'TCP port of the HTTP API. 0: any free one. A port that was asked for and is busy is an error.' },
  { flag: 'http-host', env: 'SKEIN_HTTP_HOST', value: 'HOST', fallback: '127.0.0.1', meaning: 'Address on which HTTP listens. Anything but loopback opens the API to the network: set SKEIN_HTTP_TOKEN then.' },
  { flag: 'no-mdns', env: 'SKEIN_NO_MDNS', fallback: 'mDNS is on', meaning: 'Neither announce nor look for nodes by multicast DNS.' },
  { flag: 'no-vote', env: 'SKEIN_NO_VOTE', fallback: 'may vote', meaning: 'Never store the log nor vote: a plain worker.' },
  { flag: 'cluster-name', env: 'SKEIN_CLUSTER_NAME', value: 'NAME', fallback: 'skein', meaning: 'Nodes of different cluster names never join each other.' },
  { flag: 'key-file', env: 'SKEIN_KEY_FILE', value: 'FILE', fallback: '$XDG_CONFIG_HOME/skein/cluster.key', meaning: 'File of the cluster key; made at the first start.' },
  { flag: 'tool', env: 'SKEIN_TOOL', value: 'NAME', repeatable: true, fallback: 'none', meaning: 'A further program to look for, beside python3, git, docker, ffmpeg and the like.' },
  { flag: 'profile', env: 'SKEIN_PROFILE', value: 'NAME', fallback: 'default', meaning: 'Timing: wired, default, wifi or test. All nodes of a cluster should use the same.' },
  { flag: 'announce', env: 'SKEIN_ANNOUNCE', value: 'ADDR', repeatable: true, fallback: 'addresses of the interfaces', meaning: 'Address told to other nodes instead of the detected ones, e.g. the host of a container.' },
  { flag: 'blob-retention', env: 'SKEIN_BLOB_RETENTION', value: 'TIME', fallback: '7d', meaning: 'How long files are kept after their last use and the end of the last run that refers to them.' },
  { flag: 'blob-quota', env: 'SKEIN_BLOB_QUOTA', value: 'SIZE', fallback: '80%', meaning: 'Room for files: a size such as 200GiB, or a share of the disk such as 50%. Beyond it goes what was used least recently and no live run needs. Of the disk 5 % (10 GiB at most) stay free in any case.' },
  { flag: 'blob-bandwidth', env: 'SKEIN_BLOB_BANDWIDTH', value: 'SIZE', fallback: 'no limit', meaning: 'Bytes of files a second that this node sends to others, such as 10MB.' },
  { flag: 'log-level', env: 'SKEIN_LOG_LEVEL', value: 'LEVEL', fallback: 'info', meaning: 'debug, info, warn or error.' },
  { flag: 'log-format', env: 'SKEIN_LOG_FORMAT', value: 'FORMAT', fallback: 'pretty on a terminal, else json', meaning: 'pretty or json (one object a line).' },
  { flag: '', env: 'SKEIN_KEY', value: 'KEY', fallback: 'from the key file', meaning: 'The cluster key itself. Only from the environment, never on the command line.' },
  { flag: '', env: 'SKEIN_HTTP_TOKEN', value: 'TOKEN', fallback: 'none', meaning: 'Bearer token that HTTP over TCP asks for (at least 16 characters). The unix socket needs none.' },
] as const satisfies readonly OptionDefinition[];

type Definition = (typeof optionDefinitions)[number];
export type OptionFlag = Exclude<Definition['flag'], ''>;
export type OptionEnv = Definition['env'];

export const definitions: readonly OptionDefinition[] = optionDefinitions;

/** Variables that the CLI reads or that modules are given; known, so that no typing error is suspected. */
export const otherVariables: readonly string[] = [
  'SKEIN_API',
  'SKEIN_RUN_ID',
  'SKEIN_MODULE',
  'SKEIN_ATTEMPT',
  'SKEIN_FENCE',
  'SKEIN_NODE',
  'SKEIN_INPUT_DIR',
  'SKEIN_OUTPUT_DIR',
  'SKEIN_WORK_DIR',
  'SKEIN_CHECKPOINT_DIR',
  'SKEIN_PARAMS_FILE',
  'SKEIN_OUTPUT',
  'SKEIN_ENV',
  'SKEIN_SUMMARY',
  'SKEIN_PROGRESS',
  'SKEIN_REEXECUTED',
];
