/** What a module printed: whole, as bytes, or followed as server-sent events. */
import { isUtf8 } from 'node:buffer';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SkeinError } from '../../errors.ts';
import type { LogEvent, LogPosition, NodeApi } from '../../runtime/api.ts';
import { openEventStream, type EventStream } from './event-stream.ts';
import { SSE_STREAMS_MAX } from './limits.ts';
import { checked } from './problem.ts';
import { logPositionSchema, logQuerySchema } from './schemas.ts';
import type { LogEventJson } from './views.ts';

export interface LogRoutesInit {
  readonly api: NodeApi;
  readonly streams: Set<EventStream>;
}

interface Target {
  readonly Params: { readonly target: string; readonly module: string };
}

export function logRoutes(app: FastifyInstance, { api, streams }: LogRoutesInit): void {
  app.get<Target>('/api/v1/runs/:target/modules/:module/log', async (request, reply) => {
    const { attempt, follow = 'false' } = checked(logQuerySchema, request.query, 'The query');
    const { target, module } = request.params;
    const after = resumePoint(request);
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const options = { signal: gone.signal, ...(attempt === undefined ? {} : { attempt }), ...(after === undefined ? {} : { after }) };
    const asEvents = request.headers.accept?.includes('text/event-stream') === true;
    const events = api.log(target, module, { ...options, follow: follow === 'true' })[Symbol.asyncIterator]();
    // So that a run that nobody knows is a problem document, not a broken stream.
    const first = await events.next();
    if (asEvents) return stream(reply, streams, first, events);
    return reply.type('text/plain; charset=utf-8').header('cache-control', 'no-store').send(Readable.from(bytesOf(first, events), { objectMode: false }));
  });
}

/** `fence.offset`, as the ids of the events are. */
function resumePoint(request: FastifyRequest): LogPosition | undefined {
  const header = request.headers['last-event-id'];
  // `0` is what readers say that have seen nothing.
  if (header === undefined || header === '' || header === '0') return undefined;
  const [fence = '', offset = ''] = checked(logPositionSchema, header, 'The Last-Event-ID header').split('.');
  return { fence: Number(fence), offset: Number(offset) };
}

async function* bytesOf(first: IteratorResult<LogEvent>, rest: AsyncIterator<LogEvent>): AsyncGenerator<Uint8Array, void, void> {
  try {
    for (let next = first; next.done !== true; next = await rest.next()) if (next.value.type === 'output') yield next.value.bytes;
  } finally {
    await rest.return?.();
  }
}

/** The next piece is asked for when the reader has taken the last ones: who reads slowly costs no memory. */
function stream(reply: FastifyReply, streams: Set<EventStream>, first: IteratorResult<LogEvent>, rest: AsyncIterator<LogEvent>): void {
  if (streams.size >= SSE_STREAMS_MAX) {
    void rest.return?.();
    throw new SkeinError('LIMIT_EXCEEDED', `${SSE_STREAMS_MAX} event streams are open at this node already`);
  }
  reply.hijack();
  const events = openEventStream({
    response: reply.raw,
    totalUnsentBytes: () => [...streams].reduce((sum, other) => sum + other.unsentBytes(), 0),
    onClose: () => {
      streams.delete(events);
      void rest.return?.();
    },
  });
  streams.add(events);
  void (async () => {
    for (let next = first; next.done !== true; next = await rest.next()) {
      const { value } = next;
      events.send(value.type === 'end' ? 'final' : value.type, presentLogEvent(value), idAfter(value));
      await events.drained();
    }
    // Also when the log cannot be read further: who follows asks again, from where it is, and then hears why.
  })().then(
    () => events.end(),
    () => events.end(),
  );
}

function idAfter(event: LogEvent): string | undefined {
  switch (event.type) {
    case 'execution':
      return `${event.fence}.0`;
    case 'output':
      return `${event.fence}.${event.next}`;
    case 'lost':
      return `${event.fence + 1}.0`;
    default:
      return undefined;
  }
}

function presentLogEvent(event: LogEvent): LogEventJson {
  if (event.type !== 'output') return event;
  const { bytes, ...rest } = event;
  return isUtf8(bytes) ? { ...rest, text: Buffer.from(bytes).toString('utf8') } : { ...rest, base64: Buffer.from(bytes).toString('base64') };
}
