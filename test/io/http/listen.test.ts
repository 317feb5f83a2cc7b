/** Real sockets: ports, the unix socket, event streams. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { get, request as httpRequest, type IncomingMessage } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import type { ServerResponse } from 'node:http';
import test, { type TestContext } from 'node:test';
import { openEventStream } from '../../../src/io/http/event-stream.ts';
import { SSE_STREAMS_MAX } from '../../../src/io/http/limits.ts';
import { listenHttp, type ListenInit } from '../../../src/io/http/listen.ts';
import { isSkeinError } from '../../../src/errors.ts';
import { FakeNode, fakeSpec } from '../../support/fake-node.ts';
import { sharedBlobs } from '../../support/node-blobs.ts';

async function listen(t: TestContext, init: Partial<ListenInit> = {}) {
  const api = new FakeNode();
  const listener = await listenHttp({ api, blobs: sharedBlobs(), observer: { notify: () => undefined }, compile: () => fakeSpec(), version: '0', host: '127.0.0.1', port: { port: 0, fixed: false }, ...init });
  t.after(() => listener.close());
  return { api, listener };
}

async function read(url: string | { socketPath: string; path: string; headers?: Record<string, string> }, headers: Record<string, string> = {}): Promise<{ status: number; text: string }> {
  const [response] = (await once(typeof url === 'string' ? get(url, { headers, agent: false }) : get({ ...url, agent: false }), 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += String(chunk);
  return { status: response.statusCode ?? 0, text };
}

/** Text of a stream, as it comes. */
async function open(url: string, headers: Record<string, string> = {}) {
  const request = get(url, { headers, agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  const watchers = new Set<() => void>();
  response.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    for (const watcher of watchers) watcher();
  });
  // Streams that the test itself breaks end with an error.
  response.on('error', () => undefined);
  const ended = new Promise((resolve) => response.once('close', resolve));
  const saw = (pattern: RegExp): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (pattern.test(text)) resolve();
      };
      watchers.add(look);
      look();
    });
  return { request, response, ended, saw, text: () => text };
}

async function occupy(t: TestContext): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

test('a busy default port moves up; one that was asked for is an error that names it', async (t) => {
  const busy = await occupy(t);
  const { listener } = await listen(t, { port: { port: busy, fixed: false } });
  assert.ok(listener.port > busy && listener.port < busy + 100);
  assert.equal((await read(`${listener.url}/livez`)).status, 200);
  await assert.rejects(listen(t, { port: { port: busy, fixed: true } }), (error) => isSkeinError(error, 'OPTION_INVALID') && error.message.includes(`--http-port ${busy} cannot be used: another process uses it`));
  await assert.rejects(listen(t, { host: '203.0.113.7' }), (error) => isSkeinError(error, 'OPTION_INVALID') && error.message.includes('203.0.113.7'));
});

test('over the unix socket neither Host nor token matter; over TCP they do', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-http-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const socketPath = join(folder, 'node.sock');
  const { listener } = await listen(t, { socket: { path: socketPath }, token: 'a-token-of-some-length' });
  assert.equal((await read({ socketPath, path: '/api/v1/status', headers: { host: 'anything.example' } })).status, 200);
  assert.equal((await read(`${listener.url}/api/v1/status`)).status, 401);
  assert.equal((await read(`${listener.url}/api/v1/status`, { authorization: 'Bearer a-token-of-some-length' })).status, 200);
  assert.equal((await read(`${listener.url}/livez`, { host: 'evil.example' })).status, 403);
});

test('a server that is bound already is served, and stays open when HTTP closes', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-http-'));
  const socketPath = join(folder, 'lock.sock');
  const server = createServer().listen(socketPath);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const { listener } = await listen(t, { socket: { server } });
  assert.equal((await read({ socketPath, path: '/livez' })).status, 200);
  await listener.close();
  await listener.close();
  assert.equal(server.listening, true);
  assert.equal(server.listenerCount('connection'), 0);
});

test('events: what was, what comes, then the whole run and the end', async (t) => {
  const { api, listener } = await listen(t);
  const { runId } = await api.submit(fakeSpec({ a: [] }));
  const stream = await open(`${listener.url}/api/v1/runs/7f/events?after=0`);
  assert.equal(stream.response.headers['content-type'], 'text/event-stream; charset=utf-8');
  await stream.saw(/id: 1\nevent: run\ndata: \{.*"phase":"queued"/);
  api.play(runId);
  await stream.ended;
  const ids = [...stream.text().matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
  assert.deepEqual(ids, [1, 2, 3, 4, 5]);
  assert.match(stream.text(), /event: final\ndata: \{.*"moduleList"/);
  assert.equal(api.watcherCount, 0);
  const resumed = await open(`${listener.url}/api/v1/runs/7f/events`, { 'last-event-id': '3' });
  await resumed.ended;
  assert.deepEqual([...resumed.text().matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id)), [4, 5]);
});

test('a reader that leaves is forgotten; the number of readers is bounded', async (t) => {
  const { api, listener } = await listen(t);
  const stream = await open(`${listener.url}/api/v1/events`);
  assert.equal(api.watcherCount, 1);
  const gone = new Promise<void>((resolve) => {
    const unwatch = api.watch('', undefined, () => undefined);
    const look = (): void => void (api.watcherCount === 1 ? resolve(unwatch()) : setImmediate(look));
    look();
  });
  stream.request.destroy();
  await gone;
  const all = await Promise.all(Array.from({ length: SSE_STREAMS_MAX }, () => open(`${listener.url}/api/v1/events`)));
  assert.equal((await read(`${listener.url}/api/v1/events`)).status, 429);
  for (const one of all) one.request.destroy();
});

test('closing ends the streams and does not wait for idle connections', async (t) => {
  const { listener } = await listen(t);
  const stream = await open(`${listener.url}/api/v1/events`);
  await listener.close();
  await stream.ended;
  await assert.rejects(read(`${listener.url}/livez`));
});

test('a reader that does not keep up is cut off at the bound', () => {
  let written = 0;
  const never = new Writable({ highWaterMark: 1, write: (chunk: Buffer) => void (written += chunk.length) });
  const response = Object.assign(never, { writeHead: () => never }) as unknown as ServerResponse;
  const reasons: string[] = [];
  const stream = openEventStream({ response, onClose: (reason) => reasons.push(reason), bufferBytesMax: 10_000 });
  for (let i = 0; i < 1000 && reasons.length === 0; i++) stream.send('run', { text: 'x'.repeat(100) }, i);
  assert.deepEqual(reasons, ['slow']);
  assert.ok(never.destroyed);
  assert.ok(written < 10_000);
  stream.send('run', {});
});

test('a reader that takes nothing from one comment to the next is cut off', async () => {
  const stuck = new Writable({ highWaterMark: 1, write: () => undefined });
  const response = Object.assign(stuck, { writeHead: () => stuck }) as unknown as ServerResponse;
  const hold = setTimeout(() => undefined, 5000);
  const reason = await new Promise((resolve) => void openEventStream({ response, onClose: resolve, heartbeatMs: 2 }));
  clearTimeout(hold);
  assert.equal(reason, 'slow');
});

test('comments keep a quiet stream alive', async () => {
  const through = new PassThrough();
  const response = Object.assign(through, { writeHead: () => through }) as unknown as ServerResponse;
  const stream = openEventStream({ response, onClose: () => undefined, heartbeatMs: 1 });
  // The heartbeat does not hold the process, so something else has to while we wait.
  const hold = setTimeout(() => undefined, 5000);
  let text = '';
  for await (const chunk of through) {
    text += String(chunk);
    if (text.includes(': alive\n\n')) break;
  }
  clearTimeout(hold);
  stream.end();
});

test('a request that never ends its body does not hold others', async (t) => {
  const { listener } = await listen(t);
  const slow = httpRequest(`${listener.url}/api/v1/runs`, { method: 'POST', agent: false, headers: { 'content-type': 'application/json', 'content-length': '100' } });
  slow.on('error', () => undefined);
  slow.write('{');
  assert.equal((await read(`${listener.url}/livez`)).status, 200);
  slow.destroy();
});
