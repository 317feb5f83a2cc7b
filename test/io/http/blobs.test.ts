/** Blobs over HTTP: what goes in comes out, whatever its type claims to be, and nothing else does. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import test from 'node:test';
import { BLOB_CHUNK_BYTES } from '../../../src/protocol/limits.ts';
import { blobListSchema, blobPackSchema, blobProgressSchema, blobStoredSchema, blobSweepSchema, problemSchema, uploadStateSchema } from '../../../src/io/http/views.ts';
import { encodePack, PACK_FILES_MAX, PACKED_BYTES_MAX, unpacked } from '../../../src/io/blobs/pack.ts';
import { compileTextWith } from '../../../src/io/compile-text.ts';
import { sharedBlobs } from '../../support/node-blobs.ts';
import { testServer } from './support.ts';

const octets = { 'content-type': 'application/octet-stream' };
const missing = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy';

test('a file is stored, listed, given back with its length, verified and removed', async () => {
  const { request } = testServer();
  const bytes = randomBytes(BLOB_CHUNK_BYTES + 10);
  const put = await request({ method: 'POST', url: '/api/v1/blobs', headers: octets, payload: bytes });
  assert.equal(put.statusCode, 201);
  const { cid, size } = blobStoredSchema.parse(put.json());
  assert.equal(size, bytes.byteLength);
  assert.equal(put.headers['location'], `/api/v1/blobs/${cid}`);
  assert.ok(blobListSchema.parse((await request({ url: '/api/v1/blobs' })).json()).blobs.some((blob) => blob.cid === cid));
  assert.deepEqual(blobProgressSchema.parse((await request({ url: `/api/v1/blobs/${cid}` })).json()), { cid, size, bytesHere: size, whole: true });
  const content = await request({ url: `/api/v1/blobs/${cid}/content` });
  assert.ok(bytes.equals(content.rawPayload));
  assert.equal(content.headers['content-length'], String(size));
  assert.equal(content.headers['content-type'], 'application/octet-stream');
  const fetched = await request({ method: 'POST', url: `/api/v1/blobs/${cid}:fetch` });
  assert.equal(fetched.statusCode, 200);
  assert.deepEqual((await request({ method: 'POST', url: `/api/v1/blobs/${cid}:verify` })).json(), { cid, fits: true });
  assert.equal((await request({ method: 'DELETE', url: `/api/v1/blobs/${cid}` })).statusCode, 204);
  assert.equal((await request({ url: `/api/v1/blobs/${cid}` })).statusCode, 404);
});

test('an upload that broke off is asked for, and goes on', async () => {
  const { request } = testServer();
  const bytes = randomBytes(2 * BLOB_CHUNK_BYTES + 10);
  const state = async (): Promise<unknown> => uploadStateSchema.parse((await request({ url: '/api/v1/uploads/my-film_1' })).json());
  const put = (offset: number, payload: Buffer): ReturnType<typeof request> => request({ method: 'POST', url: `/api/v1/blobs?upload=my-film_1&offset=${offset}`, headers: octets, payload });
  // What comes over a real connection that breaks: test/cli/upload.test.ts.
  const breaking = Readable.from((function* () {
    yield bytes.subarray(0, BLOB_CHUNK_BYTES + 5);
    throw new Error('the connection broke');
  })());
  await assert.rejects(sharedBlobs().uploads.put('my-film_1', 0, breaking));
  const received = BLOB_CHUNK_BYTES;
  assert.deepEqual(await state(), { received, finishing: false, stored: null });
  assert.equal((await put(received + 1, bytes)).statusCode, 409);
  const answer = await put(received, bytes.subarray(received));
  assert.equal(answer.statusCode, 201);
  const stored = blobStoredSchema.parse(answer.json());
  assert.deepEqual(await state(), { received: bytes.byteLength, finishing: false, stored });
  assert.equal((await request({ method: 'POST', url: '/api/v1/blobs', headers: octets, payload: bytes })).json<{ cid: string }>().cid, stored.cid);
});

test('a file may be larger than any other body', async () => {
  const { request } = testServer({ bodyBytesMax: 1000 });
  const put = await request({ method: 'POST', url: '/api/v1/blobs', headers: octets, payload: Buffer.alloc(100_000) });
  assert.equal(put.statusCode, 201);
  const run = await request({ method: 'POST', url: '/api/v1/runs', headers: { 'content-type': 'application/json' }, payload: JSON.stringify({ pipeline: 'x'.repeat(2000) }) });
  assert.equal(run.statusCode, 413);
});

test('a pipeline that comes as text takes files that were put before, and none of this machine', async () => {
  const { request, api } = testServer({ compile: compileTextWith(sharedBlobs()) });
  const put = await request({ method: 'POST', url: '/api/v1/blobs', headers: octets, payload: 'greet' });
  const { cid } = blobStoredSchema.parse(put.json());
  const pipeline = 'params: { src: { type: file } }\nmodules: { a: { run: a, inputs: { SRC: "${{ params.src }}" } } }\n';
  const submit = (src: unknown): ReturnType<typeof request> => request({ method: 'POST', url: '/api/v1/runs', headers: { 'content-type': 'application/json' }, payload: JSON.stringify({ pipeline, params: { src } }) });
  assert.equal((await submit({ cid, name: 'a.txt' })).statusCode, 202);
  assert.deepEqual(api.submitted[0]?.params['src'], { kind: 'file', cid, name: 'a.txt', size: 5, count: 1 });
  const path = await submit('/etc/hostname');
  assert.equal(path.statusCode, 422);
  assert.match(problemSchema.parse(path.json()).detail, /the files of whoever sends this are not here: put them \(POST \/api\/v1\/blobs\)/);
  assert.equal(problemSchema.parse((await submit(`blob:${cid}x`)).json()).code, 'BLOB_INVALID');
});

test('a blob that is looked for is 202 until it is here', async () => {
  const { request } = testServer();
  const answer = await request({ method: 'POST', url: `/api/v1/blobs/${missing}:fetch`, headers: { 'content-type': 'application/json' }, payload: '{"waitMs":1}' });
  assert.equal(answer.statusCode, 202);
  assert.equal(blobProgressSchema.parse(answer.json()).whole, false);
});

const refused: readonly (readonly [string, Parameters<ReturnType<typeof testServer>['request']>[0], number, string])[] = [
  ['a name that is none', { url: '/api/v1/blobs/hello' }, 400, 'BLOB_INVALID'],
  ['a path in place of a name', { url: '/api/v1/blobs/..%2f..%2fetc%2fpasswd/content' }, 400, 'BLOB_INVALID'],
  ['a blob that is not here', { method: 'DELETE', url: '/api/v1/blobs/bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq' }, 404, 'BLOB_NOT_FOUND'],
  ['JSON in place of a file', { method: 'POST', url: '/api/v1/blobs', headers: { 'content-type': 'application/json' }, payload: '{}' }, 415, 'REQUEST_INVALID'],
  ['an upload that nobody began', { url: '/api/v1/uploads/12345678' }, 404, 'BLOB_NOT_FOUND'],
  ['an upload whose name is a path', { url: '/api/v1/uploads/..%2f..%2fetc' }, 400, 'REQUEST_INVALID'],
  ['an upload with a name that is too short', { method: 'POST', url: '/api/v1/blobs?upload=a', headers: octets, payload: 'x' }, 400, 'REQUEST_INVALID'],
  ['an offset without an upload', { method: 'POST', url: '/api/v1/blobs?offset=5', headers: octets, payload: 'x' }, 400, 'REQUEST_INVALID'],
  ['an offset that is no number', { method: 'POST', url: '/api/v1/blobs?upload=12345678&offset=-1', headers: octets, payload: 'x' }, 400, 'REQUEST_INVALID'],
  ['no body at all', { method: 'POST', url: '/api/v1/blobs' }, 415, 'REQUEST_INVALID'],
  ['a verb that does not exist', { method: 'POST', url: `/api/v1/blobs/${missing}:eat` }, 404, 'REQUEST_INVALID'],
  ['a wait that is too long', { method: 'POST', url: `/api/v1/blobs/${missing}:fetch`, headers: { 'content-type': 'application/json' }, payload: '{"waitMs":1e9}' }, 400, 'REQUEST_INVALID'],
];

for (const [what, options, status, code] of refused) {
  test(`${what} is ${status} ${code}`, async () => {
    const { request } = testServer();
    const answer = await request(options);
    assert.equal(answer.statusCode, status, answer.body);
    assert.equal(problemSchema.parse(answer.json()).code, code);
  });
}

test('pinned, listed with why it stays, and what would go', async () => {
  const { request } = testServer();
  const { cid } = blobStoredSchema.parse((await request({ method: 'POST', url: '/api/v1/blobs', headers: octets, payload: Buffer.from('to be pinned') })).json());
  const listed = async (query: string): Promise<unknown> => {
    const found = blobListSchema.parse((await request({ url: `/api/v1/blobs${query}` })).json()).blobs.find((blob) => blob.cid === cid);
    return [found?.pinned, found?.standing];
  };
  assert.deepEqual(await listed('?standing=true'), [false, 'kept']);
  assert.deepEqual((await request({ method: 'POST', url: `/api/v1/blobs/${cid}:pin` })).json(), { cid, pinned: true });
  assert.deepEqual(await listed(''), [true, null]);
  assert.deepEqual(await listed('?standing=true'), [true, 'pinned']);
  assert.deepEqual((await request({ method: 'POST', url: `/api/v1/blobs/${cid}:unpin` })).json(), { cid, pinned: false });
  const json = { 'content-type': 'application/json' };
  const sweep = blobSweepSchema.parse((await request({ method: 'POST', url: '/api/v1/blobs:gc', headers: json, payload: '{"dryRun":true}' })).json());
  assert.deepEqual([sweep.dryRun, sweep.count], [true, 0]);
  assert.equal((await request({ method: 'POST', url: '/api/v1/blobs:eat' })).statusCode, 404);
  assert.equal((await request({ method: 'POST', url: '/api/v1/blobs:gc', headers: json, payload: '{"dry":true}' })).statusCode, 400);
  assert.equal((await request({ method: 'DELETE', url: `/api/v1/blobs/${cid}` })).statusCode, 204);
  assert.equal((await request({ method: 'POST', url: `/api/v1/blobs/${cid}:pin` })).statusCode, 404);
});

test('many small files in one request, stored and named as if each had come alone', async () => {
  const { request } = testServer();
  const files = ['', 'one', 'two', 'one', 'x'.repeat(PACKED_BYTES_MAX)].map((text) => Buffer.from(text));
  const put = await request({ method: 'POST', url: '/api/v1/blobs:pack', headers: octets, payload: Buffer.from(encodePack(files)) });
  assert.equal(put.statusCode, 201);
  const { blobs } = blobPackSchema.parse(put.json());
  assert.deepEqual(blobs.map(({ size }) => size), files.map(({ byteLength }) => byteLength));
  for (const [at, { cid }] of blobs.entries()) {
    assert.ok(files[at]!.equals((await request({ url: `/api/v1/blobs/${cid}/content` })).rawPayload));
    const alone = await request({ method: 'POST', url: '/api/v1/blobs', headers: octets, payload: files[at]! });
    assert.equal(blobStoredSchema.parse(alone.json()).cid, cid);
  }
});

test('a pack that breaks off, or holds what is too large, is refused; in whatever pieces it comes, it is read', async () => {
  const { request } = testServer();
  const whole = Buffer.from(encodePack([Buffer.from('first'), Buffer.from('second')]));
  const send = (payload: Buffer): ReturnType<typeof request> => request({ method: 'POST', url: '/api/v1/blobs:pack', headers: octets, payload });
  assert.equal(problemSchema.parse((await send(whole.subarray(0, -1))).json()).code, 'REQUEST_INVALID');
  assert.equal(problemSchema.parse((await send(whole.subarray(0, 2))).json()).code, 'REQUEST_INVALID');
  assert.equal(problemSchema.parse((await send(Buffer.from(encodePack([Buffer.alloc(PACKED_BYTES_MAX + 1)])))).json()).code, 'REQUEST_TOO_LARGE');
  assert.deepEqual(blobPackSchema.parse((await send(Buffer.alloc(0))).json()), { blobs: [] });
  const pieces = (async function* () {
    for (const byte of whole) yield Buffer.from([byte]);
  })();
  assert.deepEqual((await sharedBlobs().putPack(pieces)).map(({ size }) => size), [5, 6]);
});

test('many small files are read in one request, in the order asked for; what fits into no pack is named', async () => {
  const { request } = testServer();
  const files = ['three', '', 'one', 'three'].map((text) => Buffer.from(text));
  const { blobs } = blobPackSchema.parse((await request({ method: 'POST', url: '/api/v1/blobs:pack', headers: octets, payload: Buffer.from(encodePack(files)) })).json());
  const read = (cids: readonly unknown[]): ReturnType<typeof request> => request({ method: 'POST', url: '/api/v1/blobs:read', headers: { 'content-type': 'application/json' }, payload: JSON.stringify({ cids }) });
  const answer = await read(blobs.map(({ cid }) => cid));
  assert.deepEqual([answer.statusCode, answer.headers['content-type']], [200, 'application/octet-stream']);
  const back: Uint8Array[] = [];
  for await (const bytes of unpacked(Readable.from([answer.rawPayload]))) back.push(bytes);
  assert.deepEqual(back.map((bytes) => Buffer.from(bytes)), files);
  const large = await request({ method: 'POST', url: '/api/v1/blobs', headers: octets, payload: Buffer.alloc(PACKED_BYTES_MAX + 1) });
  const { cid } = blobStoredSchema.parse(large.json());
  const refused = await read([blobs[0]!.cid, cid]);
  assert.deepEqual([refused.statusCode, problemSchema.parse(refused.json()).code], [413, 'REQUEST_TOO_LARGE']);
  for (const wrong of [[], ['film'], [7], Array.from({ length: PACK_FILES_MAX + 1 }, () => cid)]) assert.equal((await read(wrong)).statusCode, 400, JSON.stringify(wrong).slice(0, 80));
});
