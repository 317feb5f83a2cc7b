/**
 * Who may talk to the API. Over the unix socket: whoever may open the file. Over TCP: a browser must not be led here by
 * a foreign page (DNS rebinding, cross-site requests), so Host must be one of our own names or a plain address, and
 * Origin, when sent, must be the same place; and a token is asked for when one is set.
 */
import { timingSafeEqual, createHash } from 'node:crypto';
import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { SkeinError } from '../../errors.ts';

export interface GuardInit {
  /** '' = none asked for. */
  readonly token: string;
  /** Further host names by which this node may be called; addresses and localhost always may. */
  readonly allowedHosts: readonly string[];
  /** The connection came in over the unix socket. */
  readonly isLocalSocket: (request: FastifyRequest) => boolean;
  /** Paths that load balancers probe without a token. */
  readonly openPaths: ReadonlySet<string>;
}

/** @throws SkeinError UNAUTHORISED */
export function guard(request: FastifyRequest, init: GuardInit): void {
  if (init.isLocalSocket(request)) return;
  const { host, origin } = request.headers;
  const name = hostName(host);
  if (name === undefined || !isAllowedHost(name, init.allowedHosts)) {
    throw new SkeinError('UNAUTHORISED', `The Host header ${quoted(host)} is not a name of this node`, {
      hint: 'Use the address of the node (http://127.0.0.1:8080), or its --name or host name.',
    });
  }
  if (origin !== undefined && originHost(origin) !== host?.toLowerCase()) throw new SkeinError('UNAUTHORISED', `Requests from pages of ${quoted(origin)} are not allowed`);
  if (init.token !== '' && !init.openPaths.has(request.url.split('?')[0] ?? '') && !hasToken(request.headers.authorization, init.token)) {
    throw new SkeinError('UNAUTHORISED', 'A bearer token is needed: Authorization: Bearer …', { status: 401 });
  }
}

/** Host header without the port, lower case; undefined if it is none. */
export function hostName(host: string | undefined): string | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253}))(?::\d{1,5})?$/.exec(host ?? '');
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}

/** An address literal cannot be rebound to another machine, so only names have to be known. */
export function isAllowedHost(name: string, allowed: readonly string[]): boolean {
  return isIP(name) !== 0 || name === 'localhost' || name.endsWith('.localhost') || allowed.some((own) => own.toLowerCase() === name);
}

function originHost(origin: string): string | undefined {
  try {
    const url = new URL(origin);
    return url.protocol === 'http:' || url.protocol === 'https:' ? url.host : undefined;
  } catch {
    return undefined;
  }
}

function hasToken(header: string | undefined, token: string): boolean {
  const given = /^Bearer (.+)$/i.exec(header ?? '')?.[1] ?? '';
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

function quoted(text: string | undefined): string {
  return JSON.stringify((text ?? '').slice(0, 100));
}
