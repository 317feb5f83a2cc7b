/** Files whose connections break: what has come stays a while, the rest follows, and what they become is what they were. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import test, { type TestContext } from 'node:test';
import { importFile } from '../../../src/io/blobs/import-file.ts';
import { UPLOAD_KEPT_MS, UPLOADS_MAX } from '../../../src/io/blobs/limits.ts';
import { UploadSessions } from '../../../src/io/blobs/upload-sessions.ts';
import { isSkeinError, SkeinError } from '../../../src/errors.ts';
import { BLOB_CHUNK_BYTES } from '../../../src/protocol/limits.ts';
import { testBlobs, type TestBlobs } from '../../support/node-blobs.ts';

interface Lab extends TestBlobs {
  readonly sessions: UploadSessions;
  /** Files that are on their way in. */
  readonly halves: () => string[];
}

function lab(t: TestContext): Lab {
  const folder = mkdtempSync(join(tmpdir(), 'skein-uploads-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const blobs = testBlobs(folder);
  return { ...blobs, sessions: new UploadSessions(blobs.store), halves: () => readdirSync(join(folder, 'new')) };
}

/** Gives these bytes in pieces, and then breaks. */
function breaking(bytes: Uint8Array): Readable {
  return Readable.from((function* () {
    for (let at = 0; at < bytes.byteLength; at += 100_000) yield bytes.subarray(at, at + 100_000);
    throw new Error('aborted');
  })());
}

async function nameOf({ store }: Lab, bytes: Uint8Array): Promise<string> {
  return (await importFile(store, Readable.from([bytes]))).cid;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

for (const size of [0, 10, BLOB_CHUNK_BYTES, 2 * BLOB_CHUNK_BYTES, 2 * BLOB_CHUNK_BYTES + 77]) {
  test(`${size} bytes in three goes are the same file as in one`, async (t) => {
    const one = lab(t);
    const bytes = randomBytes(size);
    let received = 0;
    for (const reached of [size / 3, size].map(Math.floor)) {
      await assert.rejects(one.sessions.put('upload-1', received, breaking(bytes.subarray(received, reached))), /aborted/);
      const state = await one.sessions.state('upload-1');
      assert.deepEqual(state, { received: Math.floor(reached / BLOB_CHUNK_BYTES) * BLOB_CHUNK_BYTES, finishing: false, stored: null });
      ({ received } = state);
    }
    const stored = await one.sessions.put('upload-1', received, Readable.from([bytes.subarray(received)]));
    assert.deepEqual(stored, { cid: await nameOf(one, bytes), size });
    assert.equal(await one.node.verify(stored.cid), true);
    assert.deepEqual(one.halves(), []);
    // The answer may have been lost.
    assert.deepEqual(await one.sessions.state('upload-1'), { received: size, finishing: false, stored });
    assert.deepEqual(await one.sessions.put('upload-1', 0, breaking(bytes)), stored);
  });
}

test('it goes on only where it broke off, or from its beginning; what is not known begins at 0', async (t) => {
  const one = lab(t);
  const bytes = randomBytes(BLOB_CHUNK_BYTES + 50);
  await assert.rejects(one.sessions.state('upload-1'), (error) => isSkeinError(error, 'BLOB_NOT_FOUND'));
  await assert.rejects(one.sessions.put('upload-1', 5, Readable.from([bytes])), /so far 0 bytes of this upload have come, and this goes on at 5/);
  await assert.rejects(one.sessions.put('upload-1', 0, breaking(bytes)), /aborted/);
  for (const offset of [10, BLOB_CHUNK_BYTES + 50]) await assert.rejects(one.sessions.put('upload-1', offset, Readable.from([bytes])), (error) => isSkeinError(error, 'REQUEST_INVALID') && error.data['status'] === 409);
  const stored = await one.sessions.put('upload-1', 0, Readable.from([bytes]));
  assert.equal(stored.cid, await nameOf(one, bytes));
  assert.deepEqual(one.halves(), []);
});

test('whoever asks, or sends again, ends what still seems to come', async (t) => {
  const one = lab(t);
  const bytes = randomBytes(BLOB_CHUNK_BYTES + 50);
  const silent = new PassThrough({ highWaterMark: 2 * BLOB_CHUNK_BYTES });
  silent.write(bytes.subarray(0, BLOB_CHUNK_BYTES));
  const first = assert.rejects(one.sessions.put('upload-1', 0, silent));
  assert.equal((await one.sessions.state('upload-1')).finishing, false);
  await first;
  assert.equal(silent.destroyed, true);
  const { received } = await one.sessions.state('upload-1');
  const stale = new PassThrough();
  const second = assert.rejects(one.sessions.put('upload-1', received, stale));
  await turn();
  const stored = await one.sessions.put('upload-1', received, Readable.from([bytes.subarray(received)]));
  await second;
  assert.equal(stored.cid, await nameOf(one, bytes));
});

test('why it was refused is told again, and nothing is left of it', async (t) => {
  const one = lab(t);
  const { makeRoom } = one.store;
  one.store.makeRoom = () => Promise.reject(new SkeinError('BLOB_DISK_FULL', 'there is no room'));
  const bytes = randomBytes(BLOB_CHUNK_BYTES + 50);
  await assert.rejects(one.sessions.put('upload-1', 0, Readable.from([bytes])), /there is no room/);
  await assert.rejects(one.sessions.state('upload-1'), /there is no room/);
  for (let turns = 0; turns < 1000 && one.halves().length > 0; turns++) await turn();
  assert.deepEqual(one.halves(), []);
  one.store.makeRoom = makeRoom;
  assert.equal((await one.sessions.put('upload-1', 0, Readable.from([bytes]))).cid, await nameOf(one, bytes));
});

test('of many that broke off the oldest goes, of many that come none', async (t) => {
  const one = lab(t);
  await assert.rejects(one.sessions.put('first', 0, breaking(randomBytes(10))), /aborted/);
  const coming = Array.from({ length: UPLOADS_MAX }, (_, i) => {
    const source = new PassThrough();
    return { source, ended: assert.rejects(one.sessions.put(`key-${i}`, 0, source)) };
  });
  await assert.rejects(one.sessions.state('first'), (error) => isSkeinError(error, 'BLOB_NOT_FOUND'));
  await assert.rejects(one.sessions.put('more', 0, Readable.from(['x'])), (error) => isSkeinError(error, 'LIMIT_EXCEEDED'));
  for (const { source } of coming) source.destroy();
  await Promise.all(coming.map(({ ended }) => ended));
  assert.equal((await one.sessions.put('more', 0, Readable.from([Buffer.from('x')]))).size, 1);
});

test('what comes is not forgotten, though an earlier connection for it ended meanwhile', async (t) => {
  const one = lab(t);
  const bytes = randomBytes(BLOB_CHUNK_BYTES + 50);
  const silent = new PassThrough();
  const first = assert.rejects(one.sessions.put('upload-1', 0, silent));
  await turn();
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const long = new PassThrough();
  const second = one.sessions.put('upload-1', 0, long);
  await first;
  for (let turns = 0; turns < 20; turns++) await turn();
  t.mock.timers.tick(UPLOAD_KEPT_MS + 1);
  t.mock.timers.reset();
  long.end(bytes);
  assert.equal((await second).cid, await nameOf(one, bytes));
  assert.equal((await one.sessions.state('upload-1')).stored?.size, bytes.length);
});
