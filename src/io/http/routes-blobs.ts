/** Blobs: upload, fetch from whoever has it, download, list, verify, remove. What is listed and removed is this node's. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Readable } from 'node:stream';
import { SkeinError } from '../../errors.ts';
import { BLOB_BYTES_MAX } from '../../protocol/limits.ts';
import type { BlobProgress, NodeBlobs } from '../blobs/node-blobs.ts';
import type { Imported } from '../blobs/import-file.ts';
import type { UploadState } from '../blobs/upload-sessions.ts';
import { PACK_BYTES_MAX } from '../blobs/pack.ts';
import { FETCH_WAIT_MS, REQUEST_TIMEOUT_MS } from './limits.ts';
import { checked } from './problem.ts';
import { splitVerb } from './routes-runs.ts';
import { blobsQuerySchema, fetchBodySchema, gcBodySchema, readBodySchema, uploadKeySchema, uploadQuerySchema } from './schemas.ts';
import { presentBlob, presentSweep, type BlobFilesJson, type BlobListJson, type BlobPackJson, type BlobPinnedJson, type BlobSweepJson, type BlobVerifiedJson } from './views.ts';

interface Target {
  readonly Params: { readonly target: string };
}

interface Upload {
  readonly Params: { readonly upload: string };
}

export function blobRoutes(app: FastifyInstance, blobs: NodeBlobs): void {
  app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));
  app.get('/api/v1/blobs', async (request): Promise<BlobListJson> => {
    const { standing } = checked(blobsQuerySchema, request.query, 'The query');
    const words = standing === 'true' ? await blobs.standings() : undefined;
    const list = blobs.list();
    return { count: list.length, bytes: list.reduce((sum, { size }) => sum + size, 0), blobs: list.map((blob) => presentBlob(blob, words?.get(blob.cid) ?? null)) };
  });
  app.post<{ readonly Params: { readonly verb: string } }>('/api/v1/blobs:verb', async (request): Promise<BlobSweepJson> => {
    splitVerb(`blobs${request.params.verb}`, ['gc']);
    const { dryRun = false } = checked(gcBodySchema, request.body, 'The body') ?? {};
    return presentSweep(await blobs.gc(dryRun), dryRun);
  });
  // Two colons are one in the path.
  app.post('/api/v1/blobs::pack', { bodyLimit: PACK_BYTES_MAX, config: { longBody: true } }, async (request, reply): Promise<BlobPackJson> => {
    const stored = await blobs.putPack(bytesOf(request.body));
    reply.code(201);
    return { blobs: stored };
  });
  app.post('/api/v1/blobs::read', async (request, reply) => {
    const { cids } = checked(readBodySchema, request.body, 'The body');
    return reply.type('application/octet-stream').send(Buffer.from((await blobs.readPack(cids, abortOf(reply))).buffer));
  });
  app.post('/api/v1/blobs', { bodyLimit: BLOB_BYTES_MAX, config: { longBody: true } }, async (request, reply): Promise<Imported> => {
    const { upload, offset } = checked(uploadQuerySchema, request.query, 'The query');
    const bytes = bytesOf(request.body);
    const imported = upload === undefined ? await blobs.put(bytes) : await blobs.uploads.put(upload, offset, bytes);
    reply.code(201).header('location', `/api/v1/blobs/${imported.cid}`);
    return imported;
  });
  app.get<Upload>('/api/v1/uploads/:upload', (request): Promise<UploadState> => blobs.uploads.state(checked(uploadKeySchema, request.params.upload, 'The name of the upload')));
  app.get<Target>('/api/v1/blobs/:target', (request): BlobProgress => blobs.progress(request.params.target));
  app.get<Target>('/api/v1/blobs/:target/content', async (request, reply) => {
    const { cid, size, content } = await blobs.open(request.params.target, abortOf(reply));
    // The name says what the bytes are: whoever has them never needs to ask again.
    return reply.type('application/octet-stream').header('content-length', size).header('etag', `"${cid}"`).send(content);
  });
  app.get<Target>('/api/v1/blobs/:target/files', async (request, reply): Promise<BlobFilesJson> => {
    const files = await blobs.files(request.params.target, abortOf(reply));
    return { count: files.length, files };
  });
  app.post<Target>('/api/v1/blobs/:target', async (request, reply): Promise<BlobProgress | BlobVerifiedJson | BlobPinnedJson> => {
    const { name, verb } = splitVerb(request.params.target, ['fetch', 'verify', 'pin', 'unpin']);
    if (verb === 'pin' || verb === 'unpin') {
      const { cid, pinned } = await blobs.pin(name, verb === 'pin');
      return { cid, pinned };
    }
    if (verb === 'verify') return { cid: name, fits: await blobs.verify(name) };
    const { waitMs = FETCH_WAIT_MS } = checked(fetchBodySchema, request.body, 'The body') ?? {};
    const progress = await blobs.fetch(name, { waitMs, signal: abortOf(reply) });
    reply.code(progress.whole ? 200 : 202);
    return progress;
  });
  app.delete<Target>('/api/v1/blobs/:target', async (request, reply) => {
    await blobs.remove(request.params.target);
    return reply.code(204).send();
  });
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The body is a file: it may take as long as it needs. */
    readonly longBody?: boolean;
  }
}

/** Every other body has REQUEST_TIMEOUT_MS to come in whole: nobody can hold connections open with half a request. */
export function acceptLongBodies(app: FastifyInstance): void {
  app.addHook('onRequest', async (request) => {
    const { raw } = request;
    const { 'content-length': length, 'transfer-encoding': coding } = raw.headers;
    if (raw.complete || ((length === undefined || length === '0') && coding === undefined)) return;
    const isLong = request.routeOptions.config.longBody === true;
    let seen = raw.socket.bytesRead;
    const timer = setInterval(() => {
      if (!isLong || raw.socket.bytesRead === seen) raw.destroy();
      seen = raw.socket.bytesRead;
    }, REQUEST_TIMEOUT_MS).unref();
    for (const event of ['end', 'close'] as const) raw.once(event, () => clearInterval(timer));
  });
}

/** @throws SkeinError REQUEST_INVALID */
function bytesOf(body: unknown): Readable {
  if (typeof body === 'object' && body !== null && Symbol.asyncIterator in body) return body as Readable;
  throw new SkeinError('REQUEST_INVALID', 'The body must be the bytes of the file, with content-type application/octet-stream', { status: 415 });
}

/** Aborts when the client goes away. */
function abortOf(reply: FastifyReply): AbortSignal {
  const abort = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) abort.abort();
  });
  return abort.signal;
}
