/** The client when nodes refuse, vanish, or are no nodes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import test, { type TestContext } from 'node:test';
import { Client } from '../../src/cli/client.ts';
import type { Endpoint } from '../../src/cli/endpoints.ts';
import { isSkeinError } from '../../src/errors.ts';

async function serve(t: TestContext, listener: RequestListener): Promise<Endpoint> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return { shown: url.href, url };
}

const dead: Endpoint = { shown: 'dead', socketPath: '/nonexistent/node.sock' };
const problem = (code: string, status: number): RequestListener => (_request, response) => void response.writeHead(status, { 'content-type': 'application/problem+json' }).end(JSON.stringify({ code, detail: `${code} here`, status }));
const ok: RequestListener = (_request, response) => void response.end('{"fine":true}');

test('the next endpoint is asked when one is dead, and the one that answered is asked first from then on', async (t) => {
  let asked = 0;
  const broken = await serve(t, (request) => {
    asked++;
    request.socket.destroy();
  });
  const fine = await serve(t, ok);
  const client = new Client({ endpoints: () => [dead, broken, fine], patienceMs: 0 });
  assert.deepEqual(await client.get('/x'), { fine: true });
  assert.deepEqual(await client.post('/x', { body: { a: 1 } }), { fine: true });
  assert.equal(asked, 1);
});

test('a node that takes the connection and drops it is starting: it is asked again', async (t) => {
  let left = 2;
  const starting = await serve(t, (request, response) => (left-- > 0 ? void request.socket.destroy() : ok(request, response)));
  assert.deepEqual(await new Client({ endpoints: () => [starting] }).get('/x'), { fine: true });
  left = Infinity;
  await assert.rejects(new Client({ endpoints: () => [starting], patienceMs: 10 }).get('/x'), /it closed the connection, it may be starting or stopping/);
});

test('"no leader now" is asked again until there is one, or patience ends', async (t) => {
  let left = 2;
  const electing = await serve(t, (request, response) => (left-- > 0 ? problem('NO_LEADER', 503)(request, response) : ok(request, response)));
  assert.deepEqual(await new Client({ endpoints: () => [electing] }).get('/x'), { fine: true });
  const never = await serve(t, problem('NO_QUORUM', 503));
  await assert.rejects(new Client({ endpoints: () => [never], patienceMs: 10 }).get('/x'), (error) => isSkeinError(error, 'NO_QUORUM') && error.message === 'NO_QUORUM here');
});

test('a write waits for the word of a node that looks for a leader, longer than a read', async (t) => {
  const slow = await serve(t, (request, response) => void setTimeout(() => problem('NO_QUORUM', 503)(request, response), 100));
  const client = new Client({ endpoints: () => [slow], requestMs: 20, patienceMs: 0 });
  await assert.rejects(client.get('/x'), (error) => isSkeinError(error, 'API_UNREACHABLE'));
  await assert.rejects(client.post('/x'), (error) => isSkeinError(error, 'NO_QUORUM'));
});

test('refusals are final: asked once', async (t) => {
  let asked = 0;
  const refusing = await serve(t, (request, response) => {
    asked++;
    problem('RUN_FINAL', 409)(request, response);
  });
  await assert.rejects(new Client({ endpoints: () => [refusing] }).post('/x'), (error) => isSkeinError(error, 'RUN_FINAL'));
  assert.equal(asked, 1);
});

test('what is no node is said to be none', async (t) => {
  const answers: [RequestListener, RegExp][] = [
    [(_request, response) => void response.end('<html>hello'), /no node of Skein: its answer is not JSON \("<html>hello"\)/],
    [(_request, response) => void response.writeHead(404).end('<html>'), /not JSON/],
    [(_request, response) => void response.writeHead(500).end('{"detail":"boom"}'), /status 500\): boom/],
    [(_request, response) => void response.writeHead(500).end('null'), /status 500/],
    [(_request, response) => void response.writeHead(400).end('{"code":"toString"}'), /status 400/],
  ];
  for (const [listener, message] of answers) {
    const endpoint = await serve(t, listener);
    await assert.rejects(new Client({ endpoints: () => [endpoint] }).get('/x'), (error) => isSkeinError(error, 'API_UNREACHABLE') && message.test(error.message));
  }
});

test('a node that does not answer in time is passed over', async (t) => {
  const hanging = await serve(t, () => undefined);
  const fine = await serve(t, ok);
  assert.deepEqual(await new Client({ endpoints: () => [hanging, fine], requestMs: 30 }).get('/x'), { fine: true });
  await assert.rejects(new Client({ endpoints: () => [hanging], requestMs: 30 }).get('/x'), /no answer in time/);
});

test('a token goes to TCP endpoints', async (t) => {
  const seen: unknown[] = [];
  const endpoint = await serve(t, (request, response) => {
    seen.push(request.headers.authorization);
    ok(request, response);
  });
  await new Client({ endpoints: () => [endpoint], token: 'abc' }).get('/x');
  await new Client({ endpoints: () => [endpoint] }).get('/x');
  assert.deepEqual(seen, ['Bearer abc', undefined]);
});

test('a file whose connection breaks is the fault of the network, and said so', async (t) => {
  const breaking = await serve(t, (_request, response) => {
    response.writeHead(200, { 'content-length': '1000000' }).write('half');
    setImmediate(() => response.destroy());
  });
  const content = await new Client({ endpoints: () => [breaking] }).download('/x');
  await assert.rejects(content.toArray(), (error) => isSkeinError(error, 'API_UNREACHABLE') && error.message.startsWith('The connection broke in the middle of a file'));
});

test('a stream that had nothing to say for long is looked for as long as any other', async (t) => {
  let left = 0;
  const quiet = await serve(t, (request, response) => {
    if (left++ === 1) return void request.socket.destroy();
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    if (left === 1) setTimeout(() => response.end(), 1200);
    else response.end('event: final\ndata: c\n\n');
  });
  const client = new Client({ endpoints: () => [quiet], reconnectMs: 1000 });
  const data: string[] = [];
  for await (const event of client.events('/events', 0, new AbortController().signal)) data.push(event.data);
  assert.deepEqual([data, left], [['c'], 3]);
});

test('an event stream that breaks goes on elsewhere after the last id', async (t) => {
  const asked: unknown[] = [];
  const answer = (text: string, breaks: boolean): RequestListener => (request, response) => {
    asked.push(request.headers['last-event-id']);
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(text);
    if (breaks) setImmediate(() => response.destroy());
    else response.end();
  };
  const first = await serve(t, answer('id: 1\nevent: module\ndata: a\n\nid: 2\nevent: module\ndata: half', true));
  const second = await serve(t, answer('id: 2\nevent: module\ndata: b\n\nevent: final\ndata: c\n\n', false));
  let calls = 0;
  const client = new Client({ endpoints: () => (calls++ === 0 ? [first] : [dead, second]) });
  const data: string[] = [];
  for await (const event of client.events('/events', 0, new AbortController().signal)) data.push(event.data);
  assert.deepEqual(data, ['a', 'b', 'c']);
  assert.deepEqual(asked, ['0', '1']);
});

test('an event stream gives up when no node is found in time', async () => {
  const client = new Client({ endpoints: () => [dead], reconnectMs: 10 });
  await assert.rejects(
    async () => {
      for await (const event of client.events('/events', 0, new AbortController().signal)) assert.fail(event.data);
    },
    (error) => isSkeinError(error, 'API_UNREACHABLE'),
  );
});

test('a file is not given up because its reader is slow, though it is when the node says nothing more', async (t) => {
  const bytes = Buffer.alloc(8 * 1024 * 1024, 'x');
  const node = await serve(t, (_request, response) => void response.writeHead(200).end(bytes));
  const client = new Client({ endpoints: () => [node], requestMs: 1000 });
  const slow = await client.download('/x');
  let read = 0;
  for await (const piece of slow as AsyncIterable<Buffer>) {
    if (read === 0) await new Promise((resolve) => setTimeout(resolve, 2500));
    read += piece.length;
  }
  assert.equal(read, bytes.length);
  const silent = await serve(t, (_request, response) => void response.writeHead(200, { 'content-length': '10' }).write('half'));
  await assert.rejects(new Client({ endpoints: () => [silent], requestMs: 1000 }).download('/x').then((file) => file.toArray()), /The connection broke in the middle of a file \(no answer in time\)/);
});

test('whoever has nothing to send yet is waited for; a node that takes nothing, or says nothing at the end, is not', async (t) => {
  const echo = await serve(t, (request, response) => {
    let length = 0;
    request.on('data', (chunk: Buffer) => (length += chunk.length)).on('end', () => response.end(JSON.stringify({ length })));
  });
  async function* slowly(): AsyncGenerator<Buffer> {
    yield Buffer.from('one');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    yield Buffer.from('two');
  }
  const upload = (node: Endpoint, bytes: Readable): Promise<unknown> => new Client({ endpoints: () => [node], writeMs: 500 }).upload('/x', bytes);
  assert.deepEqual(await upload(echo, Readable.from(slowly())), { length: 6 });
  const deaf = await serve(t, (request) => void request.pause());
  const mute = await serve(t, (request) => void request.resume());
  for (const node of [deaf, mute]) await assert.rejects(upload(node, Readable.from([Buffer.alloc(32 * 1024 * 1024)])), /The connection broke while a file was sent \(no answer in time\)/);
  await assert.rejects(upload(mute, Readable.from(slowly())), /no answer in time/);
});
