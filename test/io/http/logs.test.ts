/** Logs and progress over HTTP: as bytes, as events that are resumed, and what becomes of readers that leave and of logs that cannot be read. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import test, { type TestContext } from 'node:test';
import { SkeinError } from '../../../src/errors.ts';
import { SSE_STREAMS_MAX } from '../../../src/io/http/limits.ts';
import { listenHttp } from '../../../src/io/http/listen.ts';
import { logEventSchema, problemSchema, runProgressSchema, type LogEventJson } from '../../../src/io/http/views.ts';
import type { LogEvent, LogOptions } from '../../../src/runtime/api.ts';
import { FakeNode, fakeSpec } from '../../support/fake-node.ts';
import { sharedBlobs } from '../../support/node-blobs.ts';
import { testServer } from './support.ts';

const log = '/api/v1/runs/7f01/modules/split/log';
const asEvents = { accept: 'text/event-stream' };

function execution(fence: number, attempt: number): LogEvent {
  return { type: 'execution', fence, attempt, node: 'node1', nodeId: 'id1' as never, running: true };
}

function output(fence: number, attempt: number, offset: number, bytes: Uint8Array): LogEvent {
  return { type: 'output', fence, attempt, offset, next: offset + bytes.byteLength, bytes };
}

const printed: readonly LogEvent[] = [
  { type: 'lost', fence: 7, attempt: 1, node: 'node3', why: 'node' },
  execution(8, 1),
  output(8, 1, 0, Buffer.from('ü\u001b[31m\n')),
  output(8, 1, 8, Buffer.of(0xff, 0x00, 0x0a)),
  { type: 'idle' },
  execution(16, 2),
  output(16, 2, 0, Buffer.from('event: final\ndata: {}\n\n')),
];

interface Event {
  readonly id: string;
  readonly event: string;
  readonly data: LogEventJson;
}

function eventsOf(text: string): Event[] {
  return text.split('\n\n').filter((block) => block.includes('event: ')).map((block) => {
    const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? '';
    return { id: field('id'), event: field('event'), data: logEventSchema.parse(JSON.parse(field('data'))) };
  });
}

async function withRun(): Promise<ReturnType<typeof testServer>> {
  const server = testServer();
  await server.api.submit(fakeSpec({ split: [] }));
  server.api.printed.set('split', printed);
  return server;
}

async function listen(t: TestContext, log: (options: LogOptions) => AsyncIterable<LogEvent>): Promise<{ url: string; saw: (url: string, headers?: Record<string, string>) => Promise<IncomingMessage> }> {
  const api = new FakeNode();
  api.log = (_run, _module, options) => log(options ?? {}) as AsyncGenerator<LogEvent, void, void>;
  const listener = await listenHttp({ api, blobs: sharedBlobs(), observer: { notify: () => undefined }, compile: () => fakeSpec(), version: '0', host: '127.0.0.1', port: { port: 0, fixed: false } });
  t.after(() => listener.close());
  const saw = async (path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> => {
    const request = get(`${listener.url}${path}`, { headers, agent: false });
    request.on('error', () => undefined);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return response;
  };
  return { url: listener.url, saw };
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += String(chunk);
  return text;
}

test('as bytes: all that was printed, whatever it is, and nothing else', async () => {
  const { request } = await withRun();
  const answer = await request({ url: log });
  assert.deepEqual([answer.statusCode, answer.headers['content-type'], answer.headers['x-content-type-options']], [200, 'text/plain; charset=utf-8', 'nosniff']);
  assert.ok(answer.rawPayload.equals(Buffer.concat([Buffer.from('ü\u001b[31m\n'), Buffer.of(0xff, 0x00, 0x0a), Buffer.from('event: final\ndata: {}\n\n')])));
  assert.equal((await request({ url: `${log}?attempt=2` })).payload, 'event: final\ndata: {}\n\n');
});

test('as events: what a module prints is data and cannot be an event of its own; each says where to go on', async () => {
  const { request } = await withRun();
  const answer = await request({ url: log, headers: asEvents });
  assert.equal(answer.headers['content-type'], 'text/event-stream; charset=utf-8');
  const events = eventsOf(answer.payload);
  assert.deepEqual(events.map(({ id, event }) => [event, id]), [['lost', '8.0'], ['execution', '8.0'], ['output', '8.8'], ['output', '8.11'], ['idle', ''], ['execution', '16.0'], ['output', '16.23'], ['final', '']]);
  const outputs = events.flatMap(({ data }) => (data.type === 'output' ? [data.text ?? data.base64] : []));
  assert.deepEqual(outputs, ['ü\u001b[31m\n', Buffer.of(0xff, 0x00, 0x0a).toString('base64'), 'event: final\ndata: {}\n\n']);
  assert.deepEqual(events.at(-1)?.data, { type: 'end', phase: 'ready', final: true });
});

test('from any id the rest comes, once', async () => {
  const { request } = await withRun();
  const all = eventsOf((await request({ url: log, headers: asEvents })).payload);
  for (const [at, { id }] of all.entries()) {
    if (id === '') continue;
    const rest = eventsOf((await request({ url: log, headers: { ...asEvents, 'last-event-id': id } })).payload);
    assert.deepEqual(rest.filter(({ data }) => data.type === 'output'), all.slice(at + 1).filter(({ data }) => data.type === 'output'), id);
  }
  // What readers say that have seen nothing.
  for (const id of ['', '0']) assert.equal(eventsOf((await request({ url: log, headers: { ...asEvents, 'last-event-id': id } })).payload).length, all.length);
});

for (const [url, headers, status, detail] of [
  [log.replace('split', 'splat'), {}, 404, /no module called "splat"/],
  [log.replace('7f01', 'zzz'), asEvents, 404, /No run has the id "zzz"/],
  [`${log}?attempt=0`, {}, 400, /\$\.attempt/],
  [`${log}?follow=yes`, {}, 400, /\$\.follow/],
  [`${log}?sinse=1`, {}, 400, /\$/],
  [log, { 'last-event-id': '8' }, 400, /Last-Event-ID header.*as the id of an event of this stream/],
  [log, { 'last-event-id': '8.1e3' }, 400, /Last-Event-ID/],
] as const) {
  test(`${url.slice(12)} ${JSON.stringify(headers)} is a problem, not a broken stream`, async () => {
    const { request } = await withRun();
    const answer = await request({ url, headers });
    assert.equal(answer.statusCode, status);
    assert.match(problemSchema.parse(answer.json()).detail, detail);
  });
}

test('a reader that leaves ends the reading, in both forms', async (t) => {
  for (const headers of [{}, asEvents]) {
    let ended = (): void => undefined;
    const over = new Promise<void>((resolve) => (ended = resolve));
    let given: LogOptions = {};
    const { saw } = await listen(t, async function* (options) {
      given = options;
      try {
        yield output(8, 1, 0, Buffer.from('first'));
        await new Promise((resolve) => options.signal?.addEventListener('abort', resolve));
      } finally {
        ended();
      }
    });
    const response = await saw(`${log}?follow=true&attempt=3`, headers);
    await once(response, 'data');
    assert.deepEqual([given.follow, given.attempt, given.after], [true, 3, undefined]);
    response.destroy();
    await over;
  }
});

test('a log that cannot be read to its end is not given as if it ended there', async (t) => {
  const { saw } = await listen(t, async function* () {
    yield output(8, 1, 0, Buffer.from('first'));
    throw new SkeinError('BLOB_NOT_FOUND', 'no node has it');
  });
  await assert.rejects(textOf(await saw(log)), /aborted/);
  const events = eventsOf(await textOf(await saw(log, asEvents)));
  assert.deepEqual(events.map(({ event }) => event), ['output']);
});

test('a reader that reads slowly is given no more than it takes', async (t) => {
  let given = 0;
  const piece = Buffer.alloc(100_000, 'x');
  const { saw } = await listen(t, async function* () {
    for (; given < 1000; given++) yield output(8, 1, given * piece.length, piece);
  });
  for (const headers of [{}, asEvents]) {
    given = 0;
    const response = await saw(log, headers);
    // Nothing is read: what is under way fits the buffers of the two sockets.
    for (let before = -1; before !== given; await new Promise((resolve) => setTimeout(resolve, 100))) before = given;
    assert.ok(given < 200, String(given));
    response.destroy();
  }
});

test('the number of streams is bounded, and one too many is told so', async (t) => {
  const { saw } = await listen(t, async function* ({ signal }) {
    yield output(8, 1, 0, Buffer.from('first'));
    await new Promise((resolve) => signal?.addEventListener('abort', resolve));
  });
  const open = await Promise.all(Array.from({ length: SSE_STREAMS_MAX }, () => saw(log, asEvents)));
  const refused = await saw(log, asEvents);
  assert.equal(refused.statusCode, 429);
  assert.match(problemSchema.parse(JSON.parse(await textOf(refused))).detail, new RegExp(`${SSE_STREAMS_MAX} event streams are open`));
  for (const response of open) response.destroy();
});

test('progress fits its schema; of a run that nobody knows there is none', async () => {
  const { api, request } = await withRun();
  api.progressNow = { etaMs: 250_000, modules: [{ module: 'split', fraction: 0.42, message: 'packing', etaMs: null }] };
  const answer = await request({ url: '/api/v1/runs/7f01/progress' });
  assert.deepEqual(runProgressSchema.parse(answer.json()).modules, api.progressNow.modules);
  assert.equal((await request({ url: '/api/v1/runs/zzz/progress' })).statusCode, 404);
});
