/** The API described for machines (OpenAPI 3.1), made of the same schemas that check requests. */
import { z } from 'zod';
import * as request from './schemas.ts';
import * as queue from './queue-views.ts';
import * as view from './views.ts';

type Schema = Readonly<Record<string, unknown>>;

interface Operation {
  readonly method: 'get' | 'post' | 'delete';
  readonly path: string;
  readonly summary: string;
  readonly query?: z.ZodObject;
  readonly headers?: Readonly<Record<string, z.ZodType>>;
  /** A schema, or `bytes` for a file. */
  readonly body?: z.ZodType | 'bytes';
  /** A schema, `events` for a stream, `bytes` for a file, `nothing`. */
  readonly answer: z.ZodType | 'events' | 'bytes' | 'nothing';
  readonly status?: number;
}

const operations: readonly Operation[] = [
  { method: 'get', path: '/api/v1/status', summary: 'Leader, voters, how many losses can be taken now', answer: view.statusSchema },
  { method: 'get', path: '/api/v1/nodes', summary: 'All known nodes', answer: view.nodeListSchema },
  { method: 'get', path: '/api/workers', summary: 'Alias of /api/v1/nodes', answer: view.nodeListSchema },
  { method: 'get', path: '/api/v1/nodes/{node}', summary: 'One node, by name, peer id or unique part of it', answer: view.nodeViewSchema },
  { method: 'get', path: '/api/v1/nodes/{node}/modules', summary: 'What a node executes now', answer: view.nodeWorkSchema },
  { method: 'post', path: '/api/v1/nodes/{node}:drain', summary: 'Give the node no further modules', answer: view.nodeViewSchema },
  { method: 'post', path: '/api/v1/nodes/{node}:undrain', summary: 'Give the node modules again', answer: view.nodeViewSchema },
  { method: 'get', path: '/api/v1/runs', summary: 'Runs, newest first', query: request.runsQuerySchema, answer: view.runListSchema },
  { method: 'post', path: '/api/v1/runs', summary: 'Submit a run', headers: { 'Idempotency-Key': request.requestKeySchema }, body: request.submitBodySchema, answer: view.acceptedSchema, status: 202 },
  { method: 'get', path: '/api/v1/runs/{run}', summary: 'One run with its modules, by id or unique prefix', query: request.runQuerySchema, answer: view.runViewSchema },
  { method: 'post', path: '/api/v1/runs/{run}:cancel', summary: 'Cancel a run', body: request.reasonBodySchema, answer: view.runSummarySchema },
  { method: 'post', path: '/api/v1/runs/{run}:rerun', summary: 'Run a finished run once more, as a new run', headers: { 'Idempotency-Key': request.requestKeySchema }, body: request.rerunBodySchema, answer: view.acceptedSchema, status: 202 },
  { method: 'post', path: '/api/v1/runs/{run}:pause', summary: 'Execute nothing new of a run; what is under way goes on', body: request.reasonBodySchema, answer: queue.runPausedSchema },
  { method: 'post', path: '/api/v1/runs/{run}:resume', summary: 'Go on with a paused run', answer: queue.runPausedSchema },
  { method: 'get', path: '/api/v1/runs/{run}/modules', summary: 'The modules of a run', query: request.runQuerySchema, answer: view.moduleListSchema },
  { method: 'get', path: '/api/v1/runs/{run}/explain', summary: 'Why the ready modules of a run are not running', answer: queue.runExplanationSchema },
  { method: 'get', path: '/api/v1/runs/{run}/modules/{module}/explain', summary: 'Why a module is not running, for every node; by name or unique beginning of it', answer: queue.moduleExplanationSchema },
  { method: 'get', path: '/api/v1/runs/{run}/progress', summary: 'How far the modules that run say they are, and how long the run may still take', answer: view.runProgressSchema },
  { method: 'get', path: '/api/v1/runs/{run}/modules/{module}/log', summary: 'What a module printed, as bytes; with `Accept: text/event-stream` as events, which end with `final`', query: request.logQuerySchema, headers: { 'Last-Event-ID': request.logPositionSchema }, answer: 'bytes' },
  { method: 'get', path: '/api/v1/queue', summary: 'What is paused, what waits, who holds which limits', query: request.runQuerySchema, answer: queue.queueSchema },
  { method: 'post', path: '/api/v1/queue:pause', summary: 'Execute nothing new in the whole cluster; what is under way goes on', body: request.reasonBodySchema, answer: queue.queuePausedSchema },
  { method: 'post', path: '/api/v1/queue:resume', summary: 'Go on', answer: queue.queuePausedSchema },
  { method: 'get', path: '/api/v1/runs/{run}/events', summary: 'Events of a run; ends with `final` and the whole run', query: request.eventsQuerySchema, headers: { 'Last-Event-ID': request.sequenceSchema }, answer: 'events' },
  { method: 'get', path: '/api/v1/events', summary: 'Events of all runs', query: request.eventsQuerySchema, headers: { 'Last-Event-ID': request.sequenceSchema }, answer: 'events' },
  { method: 'get', path: '/api/v1/blobs', summary: 'Blobs on this node; `standing` asks the cell why each is kept', query: request.blobsQuerySchema, answer: view.blobListSchema },
  { method: 'post', path: '/api/v1/blobs', summary: 'Store a file, whose bytes are the body; with `upload` the rest of one whose connection broke', query: request.uploadQuerySchema, body: 'bytes', answer: view.blobStoredSchema, status: 201 },
  { method: 'get', path: '/api/v1/uploads/{upload}', summary: 'How much has come of a file whose connection broke, and where to go on; what still comes is given up', answer: view.uploadStateSchema },
  { method: 'post', path: '/api/v1/blobs:pack', summary: 'Store many small files, each behind four bytes with its length (big-endian)', body: 'bytes', answer: view.blobPackSchema, status: 201 },
  { method: 'post', path: '/api/v1/blobs:read', summary: 'The bytes of many small files, each behind four bytes with its length (big-endian), fetched from other nodes first if need be', body: request.readBodySchema, answer: 'bytes' },
  { method: 'post', path: '/api/v1/blobs:gc', summary: 'Remove what no run needs any more', body: request.gcBodySchema, answer: view.blobSweepSchema },
  { method: 'get', path: '/api/v1/blobs/{cid}', summary: 'How much of a blob is on this node', answer: view.blobProgressSchema },
  { method: 'get', path: '/api/v1/blobs/{cid}/content', summary: 'The bytes, fetched from other nodes first if need be', answer: 'bytes' },
  { method: 'get', path: '/api/v1/blobs/{cid}/files', summary: 'The files that a blob lists, if it is a list of files', answer: view.blobFilesSchema },
  { method: 'post', path: '/api/v1/blobs/{cid}:fetch', summary: 'Bring a blob to this node; 202 while it is on its way', body: request.fetchBodySchema, answer: view.blobProgressSchema },
  { method: 'post', path: '/api/v1/blobs/{cid}:verify', summary: 'Compare every digest; a damaged copy is removed', answer: view.blobVerifiedSchema },
  { method: 'post', path: '/api/v1/blobs/{cid}:pin', summary: 'Keep the copy on this node whatever happens', answer: view.blobPinnedSchema },
  { method: 'post', path: '/api/v1/blobs/{cid}:unpin', summary: 'Keep it as any other', answer: view.blobPinnedSchema },
  { method: 'delete', path: '/api/v1/blobs/{cid}', summary: 'Remove the copy on this node', answer: 'nothing', status: 204 },
  { method: 'get', path: '/livez', summary: 'The process answers', answer: view.healthSchema },
  { method: 'get', path: '/readyz', summary: 'The node has joined and a majority answers; ?verbose lists the checks', answer: view.healthSchema },
  { method: 'get', path: '/healthz', summary: 'As /readyz', answer: view.healthSchema },
  { method: 'get', path: '/health', summary: 'As /readyz', answer: view.healthSchema },
  { method: 'get', path: '/api/health', summary: 'As /readyz', answer: view.healthSchema },
  { method: 'get', path: '/api/v1/health', summary: 'As /readyz', answer: view.healthSchema },
];

export function openApiDocument(version: string): Schema {
  const components = new Map<string, Schema>();
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: describe(operation, components) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Skein', version, description: 'Any node answers any request. Errors are application/problem+json (RFC 9457) with a `code`.' },
    paths,
    components: {
      schemas: Object.fromEntries(components),
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'Only over TCP and only when SKEIN_HTTP_TOKEN is set' } },
    },
    security: [{}, { token: [] }],
  };
}

function describe(operation: Operation, components: Map<string, Schema>): Schema {
  const { answer, body, query, headers = {}, path, status = 200 } = operation;
  const schemaOf = (schema: z.ZodType): Schema => jsonSchema(schema, components);
  const parameters = [
    ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
    ...Object.entries(query?.shape ?? {}).map(([name, schema]) => ({ name, in: 'query', schema: schemaOf(schema as z.ZodType) })),
    ...Object.entries(headers).map(([name, schema]) => ({ name, in: 'header', schema: schemaOf(schema) })),
  ];
  const content = contentOf(answer, schemaOf);
  return {
    summary: operation.summary,
    operationId: `${operation.method}${path.replaceAll(/[^A-Za-z0-9]+(\w)?/g, (_all, letter: string | undefined) => (letter ?? '').toUpperCase())}`,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: { content: contentOf(body, schemaOf) } }),
    responses: {
      [status]: { description: 'Success', ...(content === undefined ? {} : { content }) },
      default: { description: 'Problem', content: { 'application/problem+json': { schema: schemaOf(view.problemSchema) } } },
    },
  };
}

function contentOf(what: NonNullable<Operation['answer']>, schemaOf: (schema: z.ZodType) => Schema): Schema | undefined {
  if (what === 'nothing') return undefined;
  if (what === 'events') return { 'text/event-stream': { schema: { type: 'string' } } };
  if (what === 'bytes') return { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } };
  return { 'application/json': { schema: schemaOf(what) } };
}

/** Named schemas become components, and references to them point there. */
function jsonSchema(schema: z.ZodType, components: Map<string, Schema>): Schema {
  const made = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' }) as Record<string, unknown>;
  const { $schema: _dialect, $defs = {}, ...rest } = made;
  for (const [name, definition] of Object.entries($defs as Record<string, Schema>)) components.set(name, rebase(withoutId(definition)));
  const id = rest['id'];
  if (typeof id !== 'string') return rebase(rest);
  components.set(id, rebase(withoutId(rest)));
  return { $ref: `#/components/schemas/${id}` };
}

function withoutId(schema: Schema): Schema {
  const { id: _id, ...rest } = schema;
  return rest;
}

function rebase(schema: Schema): Schema {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as Schema;
}
