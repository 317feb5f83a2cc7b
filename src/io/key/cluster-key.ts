/**
 * The cluster key: whoever has it is a member. 32 random bytes, as one line of text in a file that all processes of one
 * user on one machine share, or in SKEIN_KEY. The key of libp2p's private network is derived from it. No message of
 * this file ever shows a key.
 */
import { hkdfSync, randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { SkeinError } from '../../errors.ts';

export const CLUSTER_KEY_BYTES = 32;
/** base64url of 32 bytes, unpadded. */
const TEXT_LENGTH = 43;
const FILE_BYTES_MAX = 4096;
const PSK_INFO = 'skein private network v1';

export interface ClusterKeyInit {
  /** The key as text (SKEIN_KEY); '' or absent = read the file. */
  readonly key?: string;
  /** '' or absent = `defaultKeyFile(env)`. Not read when `key` is given. */
  readonly keyFile?: string;
  /** For XDG_CONFIG_HOME. @default process.env */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface ClusterKey {
  /** For SKEIN_KEY on another machine. Secret. */
  readonly text: string;
  /** Content of a libp2p swarm key file (PSK v1) for `createLibp2pTransport`. Secret. */
  readonly psk: Uint8Array;
  /** `created`: this call made the file. */
  readonly source: 'environment' | 'file' | 'created';
  /** The key file, '' when the key came from the environment. */
  readonly path: string;
  /** Sentences for the user, such as wrong file permissions. */
  readonly warnings: readonly string[];
}

/** `$XDG_CONFIG_HOME/skein/cluster.key`, by default under `~/.config` (`%APPDATA%` on Windows). */
export function defaultKeyFile(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const set = env['XDG_CONFIG_HOME'];
  if (set !== undefined && set !== '') return join(set, 'skein', 'cluster.key');
  const roaming = env['APPDATA'];
  if (process.platform === 'win32' && roaming !== undefined) return join(roaming, 'skein', 'cluster.key');
  return join(env['HOME'] ?? homedir(), '.config', 'skein', 'cluster.key');
}

/**
 * The key from SKEIN_KEY, else from the file, else a new one: the first start makes the file, atomically, so that two
 * nodes started together agree on one key.
 * @throws SkeinError OPTION_INVALID when a key is malformed or the file cannot be read or made.
 */
export function loadClusterKey(init: ClusterKeyInit = {}): ClusterKey {
  if (init.key !== undefined && init.key.trim() !== '') {
    return { ...parts(parseKey(init.key, 'SKEIN_KEY')), source: 'environment', path: '', warnings: [] };
  }
  const path = resolve(init.keyFile === undefined || init.keyFile === '' ? defaultKeyFile(init.env) : init.keyFile);
  const existing = readKeyFile(path);
  if (existing !== undefined) return { ...parts(existing), source: 'file', path, warnings: permissionWarnings(path) };
  const created = createKeyFile(path);
  const key = readKeyFile(path);
  if (key === undefined) throw fileError(path, 'made', new Error('it vanished again'));
  return { ...parts(key), source: created ? 'created' : 'file', path, warnings: permissionWarnings(path) };
}

/** @param origin what to blame: a variable or a file. @throws SkeinError OPTION_INVALID without showing the key. */
export function parseKey(text: string, origin: string): Uint8Array {
  const trimmed = text.trim();
  const problem = keyProblem(trimmed);
  if (problem !== undefined) {
    throw new SkeinError('OPTION_INVALID', `${origin} is not a cluster key: ${problem}; copy the whole line that the first node printed`, { option: origin });
  }
  return new Uint8Array(Buffer.from(trimmed, 'base64url'));
}

export function formatKey(key: Uint8Array): string {
  return Buffer.from(key).toString('base64url');
}

function keyProblem(text: string): string | undefined {
  if (text === '') return 'it is empty';
  if (text.startsWith('/key/swarm/psk')) return 'it is a libp2p swarm key, Skein has its own one-line form';
  const odd = /[^A-Za-z0-9_-]/.exec(text);
  if (odd !== null) return `character ${odd.index + 1} is not a letter, digit, "-" or "_"`;
  if (text.length !== TEXT_LENGTH) return `it has ${text.length} characters instead of ${TEXT_LENGTH}`;
  // 43 characters hold 258 bits: the last two must be zero, so some wrong last characters are noticed.
  if (Buffer.from(text, 'base64url').toString('base64url') !== text) return 'its last character is wrong';
  return undefined;
}

function parts(key: Uint8Array): { readonly text: string; readonly psk: Uint8Array } {
  const psk = Buffer.from(hkdfSync('sha256', key, new Uint8Array(0), PSK_INFO, 32)).toString('hex');
  return { text: formatKey(key), psk: new TextEncoder().encode(`/key/swarm/psk/1.0.0/\n/base16/\n${psk}\n`) };
}

function readKeyFile(path: string): Uint8Array | undefined {
  try {
    if (statSync(path).size > FILE_BYTES_MAX) throw new Error('it is too large to be a key file');
    return parseKey(readFileSync(path, 'utf8'), path);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    if (error instanceof SkeinError) throw error;
    throw fileError(path, 'read', error);
  }
}

/**
 * Writes a whole file beside the final name, then links it there: `link` fails when the name exists, so of any number
 * of processes exactly one wins and nobody ever reads half a key. @returns false when another process was first.
 */
function createKeyFile(path: string): boolean {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeSynced(temporary, `${formatKey(randomBytes(CLUSTER_KEY_BYTES))}\n`);
    try {
      linkSync(temporary, path);
      return true;
    } catch (error) {
      if (isCode(error, 'EEXIST')) return false;
      throw error;
    } finally {
      unlinkSync(temporary);
    }
  } catch (error) {
    throw fileError(path, 'made', error);
  }
}

function writeSynced(path: string, content: string): void {
  const file = openSync(path, 'wx', 0o600);
  try {
    writeSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function permissionWarnings(path: string): string[] {
  if (process.platform === 'win32') return [];
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o077) === 0) return [];
  return [`the cluster key ${path} can be read by others (mode 0${mode.toString(8)}); mend it with: chmod 600 ${path}`];
}

function fileError(path: string, what: 'read' | 'made', cause: unknown): SkeinError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new SkeinError('OPTION_INVALID', `the cluster key file ${path} cannot be ${what}: ${reason}`, { option: 'key-file', path }, { cause });
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
