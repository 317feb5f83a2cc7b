/** Which nodes the CLI may talk to, best first. */
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { SkeinError } from '../errors.ts';
import { SLOT_FOLDERS_MAX, dataRoot, socketPathOf } from '../io/paths.ts';
import type { CliIo } from './io.ts';
import { ENDPOINTS_MAX } from './limits.ts';

export interface Endpoint {
  /** As said to people. */
  readonly shown: string;
  readonly socketPath?: string;
  readonly url?: URL;
}

export interface EndpointFlags {
  /** `--api URL`, repeatable. */
  readonly api?: readonly string[];
  /** `--data-dir DIR` */
  readonly dataDir?: string;
}

/**
 * What was named on the command line, and nothing else; otherwise the sockets of all local nodes, then SKEIN_API.
 * Called again for each connection, since nodes come and go.
 * @throws SkeinError OPTION_INVALID
 */
export function findEndpoints(flags: EndpointFlags, io: Pick<CliIo, 'env' | 'cwd'>): Endpoint[] {
  const named = (flags.api ?? []).map((text) => urlEndpoint(text, '--api'));
  if (flags.dataDir !== undefined) named.unshift(socketEndpoint(resolve(io.cwd, flags.dataDir), io.env));
  if (named.length > 0) return named.slice(0, ENDPOINTS_MAX);
  const byVariable = (io.env['SKEIN_API'] ?? '').split(',').filter((text) => text.trim() !== '').map((text) => urlEndpoint(text.trim(), 'SKEIN_API'));
  const folder = io.env['SKEIN_DATA_DIR'];
  const local = folder === undefined || folder === '' ? localSockets(io.env) : [socketEndpoint(resolve(io.cwd, folder), io.env)];
  return [...local, ...byVariable].slice(0, ENDPOINTS_MAX);
}

function localSockets(env: CliIo['env']): Endpoint[] {
  const root = dataRoot(env);
  return slotNames(root)
    .map((slot) => socketEndpoint(join(root, slot), env))
    .filter(({ socketPath = '' }) => process.platform === 'win32' || existsSync(socketPath));
}

function slotNames(root: string): string[] {
  try {
    return readdirSync(root).filter((name) => /^\d+$/.test(name)).toSorted((a, b) => Number(a) - Number(b)).slice(0, SLOT_FOLDERS_MAX);
  } catch {
    // No folder: no node has ever run here.
    return [];
  }
}

function socketEndpoint(dataDir: string, env: CliIo['env']): Endpoint {
  return { shown: `the node of ${dataDir}`, socketPath: socketPathOf(dataDir, env) };
}

function urlEndpoint(text: string, origin: string): Endpoint {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.search !== '') {
    throw new SkeinError('OPTION_INVALID', `${origin} is ${JSON.stringify(text.slice(0, 200))}, but must be a URL such as http://127.0.0.1:8080`, { option: origin });
  }
  return { shown: url.href, url };
}
