/** Runs: submit, list, look at, cancel, follow. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Json, RunSpec } from '../../core/cell/types.ts';
import { SkeinError } from '../../errors.ts';
import { withOverrides } from '../../pipeline/policy.ts';
import type { NodeApi, SubmitAnswer } from '../../runtime/api.ts';
import { openEventStream, type EventStream } from './event-stream.ts';
import { RUNS_SCAN_MAX, SSE_STREAMS_MAX } from './limits.ts';
import { checked } from './problem.ts';
import { presentModuleExplanation, presentRunExplanation, presentRunPaused } from './queue-views.ts';
import { eventsQuerySchema, reasonBodySchema, requestKeySchema, rerunBodySchema, runQuerySchema, runsQuerySchema, sequenceSchema, submitBodySchema } from './schemas.ts';
import { presentEvent, presentModule, presentRun, presentSummary, type AcceptedJson, type ModuleListJson, type RunListJson } from './views.ts';
import type { z } from 'zod';

/** Makes a run of a pipeline file that came as text. */
export type CompileText = (text: string, file: string, params: Readonly<Record<string, Json>>) => RunSpec | Promise<RunSpec>;

export interface RunRoutesInit {
  readonly api: NodeApi;
  readonly compile: CompileText;
  /** Streams that are open now; ended when the server closes. */
  readonly streams: Set<EventStream>;
}

interface Target {
  readonly Params: { readonly target: string };
}

interface ModuleTarget {
  readonly Params: { readonly target: string; readonly module: string };
}

export function runRoutes(app: FastifyInstance, init: RunRoutesInit): void {
  const { api } = init;
  app.get('/api/v1/runs', (request) => listRuns(api, checked(runsQuerySchema, request.query, 'The query')));
  app.post('/api/v1/runs', (request, reply) => submit(init, request, reply));
  app.get<Target>('/api/v1/runs/:target', async (request) => {
    const { consistency = 'local' } = checked(runQuerySchema, request.query, 'The query');
    return presentRun(await api.run(request.params.target, { consistency }));
  });
  app.post<Target>('/api/v1/runs/:target', async (request, reply) => {
    const { name, verb } = splitVerb(request.params.target, ['cancel', 'pause', 'resume', 'rerun']);
    if (verb === 'rerun') return rerun(api, name, request, reply);
    const body = checked(reasonBodySchema, request.body, 'The body');
    if (verb === 'cancel') return presentSummary(await api.cancel(name, body?.reason));
    return presentRunPaused(verb === 'pause' ? await api.pause(name, body?.reason) : await api.resume(name));
  });
  app.get<Target>('/api/v1/runs/:target/modules', async (request): Promise<ModuleListJson> => {
    const { consistency = 'local' } = checked(runQuerySchema, request.query, 'The query');
    const { moduleList } = await api.run(request.params.target, { consistency });
    return { count: moduleList.length, modules: moduleList.map(presentModule) };
  });
  app.get<Target>('/api/v1/runs/:target/explain', async (request) => presentRunExplanation(await api.explainRun(request.params.target)));
  app.get<Target>('/api/v1/runs/:target/progress', (request) => api.progress(request.params.target));
  app.get<ModuleTarget>('/api/v1/runs/:target/modules/:module/explain', async (request) => presentModuleExplanation(await api.explain(request.params.target, request.params.module)));
  app.get<Target>('/api/v1/runs/:target/events', async (request, reply) => {
    const after = resumePoint(request);
    const run = await api.run(request.params.target);
    follow(init, reply, run.runId, after);
  });
  app.get('/api/v1/events', (request, reply) => follow(init, reply, '', resumePoint(request)));
}

async function listRuns(api: NodeApi, query: z.infer<typeof runsQuerySchema>): Promise<RunListJson> {
  const { limit, cursor, phase, status, consistency = 'local' } = query;
  const found = await api.runs({ consistency, limit: RUNS_SCAN_MAX, ...(phase === undefined ? {} : { phase }) });
  const all = status === undefined ? found : found.filter((run) => run.status === status);
  const start = cursor === undefined ? 0 : all.findIndex((run) => run.runId === cursor) + 1;
  if (cursor !== undefined && start === 0) throw new SkeinError('REQUEST_INVALID', 'The cursor names a run that is not in this list any more: start again without it');
  const page = all.slice(start, start + limit);
  const more = start + limit < all.length;
  return { count: all.length, runs: page.map(presentSummary), nextCursor: more ? (page.at(-1)?.runId ?? null) : null };
}

async function submit({ api, compile }: RunRoutesInit, request: FastifyRequest, reply: FastifyReply): Promise<AcceptedJson> {
  const key = requestKeyOf(request);
  const body = checked(submitBodySchema, request.body, 'The body');
  const spec: RunSpec = 'spec' in body ? body.spec : withOverrides(await compile(body.pipeline, body.file ?? 'pipeline.yaml', body.params ?? {}), body);
  return accepted(reply, await api.submit(spec, key));
}

async function rerun(api: NodeApi, run: string, request: FastifyRequest, reply: FastifyReply): Promise<AcceptedJson> {
  const key = requestKeyOf(request);
  const { failedOnly = false } = checked(rerunBodySchema, request.body, 'The body') ?? {};
  return accepted(reply, await api.rerun(run, { failedOnly, ...key }));
}

function requestKeyOf(request: FastifyRequest): { readonly requestKey?: string } {
  const header = request.headers['idempotency-key'];
  return header === undefined ? {} : { requestKey: checked(requestKeySchema, header, 'The Idempotency-Key header') };
}

function accepted(reply: FastifyReply, answer: SubmitAnswer): AcceptedJson {
  reply.code(202).header('location', `/api/v1/runs/${encodeURIComponent(answer.runId)}`);
  return { ...answer, status: 'pending' };
}

/** `abc:cancel` → `abc` and `cancel` (custom verbs as in Google's API guide). The name may be empty: whoever looks for it says what it must be. */
export function splitVerb(target: string, verbs: readonly string[]): { readonly name: string; readonly verb: string } {
  const colon = target.lastIndexOf(':');
  const verb = target.slice(colon + 1);
  if (colon !== -1 && verbs.includes(verb)) return { name: target.slice(0, colon), verb };
  throw new SkeinError('REQUEST_INVALID', `POST here needs a verb: ${verbs.map((known) => `…:${known}`).join(', ')}`, { status: 404 });
}

/** The header is what readers send when they reconnect; the query serves those that cannot set one. */
function resumePoint(request: FastifyRequest): number | undefined {
  const { after } = checked(eventsQuerySchema, request.query, 'The query');
  const header = request.headers['last-event-id'];
  return header === undefined || header === '' ? after : checked(sequenceSchema, header, 'The Last-Event-ID header');
}

/** Streams the events of one run until it is final (then a `final` event with the whole run), or of all for ever. */
function follow({ api, streams }: RunRoutesInit, reply: FastifyReply, runId: string, after: number | undefined): void {
  if (streams.size >= SSE_STREAMS_MAX) throw new SkeinError('LIMIT_EXCEEDED', `${SSE_STREAMS_MAX} event streams are open at this node already`);
  reply.hijack();
  const gone = new AbortController();
  let unwatch = (): void => undefined;
  const stream = openEventStream({
    response: reply.raw,
    totalUnsentBytes: () => [...streams].reduce((sum, other) => sum + other.unsentBytes(), 0),
    onClose: () => {
      streams.delete(stream);
      gone.abort();
      unwatch();
    },
  });
  streams.add(stream);
  unwatch = api.watch(runId, after, (event) => stream.send(event.type, presentEvent(event), event.sequence));
  if (gone.signal.aborted) unwatch();
  if (runId === '') return;
  api.wait(runId, gone.signal).then(
    (run) =>
      // The last events of the run are on their way in this turn of the event loop.
      setImmediate(() => {
        stream.send('final', presentRun(run));
        stream.end();
      }),
    () => stream.end(),
  );
}
