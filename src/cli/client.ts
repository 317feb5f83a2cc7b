/**
 * Talks to whichever node answers. Every request may be repeated (a submit carries its request key), so when a node is
 * lost in the middle the next one is asked; an event stream goes on elsewhere after the last event seen.
 */
import { randomUUID } from 'node:crypto';
import { request as httpRequest, type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as pause } from 'node:timers/promises';
import { SkeinError, errorCodes, isSkeinError, type ErrorCode } from '../errors.ts';
import type { Endpoint } from './endpoints.ts';
import { RESPONSE_BYTES_MAX } from './limits.ts';
import { SseParser, type SseEvent } from './sse-parser.ts';

export interface ClientInit {
  /** Asked again for each round of tries. */
  readonly endpoints: () => readonly Endpoint[];
  /** Sent over TCP only; a socket needs none. @default '' */
  readonly token?: string;
  /** One try to read. @default 15 s */
  readonly requestMs?: number;
  /** One try to write: longer than a node looks for a leader (30 s), whose own words say more than our silence. @default 35 s */
  readonly writeMs?: number;
  /** How long a node that answers "no leader now" is asked again. @default 10 s */
  readonly patienceMs?: number;
  /** How long an event stream looks for a node before it gives up. @default 30 s */
  readonly reconnectMs?: number;
}

interface UploadState<T> {
  readonly received: number;
  readonly finishing: boolean;
  readonly stored: T | null;
}

export interface Call {
  readonly body?: unknown;
  /** Instead of `body`: the bytes of a file, for each node that takes the connection. */
  readonly bytes?: () => Readable;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

const REQUEST_MS = 15_000;
const WRITE_MS = 35_000;
const PATIENCE_MS = 10_000;
const RECONNECT_MS = 30_000;
/** Streams send a comment every 15 s; a longer silence means that the node is gone. */
const SILENCE_MS = 40_000;
const RETRY_MS = 250;

export class Client {
  readonly #init: ClientInit;
  /** Where the last answer came from; tried first. */
  #last = '';

  constructor(init: ClientInit) {
    this.#init = init;
  }

  get<T>(path: string, call: Call = {}): Promise<T> {
    return this.#patiently<T>('GET', path, call);
  }

  post<T>(path: string, call: Call = {}): Promise<T> {
    return this.#patiently<T>('POST', path, call);
  }

  /** Sends what can be read once to the first node that takes connections. @throws SkeinError API_UNREACHABLE when the connection breaks */
  async upload<T>(path: string, bytes: Readable): Promise<T> {
    return this.#sent<T>(path, () => bytes);
  }

  /** The same of bytes that can be sent again. */
  async uploadBytes<T>(path: string, bytes: Uint8Array): Promise<T> {
    const end = Date.now() + this.#reconnectMs;
    for (let reached = false; ; ) {
      try {
        return await this.#sent<T>(path, () => Readable.from([bytes]));
      } catch (error) {
        reached ||= !isUnreached(error);
        if (!isTransient(error) || !reached || Date.now() > end) throw error;
        await pause(RETRY_MS);
      }
    }
  }

  /**
   * Sends a file, and when the connection breaks the rest of it. @param open the file from a byte on; what goes wrong with it is a SkeinError.
   * @param resumed told where it goes on.
   */
  async uploadFile<T>(path: string, open: (offset: number) => Readable, resumed: (offset: number) => void = () => undefined): Promise<T> {
    const key = randomUUID();
    let end = Date.now() + this.#reconnectMs;
    let most = 0;
    let reached = false;
    for (let offset = 0; ; ) {
      try {
        return await this.#sent<T>(`${path}?upload=${key}&offset=${offset}`, () => open(offset));
      } catch (error) {
        const broke = !isUnreached(error);
        reached ||= broke;
        if (!isTransient(error) || !reached) throw error;
        for (;;) {
          await pause(RETRY_MS);
          const state = await this.#uploadState<T>(key);
          if (state !== undefined && state.stored !== null) return state.stored;
          // As long as more comes each time there is no end to patience.
          if (state !== undefined && (state.received > most || state.finishing)) end = Date.now() + this.#reconnectMs;
          most = Math.max(most, state?.received ?? 0);
          offset = state?.received ?? offset;
          if (state?.finishing === false) break;
          if (Date.now() > end) throw error;
        }
        if (Date.now() > end) throw error;
        if (broke) resumed(offset);
      }
    }
  }

  get #reconnectMs(): number {
    return this.#init.reconnectMs ?? RECONNECT_MS;
  }

  /** @returns undefined when no node can say it now. */
  async #uploadState<T>(key: string): Promise<UploadState<T> | undefined> {
    try {
      return await this.get<UploadState<T>>(`/api/v1/uploads/${key}`);
    } catch (error) {
      // Another node, or the same one started anew.
      if (isSkeinError(error, 'BLOB_NOT_FOUND')) return { received: 0, finishing: false, stored: null };
      if (isTransient(error)) return undefined;
      throw error;
    }
  }

  async #sent<T>(path: string, bytes: () => Readable): Promise<T> {
    const response = await this.#anyEndpoint('POST', path, { bytes });
    if ((response.statusCode ?? 0) >= 300) throw await failure(response);
    return (await readJson(response)) as T;
  }

  /** The bytes of an answer, which end in an error (API_UNREACHABLE) when the connection breaks. */
  async download(path: string, { body, signal }: Pick<Call, 'body' | 'signal'> = {}): Promise<Readable> {
    const response = await this.#anyEndpoint(body === undefined ? 'GET' : 'POST', path, { body, signal });
    if (response.statusCode !== 200) throw await failure(response);
    return Readable.from(untilItBreaks(response), { objectMode: false });
  }

  async remove(path: string): Promise<void> {
    const response = await this.#anyEndpoint('DELETE', path, {});
    if ((response.statusCode ?? 0) >= 300) throw await failure(response);
    response.resume();
  }

  /**
   * Events of a stream for ever, or until it says `final` or the signal ends it.
   * @param after events up to this sequence are not wanted again.
   */
  async *events(path: string, after: number, signal: AbortSignal): AsyncGenerator<SseEvent, void, void> {
    let last = String(after);
    let lostSince = Date.now();
    while (!signal.aborted) {
      try {
        for await (const event of this.#stream(path, last, signal)) {
          lostSince = Date.now();
          if (event.id !== '') last = event.id;
          yield event;
          if (event.event === 'final') return;
        }
        // It was connected until now, however long there was nothing to say.
        lostSince = Date.now();
      } catch (error) {
        if (signal.aborted) return;
        // A node that has just joined may not have heard of the run yet.
        const passing = isTransient(error) || isSkeinError(error, 'RUN_NOT_FOUND');
        if (!passing || Date.now() - lostSince > this.#reconnectMs) throw error;
      }
      await pause(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async *#stream(path: string, after: string, signal: AbortSignal): AsyncGenerator<SseEvent, void, void> {
    const response = await this.#anyEndpoint('GET', path, { headers: { 'last-event-id': after, accept: 'text/event-stream' }, signal });
    if (response.statusCode !== 200) throw await failure(response);
    response.setTimeout(SILENCE_MS, () => response.destroy());
    const parser = new SseParser();
    const decoder = new StringDecoder('utf8');
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) yield* parser.push(decoder.write(chunk));
    } catch (error) {
      if (isSkeinError(error)) throw error;
      // The connection broke: what was whole has been given, the rest comes from the next node.
    } finally {
      response.destroy();
    }
  }

  async #patiently<T>(method: string, path: string, call: Call): Promise<T> {
    const end = Date.now() + (this.#init.patienceMs ?? PATIENCE_MS);
    for (;;) {
      try {
        const response = await this.#anyEndpoint(method, path, call);
        if ((response.statusCode ?? 0) >= 300) throw await failure(response);
        return (await readJson(response)) as T;
      } catch (error) {
        if (!isTransient(error) || isUnreached(error) || Date.now() > end) throw error;
        this.#last = '';
        await pause(RETRY_MS, undefined, call.signal === undefined ? {} : { signal: call.signal });
      }
    }
  }

  /** @throws SkeinError API_UNREACHABLE when none answers. */
  async #anyEndpoint(method: string, path: string, call: Call): Promise<IncomingMessage> {
    const endpoints = this.#init.endpoints().toSorted((a, b) => Number(b.shown === this.#last) - Number(a.shown === this.#last));
    const failures: string[] = [];
    let starting = false;
    for (const endpoint of endpoints) {
      try {
        const response = await this.#once(endpoint, method, path, call);
        this.#last = endpoint.shown;
        return response;
      } catch (error) {
        call.signal?.throwIfAborted();
        // A part of it was sent already, or it cannot be read.
        if (isSkeinError(error)) throw error;
        starting ||= isClosed(error);
        failures.push(`${endpoint.shown}: ${reasonOf(error)}`);
      }
    }
    const tried = failures.length === 0 ? 'no node runs here and none is named' : failures.join('; ');
    throw new SkeinError('API_UNREACHABLE', `No node answers (${tried})`, { answered: starting });
  }

  #once(endpoint: Endpoint, method: string, path: string, call: Call): Promise<IncomingMessage> {
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    const headers: Record<string, string> = { accept: 'application/json', ...call.headers };
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (body !== undefined) headers['content-length'] = String(Buffer.byteLength(body));
    if (call.bytes !== undefined) headers['content-type'] = 'application/octet-stream';
    if (endpoint.url !== undefined && this.#init.token !== undefined && this.#init.token !== '') headers['authorization'] = `Bearer ${this.#init.token}`;
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const options: RequestOptions = { method, headers, ...(call.signal === undefined ? {} : { signal: call.signal }) };
    const request =
      endpoint.url === undefined
        ? httpRequest({ ...options, path, socketPath: endpoint.socketPath, host: 'localhost', agent: false }, resolve)
        : // Not by way of a URL, where `..` would be the folder above.
          (endpoint.url.protocol === 'https:' ? httpsRequest : httpRequest)(endpoint.url, { ...options, path: endpoint.url.pathname.replace(/\/$/, '') + path, agent: false }, resolve);
    const patience = method === 'GET' ? (this.#init.requestMs ?? REQUEST_MS) : (this.#init.writeMs ?? WRITE_MS);
    let response: IncomingMessage | undefined;
    request.once('response', (begun) => (response = begun));
    const { bytes } = call;
    if (bytes === undefined) request.on('error', reject).end(body);
    const isOurTurn = bytes === undefined ? () => false : sendBytes(request, bytes, reject);
    // While what has come waits for its reader, or nothing is there to be sent, it is not the node that is silent.
    request.setTimeout(patience);
    // The request itself hears of the first silence only.
    request.once('socket', (socket) => {
      socket.on('timeout', () => {
        if (isOurTurn() || (response?.readableLength ?? 0) > 0) socket.setTimeout(patience);
        else (response ?? request).destroy(new Error('no answer in time'));
      });
    });
    return promise;
  }
}

/**
 * Not before the connection is there: another node is tried with all of the bytes.
 * @returns says whether everything so far was taken and more is to come, from stdin for instance.
 */
function sendBytes(request: ClientRequest, bytes: () => Readable, failed: (error: unknown) => void): () => boolean {
  let sending = false;
  let sent = false;
  const broken = (error: unknown): void => {
    if (!sending || isSkeinError(error)) failed(error);
    else failed(new SkeinError('API_UNREACHABLE', `The connection broke while a file was sent (${reasonOf(error)})`, { answered: true }, { cause: error }));
  };
  request.on('error', broken);
  request.once('socket', (socket) => {
    socket.once('connect', () => {
      sending = true;
      pipeline(bytes(), request).then(() => (sent = true), broken);
    });
  });
  request.flushHeaders();
  return () => sending && !sent && request.writableLength === 0;
}

/** Another node, or the same one in a moment, may do better. */
export function isTransient(error: unknown): boolean {
  return isSkeinError(error) && ['API_UNREACHABLE', 'NO_LEADER', 'NO_QUORUM', 'CELL_CLOSED', 'NODE_STOPPING'].includes(error.code);
}

/** Nobody took the connection. */
function isUnreached(error: unknown): boolean {
  return isSkeinError(error, 'API_UNREACHABLE') && error.data['answered'] !== true;
}

async function* untilItBreaks(response: IncomingMessage): AsyncGenerator<Buffer, void, void> {
  try {
    yield* response as AsyncIterable<Buffer>;
  } catch (cause) {
    throw new SkeinError('API_UNREACHABLE', `The connection broke in the middle of a file (${reasonOf(cause)})`, { answered: true }, { cause });
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > RESPONSE_BYTES_MAX) throw new SkeinError('REQUEST_TOO_LARGE', `The answer has more than ${RESPONSE_BYTES_MAX} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    if (isSkeinError(error)) throw error;
    throw new SkeinError('API_UNREACHABLE', `The connection broke in the middle of an answer (${reasonOf(error)})`, { answered: true }, { cause: error });
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function readJson(response: IncomingMessage): Promise<unknown> {
  const text = await readText(response);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SkeinError('API_UNREACHABLE', `What answers is no node of Skein: its answer is not JSON (${JSON.stringify(text.slice(0, 60))})`, {}, { cause });
  }
}

/** A problem document → the error it stands for. */
async function failure(response: IncomingMessage): Promise<SkeinError> {
  const problem = (await readJson(response)) as Readonly<Record<string, unknown>> | null;
  const { code, detail, hint, problems } = problem ?? {};
  const status = response.statusCode ?? 0;
  if (typeof code === 'string' && Object.hasOwn(errorCodes, code)) {
    const data = { status, ...(typeof hint === 'string' ? { hint } : {}), ...(Array.isArray(problems) ? { problems } : {}) };
    return new SkeinError(code as ErrorCode, String(detail), data);
  }
  return new SkeinError('API_UNREACHABLE', `The node failed to answer (status ${status}): ${typeof detail === 'string' ? detail : 'it does not say why'}`);
}

/** Somebody took the connection and dropped it: a node that starts or stops does that. */
function isClosed(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: string };
  return code === 'EPIPE' || code === 'ECONNRESET';
}

function reasonOf(error: unknown): string {
  if (isClosed(error)) return 'it closed the connection, it may be starting or stopping';
  const { code, message } = (error ?? {}) as { code?: string; message?: string };
  if (code === 'ECONNREFUSED' || code === 'ENOENT') return 'nothing listens there';
  return message === undefined || message === '' ? (code ?? 'unknown error') : message;
}
