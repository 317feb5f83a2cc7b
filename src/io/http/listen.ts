/** Binds the API: loopback TCP for browsers and programs, the unix socket of the data directory for the local user. */
import { createServer, type Server } from 'node:http';
import type { Server as NetServer, Socket } from 'node:net';
import { hostname } from 'node:os';
import type { PortOption } from '../../options.ts';
import { SkeinError } from '../../errors.ts';
import { CLOSE_GRACE_MS, HTTP_CONNECTIONS_MAX, PORT_TRIES_MAX, REQUEST_TIMEOUT_MS } from './limits.ts';
import { buildServer, type HttpInit } from './server.ts';

export interface ListenInit extends Omit<HttpInit, 'localSockets' | 'httpUrl'> {
  readonly host: string;
  readonly port: PortOption;
  /**
   * The unix socket: a path to bind, or a server that is bound already (the lock of the data directory). A bound server
   * stays the caller's: closing HTTP only stops taking its connections.
   */
  readonly socket?: { readonly path: string } | { readonly server: NetServer };
}

export interface HttpListener {
  /** `http://127.0.0.1:8080` */
  readonly url: string;
  readonly port: number;
  /** Ends streams, lets open requests end for a moment, closes. Idempotent. */
  close(): Promise<void>;
}

/** @throws SkeinError OPTION_INVALID when the address cannot be bound. */
export async function listenHttp(init: ListenInit): Promise<HttpListener> {
  const localSockets = new WeakSet<object>();
  let url = '';
  const app = buildServer({ ...init, allowedHosts: [...(init.allowedHosts ?? []), init.host, hostname()], localSockets, httpUrl: () => url });
  await app.ready();
  const newServer = (): Server => {
    const server = createServer({ headersTimeout: REQUEST_TIMEOUT_MS, requestTimeout: 0 }, (request, response) => app.routing(request, response));
    server.maxConnections = HTTP_CONNECTIONS_MAX;
    return server;
  };
  const tcp = newServer();
  const local = newServer();
  local.on('connection', (socket: Socket) => localSockets.add(socket));
  const hand = (socket: Socket): void => void local.emit('connection', socket);
  const bound = init.socket !== undefined && 'server' in init.socket ? init.socket.server : undefined;

  const port = await bindTcp(tcp, init.host, init.port);
  url = `http://${shownHost(init.host)}:${port}`;
  if (init.socket !== undefined && 'path' in init.socket) await bindPath(local, init.socket.path, tcp);
  bound?.on('connection', hand);

  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    bound?.off('connection', hand);
    const closed = Promise.all([tcp, local].map(closeServer));
    await app.close();
    await closed;
  };
  return { url, port, close: () => (closing ??= close()) };
}

/** A default port that is busy moves up; one that was asked for does not. */
async function bindTcp(server: Server, host: string, wanted: PortOption): Promise<number> {
  const tries = wanted.fixed || wanted.port === 0 ? 1 : PORT_TRIES_MAX;
  for (let i = 0; i < tries; i++) {
    const port = wanted.port + i;
    const error = await tryListen(server, { host, port });
    if (error === undefined) return portOf(server);
    if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES') throw new SkeinError('OPTION_INVALID', `HTTP cannot listen on ${host}:${port}: ${error.message}`, { option: 'http-host' }, { cause: error });
    if (tries === 1) {
      const why = error.code === 'EACCES' ? 'this user may not use it' : 'another process uses it';
      throw new SkeinError('OPTION_INVALID', `--http-port ${port} cannot be used: ${why}`, { option: 'http-port', hint: 'Choose another port, or leave the option out to take the next free one.' }, { cause: error });
    }
  }
  throw new SkeinError('OPTION_INVALID', `No free port from ${wanted.port} to ${wanted.port + tries - 1} for HTTP`, { option: 'http-port' });
}

async function bindPath(server: Server, path: string, other: Server): Promise<void> {
  const error = await tryListen(server, { path });
  if (error === undefined) return;
  other.close();
  throw new SkeinError('DATA_DIR_LOCKED', `The socket ${path} cannot be bound: ${error.message}`, {}, { cause: error });
}

function tryListen(server: Server, where: { host: string; port: number } | { path: string }): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const failed = (error: Error): void => resolve(error);
    server.once('error', failed);
    server.listen(where, () => {
      server.off('error', failed);
      resolve(undefined);
    });
  });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function shownHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
    const done = (): void => {
      clearTimeout(force);
      resolve();
    };
    if (server.listening) server.close(done);
    else {
      server.closeAllConnections();
      done();
    }
    server.closeIdleConnections();
  });
}
