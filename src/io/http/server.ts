/** The HTTP API as a fastify instance without sockets: tests call it by `inject()`, src/io/http/listen.ts binds it. */
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { SkeinError } from '../../errors.ts';
import type { Observer } from '../../ports/observer.ts';
import type { NodeApi } from '../../runtime/api.ts';
import type { NodeBlobs } from '../blobs/node-blobs.ts';
import { acceptLongBodies, blobRoutes } from './routes-blobs.ts';
import type { EventStream } from './event-stream.ts';
import { guard } from './guard.ts';
import { HTTP_BODY_BYTES_MAX } from './limits.ts';
import { openApiDocument } from './openapi.ts';
import { RETRY_AFTER_S, problemOf, type Problem } from './problem.ts';
import { clusterRoutes, healthPaths } from './routes-cluster.ts';
import { queueRoutes } from './routes-queue.ts';
import { logRoutes } from './routes-logs.ts';
import { runRoutes, type CompileText } from './routes-runs.ts';

export interface HttpInit {
  readonly api: NodeApi;
  readonly blobs: NodeBlobs;
  readonly observer: Observer;
  /** Makes a run of a pipeline file sent as text. */
  readonly compile: CompileText;
  /** Version of Skein, for the API document. */
  readonly version: string;
  /** Bearer token for TCP; '' = none. @default '' */
  readonly token?: string;
  /** Names by which this node may be called in a Host header, beside addresses and localhost. @default [] */
  readonly allowedHosts?: readonly string[];
  /** @default HTTP_BODY_BYTES_MAX */
  readonly bodyBytesMax?: number;
  /** Connections that came over the unix socket; filled by `listen`. @default none */
  readonly localSockets?: WeakSet<object>;
  /** Where HTTP listens, for `status`. @default '' */
  readonly httpUrl?: () => string;
}

export function buildServer(init: HttpInit): FastifyInstance {
  const app = fastify({
    bodyLimit: init.bodyBytesMax ?? HTTP_BODY_BYTES_MAX,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 512 },
    frameworkErrors: (error, _request, reply) => void sendProblem(reply as FastifyReply, problemOf(error)),
  });
  const streams = new Set<EventStream>();
  const routes = collectRoutes(app);
  const { localSockets = new WeakSet() } = init;
  const openPaths = new Set(healthPaths);
  const guardInit = { token: init.token ?? '', allowedHosts: init.allowedHosts ?? [], openPaths, isLocalSocket: (request: FastifyRequest) => localSockets.has(request.raw.socket) };

  acceptEmptyJson(app);
  acceptLongBodies(app);
  app.addHook('onRequest', async (request) => guard(request, guardInit));
  app.addHook('onSend', async (_request, reply) => void reply.header('x-content-type-options', 'nosniff').header('cache-control', 'no-store'));
  app.addHook('preClose', async () => {
    for (const stream of streams) stream.end();
  });
  answerProblems(app, init.observer, routes);
  logRoutes(app, { api: init.api, streams });
  runRoutes(app, { api: init.api, compile: init.compile, streams });
  blobRoutes(app, init.blobs);
  queueRoutes(app, init.api);
  clusterRoutes(app, init.api, init.httpUrl ?? (() => ''));
  const document = openApiDocument(init.version);
  app.get('/api/v1/openapi.json', () => document);
  return app;
}

/** `curl -X POST -H 'content-type: application/json'` without a body is what people type for a verb. */
function acceptEmptyJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser(['application/json', 'text/plain']);
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') return done(null, undefined);
    void parse(request, String(body), (error, value) => done(error === null ? null : invalidJson(String(body), error), value));
  });
}

/** The parser's own message says where the text stops making sense. */
function invalidJson(text: string, fallback: Error): SkeinError {
  let message = fallback.message;
  try {
    JSON.parse(text);
  } catch (error) {
    if (error instanceof Error) message = error.message;
  }
  return new SkeinError('REQUEST_INVALID', `The body is not valid JSON: ${message.slice(0, 300)}`);
}

interface Route {
  readonly method: string;
  readonly pattern: RegExp;
}

/** What is served, so that a wrong method can be told from a wrong path. */
function collectRoutes(app: FastifyInstance): Route[] {
  const routes: Route[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    const pattern = new RegExp(`^${url.replaceAll('.', '\\.').replaceAll(/:[a-z]+/g, '[^/]+')}$`);
    for (const one of [method].flat()) routes.push({ method: one, pattern });
  });
  return routes;
}

function answerProblems(app: FastifyInstance, observer: Observer, routes: readonly Route[]): void {
  app.setNotFoundHandler((request) => {
    const path = request.url.split('?')[0] ?? '';
    const allowed = routes.filter((route) => route.pattern.test(path)).map((route) => route.method);
    const shown = `${request.method} ${path.slice(0, 200)}`;
    if (allowed.length === 0) throw new SkeinError('REQUEST_INVALID', `There is no ${shown}`, { status: 404 });
    throw new SkeinError('REQUEST_INVALID', `There is no ${shown}; allowed: ${allowed.join(', ')}`, { status: 405, allow: allowed.join(', ') });
  });
  app.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error);
    if (problem.status >= 500 && problem.code === undefined) {
      observer.notify({ level: 'error', event: 'http-failed', message: `${request.method} ${request.url.slice(0, 200)} failed`, data: { err: error } });
    }
    if (problem.status === 401) reply.header('www-authenticate', 'Bearer');
    if (problem.status === 429 || problem.status === 503) reply.header('retry-after', String(RETRY_AFTER_S));
    const allow = error instanceof SkeinError ? error.data['allow'] : undefined;
    if (typeof allow === 'string') reply.header('allow', allow);
    return sendProblem(reply, problem);
  });
}

function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problem));
}
