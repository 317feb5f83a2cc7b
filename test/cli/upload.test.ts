/** Files that are sent over connections that break: the rest follows, and what cannot be mended is said. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { SkeinError } from '../../src/errors.ts';
import { BLOB_CHUNK_BYTES } from '../../src/protocol/limits.ts';
import { sharedBlobs } from '../support/node-blobs.ts';
import { TestBed } from './harness.ts';

interface Line {
  readonly url: string;
  /** To the node, of all connections. */
  bytes: number;
  cuts: number;
}

/** A line to the node that breaks after so many bytes, so many times. */
async function badLine(t: TestContext, url: string, cutBytes: number, cutsMax: number, onCut: (server: Server) => void = () => undefined): Promise<Line> {
  const { port } = new URL(url);
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const node = connect(Number(port), '127.0.0.1');
    for (const socket of [client, node]) open.add(socket.on('error', () => undefined).on('close', () => (client.destroy(), node.destroy())));
    let sent = 0;
    client.on('data', (bytes) => {
      sent += bytes.length;
      line.bytes += bytes.length;
      node.write(bytes);
      if (sent < cutBytes || line.cuts >= cutsMax) return;
      line.cuts += 1;
      onCut(server);
      // Here it breaks at once, at the node later, or never.
      client.resetAndDestroy();
    });
    node.pipe(client);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  const line: Line = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bytes: 0, cuts: 0 };
  return line;
}

const SIZE = 5 * BLOB_CHUNK_BYTES + 12_345;

async function withLarge(t: TestContext): Promise<{ bed: TestBed; file: string; url: string; bytes: Buffer }> {
  const bed = new TestBed(t);
  const { listener } = await bed.serve();
  const bytes = randomBytes(SIZE);
  const file = join(bed.home, 'large');
  writeFileSync(file, bytes);
  return { bed, file, url: listener.url, bytes };
}

test('blob put goes on where it was when the connection broke', async (t) => {
  const { bed, url, bytes } = await withLarge(t);
  const line = await badLine(t, url, 2 * BLOB_CHUNK_BYTES, 2);
  const { code, stdout, stderr } = await bed.run(['blob', 'put', 'large', '--api', line.url]);
  assert.equal(code, 0, stderr);
  assert.equal(line.cuts, 2);
  assert.match(stderr, /^(the connection broke; goes on at (4|8|12|16) MiB of 20 MiB\n){2}$/);
  // Of each go at most the chunk that was not whole, and what lay in buffers.
  assert.ok(line.bytes < SIZE + 2 * 2 * BLOB_CHUNK_BYTES, String(line.bytes));
  const { content } = await sharedBlobs().open(stdout.trim());
  assert.ok(Buffer.concat(await content.toArray()).equals(bytes));
});

test('so do the files of a run', async (t) => {
  const { bed, url } = await withLarge(t);
  writeFileSync(join(bed.home, 'p.yaml'), 'params: { src: { type: file } }\nmodules: { a: { run: a, inputs: { SRC: "${{ params.src }}" } } }\n');
  const line = await badLine(t, url, 3 * BLOB_CHUNK_BYTES, 1);
  const { code, stderr } = await bed.run(['run', 'p.yaml', '-d', '-p', 'src=large', '--api', line.url]);
  assert.equal(code, 0, stderr);
  assert.deepEqual([line.cuts, line.bytes < 2 * SIZE], [1, true]);
});

test('a file that changes on the way is not sent half old, half new', async (t) => {
  const { bed, url, file } = await withLarge(t);
  const line = await badLine(t, url, 2 * BLOB_CHUNK_BYTES, 1, () => appendFileSync(file, 'more'));
  const { code, stdout, stderr } = await bed.run(['blob', 'put', 'large', '--api', line.url]);
  assert.deepEqual([code, stdout], [2, '']);
  assert.match(stderr, /error OPTION_INVALID: .*large changed while it was sent: send it again when nobody writes to it/);
});

test('a node without room says so, however early it hangs up; standard input cannot be sent again', async (t) => {
  const { bed, url } = await withLarge(t);
  const blobs = sharedBlobs();
  t.mock.method(blobs.uploads, 'put', () => Promise.reject(new SkeinError('BLOB_DISK_FULL', 'there is no room')));
  t.mock.method(blobs.uploads, 'state', () => Promise.reject(new SkeinError('BLOB_DISK_FULL', 'there is no room')));
  const full = await bed.run(['blob', 'put', 'large', '--api', url]);
  assert.equal(full.code, 6, full.stderr);
  assert.match(full.stderr, /^error BLOB_DISK_FULL: there is no room\n/);
  const line = await badLine(t, url, 100_000, 1);
  const piped = await bed.run(['blob', 'put', '-', '--api', line.url], { stdin: 'x'.repeat(1_000_000) });
  assert.equal(piped.code, 3, piped.stderr);
  assert.match(piped.stderr, /^error API_UNREACHABLE: The connection broke while a file was sent/);
});

test('the next node is sent all of it when the first one does not take the connection', async (t) => {
  const { bed, url, bytes } = await withLarge(t);
  for (const argv of [['blob', 'put', 'large'], ['blob', 'put', '-']]) {
    const { code, stdout, stderr } = await bed.run([...argv, '--api', 'http://127.0.0.1:1', '--api', url], { stdin: bytes.toString('latin1') });
    assert.equal(code, 0, stderr);
    assert.equal((await sharedBlobs().open(stdout.trim())).size, argv[2] === '-' ? Buffer.byteLength(bytes.toString('latin1')) : SIZE);
  }
});

test('when no node was reached ever it is said at once, and nothing of a connection that broke', async (t) => {
  const bed = new TestBed(t);
  writeFileSync(join(bed.home, 'small'), 'x');
  writeFileSync(join(bed.home, 'p.yaml'), 'params: { src: { type: file } }\nmodules: { a: { run: a, inputs: { SRC: "${{ params.src }}" } } }\n');
  const before = performance.now();
  for (const argv of [['blob', 'put', 'small'], ['run', 'p.yaml', '-p', 'src=small']]) {
    const { code, stdout, stderr } = await bed.run([...argv, '--api', 'http://127.0.0.1:1']);
    assert.deepEqual([code, stdout], [3, '']);
    assert.match(stderr, /^error API_UNREACHABLE: No node answers [^\n]*\nhint: [^\n]*\n$/);
  }
  // A file on its way has 30 s for its node to come back.
  assert.ok(performance.now() - before < 20_000);
});

test('a node that is away for a while is waited for, and asked how much it has: one word for one break', async (t) => {
  const { bed, url } = await withLarge(t);
  const line = await badLine(t, url, 2 * BLOB_CHUNK_BYTES, 1, (server) => {
    const { port } = server.address() as AddressInfo;
    server.close();
    setTimeout(() => server.listen(port, '127.0.0.1'), 1000);
  });
  const { code, stderr } = await bed.run(['blob', 'put', 'large', '--api', line.url]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^the connection broke; goes on at (4|8) MiB of 20 MiB\n$/);
  assert.ok(line.bytes < SIZE + 2 * 2 * BLOB_CHUNK_BYTES, String(line.bytes));
});
