/**
 * What a node is started with. `resolveOptions` makes it of flags and environment: flag > environment > default, each
 * value checked and quoted when it is refused, combinations checked at the end.
 */
import { availableParallelism } from 'node:os';
import { isIP } from 'node:net';
import { SkeinError } from './errors.ts';
import { BLOB_QUOTA, BLOB_RETENTION_MS, type BlobQuota } from './runtime/blobs/quota.ts';
import type { Timing } from './runtime/init.ts';
import { definitions, otherVariables, type OptionEnv, type OptionFlag } from './options/definitions.ts';
import { OPTION_VALUES_MAX, SLOTS_MAX } from './options/limits.ts';
import { suggest } from './pipeline/suggest.ts';
import { timingProfiles, type ProfileName } from './options/timing.ts';
import { HTTP_PORT_DEFAULT, P2P_PORT_DEFAULT, invalid, parseAddress, parseBandwidth, parseInteger, parseLabel, parseName, parsePort, parseQuota, parseRetention, parseSwitch, parseTool } from './options/values.ts';

type LogLevel = 'debug' | 'info' | 'warn' | 'error';
type LogFormat = 'pretty' | 'json';

const TOKEN_LENGTH_MIN = 16;

export interface NodeOptions {
  /** Multiaddrs to dial first and for ever again. @default [] */
  readonly bootstrap: readonly string[];
  /** '' = host name, a dash and 6 characters of the peer id. @default '' */
  readonly name: string;
  /** Label → value, '' for a label without one. @default {} */
  readonly labels: Readonly<Record<string, string>>;
  /** Cpu slots offered. More than cores suits modules that wait; 0 executes nothing. @default number of cores */
  readonly slots: number;
  /** '' = the first folder `$XDG_DATA_HOME/skein/<slot>` whose lock is free. @default '' */
  readonly dataDir: string;
  /** @default { port: 9000, fixed: false } */
  readonly p2pPort: PortOption;
  /** @default { port: 8080, fixed: false } */
  readonly httpPort: PortOption;
  /** IP address or host name to bind HTTP to. @default '127.0.0.1' */
  readonly httpHost: string;
  /** Bearer token of HTTP over TCP; '' asks for none. @default '' */
  readonly httpToken: string;
  /** @default true */
  readonly mdns: boolean;
  /** false = never stores the log. @default true */
  readonly vote: boolean;
  /** @default 'skein' */
  readonly clusterName: string;
  /** The cluster key as text; '' = read `keyFile`. Secret. @default '' */
  readonly key: string;
  /** '' = `$XDG_CONFIG_HOME/skein/cluster.key`. @default '' */
  readonly keyFile: string;
  /** Programs to look for beside the usual ones. @default [] */
  readonly tools: readonly string[];
  /** @default 'default' */
  readonly profile: ProfileName;
  /** Durations of the profile; an embedding program may give its own (checked by `checkTiming`). */
  readonly timing: Timing;
  /** Multiaddrs to tell others instead of the detected ones. @default [] */
  readonly announce: readonly string[];
  /** How long a blob is kept after its last use and the end of the last run that refers to it, ms. @default 7 days */
  readonly blobRetentionMs: number;
  /** Room for blobs. @default { share: 0.8 } */
  readonly blobQuota: BlobQuota;
  /** Of blobs, sent to all other nodes together; 0 = no limit. @default 0 */
  readonly blobBytesPerSecond: number;
  /** @default 'info' */
  readonly logLevel: LogLevel;
  /** 'auto' = pretty when stdout is a terminal, else json. @default 'auto' */
  readonly logFormat: LogFormat | 'auto';
}

export interface PortOption {
  /** 0 = any free port. */
  readonly port: number;
  /** It was asked for: busy is an error. Otherwise the next free port is taken. */
  readonly fixed: boolean;
}

/** A node with nothing said about it. */
export function defaultOptions(): NodeOptions {
  return {
    bootstrap: [],
    name: '',
    labels: {},
    slots: availableParallelism(),
    dataDir: '',
    p2pPort: { port: P2P_PORT_DEFAULT, fixed: false },
    httpPort: { port: HTTP_PORT_DEFAULT, fixed: false },
    httpHost: '127.0.0.1',
    httpToken: '',
    mdns: true,
    vote: true,
    clusterName: 'skein',
    key: '',
    keyFile: '',
    tools: [],
    profile: 'default',
    timing: timingProfiles.default,
    announce: [],
    blobRetentionMs: BLOB_RETENTION_MS,
    blobQuota: BLOB_QUOTA,
    blobBytesPerSecond: 0,
    logLevel: 'info',
    logFormat: 'auto',
  };
}

/** As the command line gives them; repeatable ones as lists, switches as `true`. */
export type FlagValues = { readonly [flag in OptionFlag]?: string | readonly string[] | boolean };
export type Environment = Readonly<Record<string, string | undefined>>;

interface Given {
  readonly text: string;
  /** `--slots` or `SKEIN_SLOTS`: what to blame. */
  readonly origin: string;
}

/** @throws SkeinError OPTION_INVALID quoting the value and where it came from. */
export function resolveOptions(flags: FlagValues, env: Environment): NodeOptions {
  const fallback = defaultOptions();
  const one = <T>(flag: OptionFlag, parse: (text: string, origin: string) => T, otherwise: T): T => {
    const given = givenOnce(flags, env, flag);
    return given === undefined ? otherwise : parse(given.text, given.origin);
  };
  const many = <T>(flag: OptionFlag, parse: (text: string, origin: string) => T): T[] => givenMany(flags, env, flag).map((given) => parse(given.text, given.origin));
  const port = (flag: 'p2p-port' | 'http-port', otherwise: PortOption): PortOption => one(flag, (text, origin) => ({ port: parsePort(text, origin), fixed: true }), otherwise);
  const profile = one('profile', (text, origin) => oneOf(text, origin, Object.keys(timingProfiles) as ProfileName[]), fallback.profile);
  const options: NodeOptions = {
    bootstrap: [...new Set(many('bootstrap', parseAddress))],
    name: one('name', parseName, fallback.name),
    labels: Object.fromEntries(many('label', parseLabel)),
    slots: one('slots', (text, origin) => parseInteger(text, origin, 0, SLOTS_MAX), fallback.slots),
    dataDir: one('data-dir', parsePath, fallback.dataDir),
    p2pPort: port('p2p-port', fallback.p2pPort),
    httpPort: port('http-port', fallback.httpPort),
    httpHost: one('http-host', parseHost, fallback.httpHost),
    httpToken: parseToken(env['SKEIN_HTTP_TOKEN']),
    mdns: !one('no-mdns', parseSwitch, !fallback.mdns),
    vote: !one('no-vote', parseSwitch, !fallback.vote),
    clusterName: one('cluster-name', parseName, fallback.clusterName),
    key: env['SKEIN_KEY']?.trim() ?? '',
    keyFile: one('key-file', parsePath, fallback.keyFile),
    tools: [...new Set(many('tool', parseTool))],
    profile,
    timing: timingProfiles[profile],
    announce: [...new Set(many('announce', parseAddress))],
    blobRetentionMs: one('blob-retention', parseRetention, fallback.blobRetentionMs),
    blobQuota: one('blob-quota', parseQuota, fallback.blobQuota),
    blobBytesPerSecond: one('blob-bandwidth', parseBandwidth, fallback.blobBytesPerSecond),
    logLevel: one('log-level', (text, origin) => oneOf(text, origin, ['debug', 'info', 'warn', 'error'] as const), fallback.logLevel),
    logFormat: one('log-format', (text, origin) => oneOf(text, origin, ['pretty', 'json'] as const), fallback.logFormat),
  };
  checkCombinations(options, flags);
  return options;
}

/** Combinations that cannot be meant. */
function checkCombinations(options: NodeOptions, flags: FlagValues): void {
  if (options.key !== '' && flags['key-file'] !== undefined) {
    throw new SkeinError('OPTION_INVALID', '--key-file and SKEIN_KEY are both set: which key is meant? Unset one of them', { option: 'key-file' });
  }
  if (options.p2pPort.fixed && options.httpPort.fixed && options.p2pPort.port !== 0 && options.p2pPort.port === options.httpPort.port) {
    throw new SkeinError('OPTION_INVALID', `--p2p-port and --http-port are both ${options.p2pPort.port}: two ports are needed`, { option: 'http-port' });
  }
  if (!options.vote && options.slots === 0) {
    throw new SkeinError('OPTION_INVALID', '--no-vote with --slots 0 leaves the node nothing to do: it would neither store nor execute', { option: 'slots' });
  }
}

/** Hints on variables that look like mistyped ones, so that a setting is not lost in silence. */
export function suspectVariables(env: Environment): string[] {
  const known = [...definitions.map((definition) => definition.env), ...otherVariables];
  return Object.keys(env)
    .filter((name) => name.startsWith('SKEIN_') && !known.includes(name))
    .flatMap((name) => {
      const meant = suggest(name.slice('SKEIN_'.length), known.map((other) => other.slice('SKEIN_'.length)));
      return meant === undefined ? [] : [`the environment variable ${name} is not known; did you mean SKEIN_${meant}?`];
    });
}

function variableOf(flag: OptionFlag): OptionEnv {
  return definitions.find((definition) => definition.flag === flag)?.env as OptionEnv;
}

function givenOnce(flags: FlagValues, env: Environment, flag: OptionFlag): Given | undefined {
  const value = flags[flag];
  if (value !== undefined) return { text: typeof value === 'object' ? (value.at(-1) ?? '') : String(value), origin: `--${flag}` };
  const variable = variableOf(flag);
  const text = env[variable];
  return text === undefined || text === '' ? undefined : { text, origin: variable };
}

function givenMany(flags: FlagValues, env: Environment, flag: OptionFlag): Given[] {
  const value = flags[flag];
  const variable = variableOf(flag);
  const given =
    value === undefined
      ? (env[variable] ?? '').split(',').map((text) => ({ text: text.trim(), origin: variable })).filter(({ text }) => text !== '')
      : (typeof value === 'object' ? value : [String(value)]).map((text) => ({ text, origin: `--${flag}` }));
  if (given.length > OPTION_VALUES_MAX) throw new SkeinError('OPTION_INVALID', `--${flag} is given ${given.length} times; ${OPTION_VALUES_MAX} at most`, { option: flag });
  return given;
}

function oneOf<const T extends string>(text: string, origin: string, allowed: readonly T[]): T {
  const found = allowed.find((word) => word === text);
  if (found !== undefined) return found;
  const meant = suggest(text, allowed);
  throw invalid(origin, text, `one of ${allowed.join(', ')}${meant === undefined ? '' : ` (did you mean ${meant}?)`}`);
}

function parsePath(text: string, origin: string): string {
  if (text === '' || text.includes('\0') || text.length > 4096) throw invalid(origin, text, 'a path');
  return text;
}

function parseHost(text: string, origin: string): string {
  if (isIP(text) !== 0 || /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(text)) return text;
  throw invalid(origin, text, 'an IP address or host name to listen on, such as 127.0.0.1 or 0.0.0.0');
}

/** Its value is a secret: never quoted. */
function parseToken(text: string | undefined): string {
  if (text === undefined || text === '') return '';
  if (text.length < TOKEN_LENGTH_MIN || !/^[\x21-\x7e]+$/.test(text)) {
    throw new SkeinError('OPTION_INVALID', `SKEIN_HTTP_TOKEN must be at least ${TOKEN_LENGTH_MIN} visible ASCII characters without spaces`, { option: 'SKEIN_HTTP_TOKEN' });
  }
  return text;
}
