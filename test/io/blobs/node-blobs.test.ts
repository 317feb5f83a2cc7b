/** The folder of blobs and what programs do with it, on a real disk. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync, chmodSync, closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync, writeSync } from 'node:fs';
import fsPromises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import fc from 'fast-check';
import { isSkeinError } from '../../../src/errors.ts';
import type { FolderBlobStore } from '../../../src/io/blobs/folder-store.ts';
import { importFile, moveFilesIn } from '../../../src/io/blobs/import-file.ts';
import { manifestFile, SEAL, wholeFile } from '../../../src/io/blobs/layout.ts';
import { cidOf } from '../../../src/protocol/cid.ts';
import { BLOB_CHUNK_BYTES } from '../../../src/protocol/limits.ts';
import { testBlobs } from '../../support/node-blobs.ts';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'skein-blobs-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

async function contentOf(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts);
}

for (const size of [0, 1, BLOB_CHUNK_BYTES, BLOB_CHUNK_BYTES + 1, 2 * BLOB_CHUNK_BYTES + 12_345]) {
  test(`${size} bytes in, the same out, also after a restart`, async (t) => {
    const path = folder(t);
    const bytes = randomBytes(size);
    const stored = await testBlobs(path).node.put(pieces(bytes, 100_000));
    assert.equal(stored.size, size);
    const { node } = testBlobs(path);
    assert.deepEqual(node.list().map(({ cid, size: listed }) => [cid, listed]), [[stored.cid, size]]);
    const opened = await node.open(stored.cid);
    assert.ok(bytes.equals(await contentOf(opened.content)));
    assert.equal(await node.verify(stored.cid), true);
    assert.deepEqual(readdirSync(join(path, 'new')), []);
  });
}

test('the name depends on the bytes alone, not on how they come', async (t) => {
  const { store } = testBlobs(folder(t));
  const bytes = randomBytes(BLOB_CHUNK_BYTES + 500);
  const names = new Set<string>();
  for (const size of [bytes.byteLength, BLOB_CHUNK_BYTES, 65_537]) names.add((await importFile(store, pieces(bytes, size))).cid);
  assert.equal(names.size, 1);
});

test('a damaged copy is found wherever it is damaged, and removed', async (t) => {
  const path = folder(t);
  const bytes = randomBytes(BLOB_CHUNK_BYTES + 5000);
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: bytes.byteLength - 1 }), fc.integer({ min: 1, max: 255 }), async (offset, flip) => {
      const { node, store } = testBlobs(path);
      const { cid } = await node.put(pieces(bytes, bytes.byteLength));
      const file = store.fileOf(wholeFile(cid));
      const rotten = readFileSync(file);
      rotten[offset]! ^= flip;
      writeFileSync(file, rotten);
      assert.equal(await node.verify(cid), false);
      assert.equal(existsSync(file), false);
      assert.throws(() => node.progress(cid), (error) => isSkeinError(error, 'BLOB_NOT_FOUND'));
    }),
    { numRuns: 8 },
  );
});

test('a damaged manifest is found, too', async (t) => {
  const path = folder(t);
  const { node, store } = testBlobs(path);
  const { cid } = await node.put(pieces(randomBytes(BLOB_CHUNK_BYTES + 1), 1_000_000));
  writeFileSync(store.fileOf(manifestFile(cid)), 'nonsense');
  assert.equal(await node.verify(cid), false);
});

test('files that are cut short, foreign or half there are not listed', async (t) => {
  const path = folder(t);
  const first = testBlobs(path);
  const big = await first.node.put(pieces(randomBytes(BLOB_CHUNK_BYTES + 1), 1_000_000));
  const lost = await first.node.put(pieces(randomBytes(BLOB_CHUNK_BYTES + 2), 1_000_000));
  truncateSync(first.store.fileOf(wholeFile(big.cid)), 100);
  rmSync(first.store.fileOf(manifestFile(lost.cid)));
  writeFileSync(join(path, 'whole', 'README'), 'not a blob');
  writeFileSync(join(path, 'new', '7'), 'half a file');
  assert.deepEqual(testBlobs(path).node.list(), []);
  assert.deepEqual(readdirSync(join(path, 'new')), []);
});

test('what lies among the blobs and is none is named and left alone', async (t) => {
  const path = folder(t);
  const { cid } = await testBlobs(path).node.put(pieces(randomBytes(10), 10));
  const strays = [join(path, 'whole', '.DS_Store'), join(path, 'whole', `${cid}.tmp`)];
  for (const stray of strays) writeFileSync(stray, 'not a blob');
  mkdirSync(join(path, 'whole', 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'));
  const { node, store } = testBlobs(path);
  assert.deepEqual(node.list().map((blob) => blob.cid), [cid]);
  const told: string[] = [];
  store.onStray = (file) => told.push(file);
  store.list();
  assert.deepEqual(told.filter((file) => strays.includes(file)).sort(), strays.sort());
  assert.ok(strays.every((stray) => existsSync(stray)));
});

test('a blob that somebody wrote to is noticed, read again, and not given to anybody', async (t) => {
  const path = folder(t);
  const { node, store } = testBlobs(path);
  const { cid } = await node.put(pieces(randomBytes(300_000), 100_000));
  const file = store.fileOf(wholeFile(cid));
  chmodSync(file, 0o600);
  appendFileSync(file, 'more');
  truncateSync(file, 300_000);
  assert.equal((await node.fetch(cid)).whole, true, 'the same bytes again: it stays');
  const seal = statSync(file).mtimeMs;
  const handle = openSync(file, 'r+');
  writeSync(handle, 'wrong', 7);
  closeSync(handle);
  assert.notEqual(statSync(file).mtimeMs, seal);
  assert.equal((await node.fetch(cid, { waitMs: 500 })).whole, false);
  assert.equal(existsSync(file), false);
});

test('the time of last use survives a restart', async (t) => {
  const path = folder(t);
  const { node, store } = testBlobs(path);
  const { cid } = await node.put(pieces(randomBytes(10), 10));
  const [blob] = testBlobs(path).node.list();
  assert.ok(Math.abs((blob?.usedAt ?? 0) - Date.now()) < 60_000);
  utimesSync(store.fileOf(wholeFile(cid)), 1000, statSync(store.fileOf(wholeFile(cid))).mtime);
  assert.equal(testBlobs(path).node.list()[0]?.usedAt, 1_000_000);
});

test('a name of bytes that are no manifest is a damaged blob, and harms nobody', async (t) => {
  const path = folder(t);
  const { store, node } = testBlobs(path);
  const nonsense = randomBytes(100);
  const cid = cidOf('manifest', createHash('sha256').update(nonsense).digest());
  const file = store.temporary();
  writeFileSync(file, new Uint8Array(BLOB_CHUNK_BYTES + 1));
  await store.takeIn({ file, cid, manifest: nonsense });
  store.onAdded(cid, BLOB_CHUNK_BYTES + 1);
  assert.equal(await node.verify(cid), false);
  assert.deepEqual(node.list(), []);
});

test('a source that breaks leaves nothing behind', async (t) => {
  const path = folder(t);
  const { node } = testBlobs(path);
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield randomBytes(BLOB_CHUNK_BYTES + 1);
    throw new Error('the client went away');
  }
  await assert.rejects(node.put(broken()), /went away/);
  assert.deepEqual(node.list(), []);
  assert.deepEqual(readdirSync(join(path, 'new')), []);
});

test('removing takes file and manifest; what is not here is said to be so', async (t) => {
  const path = folder(t);
  const { node, store } = testBlobs(path);
  const { cid } = await node.put(pieces(randomBytes(BLOB_CHUNK_BYTES + 1), 1_000_000));
  await node.remove(cid);
  assert.equal(existsSync(store.fileOf(wholeFile(cid))), false);
  assert.equal(existsSync(store.fileOf(manifestFile(cid))), false);
  await assert.rejects(node.remove(cid), (error) => isSkeinError(error, 'BLOB_NOT_FOUND'));
  await assert.rejects(node.remove('../../etc/passwd'), (error) => isSkeinError(error, 'BLOB_INVALID'));
});

test('files are for their owner alone', { skip: process.platform === 'win32' }, async (t) => {
  const path = folder(t);
  const { node, store } = testBlobs(join(path, 'blobs'));
  const { cid } = await node.put(pieces(new Uint8Array([1]), 1));
  assert.equal(statSync(store.fileOf(wholeFile(cid))).mode & 0o077, 0);
});

test('a wait that is over or given up leaves the fetch to go on', async (t) => {
  const { node } = testBlobs(folder(t));
  const missing = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy';
  assert.deepEqual(await node.fetch(missing, { waitMs: 1 }), { cid: missing, size: 0, bytesHere: 0, whole: false });
  await assert.rejects(node.fetch(missing, { signal: AbortSignal.timeout(5) }), /timeout|abort/i);
  assert.equal(node.progress(missing).whole, false);
});

test('of files that are put in their places together, only the one at fault fails', async (t) => {
  const path = folder(t);
  const { store } = testBlobs(path);
  const names = await Promise.all(Array.from({ length: 8 }, (_, i) => importFile(store, pieces(Buffer.from(`file ${i}`), 100))));
  const files = names.map(({ cid }, i) => ({ file: join(path, 'new', `again-${i}`), cid, manifest: undefined }));
  for (const [i, { file, cid }] of files.entries()) if (i !== 3) writeFileSync(file, readFileSync(store.fileOf(wholeFile(cid))));
  rmSync(store.fileOf(wholeFile(files[3]!.cid)));
  const ends = await Promise.allSettled(files.map((file) => store.takeIn(file)));
  assert.deepEqual(ends.map(({ status }) => status), files.map((_, i) => (i === 3 ? 'rejected' : 'fulfilled')));
  assert.equal(store.list().length, 7);
});

test('a file that is put again replaces one that is damaged, also for whoever has it open', async (t) => {
  const { node, store } = testBlobs(folder(t));
  const bytes = randomBytes(1000);
  const { cid } = await node.put(pieces(bytes, 1000));
  assert.equal(await node.verify(cid), true);
  const file = store.fileOf(wholeFile(cid));
  chmodSync(file, 0o600);
  writeFileSync(file, randomBytes(1000));
  await node.put(pieces(bytes, 1000));
  assert.equal(await node.verify(cid), true);
});

test('what is stored while the same is being removed stays', async (t) => {
  const { node, store } = testBlobs(folder(t));
  const bytes = randomBytes(BLOB_CHUNK_BYTES + 1);
  const { cid } = await node.put(pieces(bytes, 100_000));
  const again = store.temporary();
  writeFileSync(again, bytes);
  const { rm } = fsPromises;
  t.mock.method(fsPromises, 'rm', async (...given: Parameters<typeof rm>) => {
    await setTimeout(100);
    return rm(...given);
  });
  syncBuiltinESMExports();
  const removed = node.remove(cid);
  const [moved] = await moveFilesIn(store, [again]);
  await removed;
  t.mock.restoreAll();
  syncBuiltinESMExports();
  assert.equal(moved?.cid, cid);
  assert.equal(await node.verify(cid), true);
});

test('what is removed while the same is being stored is what was there before', async (t) => {
  const { node, store } = testBlobs(folder(t));
  const bytes = randomBytes(1000);
  const { cid } = await node.put(pieces(bytes, 1000));
  const again = store.temporary();
  writeFileSync(again, bytes);
  store.isDoubted = () => true;
  const { rename, rm } = fsPromises;
  t.mock.method(fsPromises, 'rename', async (...given: Parameters<typeof rename>) => {
    await setTimeout(100);
    return rename(...given);
  });
  t.mock.method(fsPromises, 'rm', async (...given: Parameters<typeof rm>) => {
    await setTimeout(200);
    return rm(...given);
  });
  syncBuiltinESMExports();
  const moved = moveFilesIn(store, [again]);
  await setTimeout(50);
  await Promise.all([node.remove(cid), moved]);
  t.mock.restoreAll();
  syncBuiltinESMExports();
  assert.equal(await node.verify(cid), true);
});

test('what a module left and is here already is not removed to make room for the rest of it', async (t) => {
  const { node, store, blobs } = testBlobs(folder(t));
  const bytes = randomBytes(1000);
  const { cid } = await node.put(pieces(bytes, 1000));
  const judged = blobs.get(cid)?.usedAt;
  await setTimeout(5);
  const again = store.temporary();
  writeFileSync(again, bytes);
  // As a sweep does: what was used since it was judged stays.
  store.makeRoom = async () => void (blobs.get(cid)?.usedAt === judged && (await node.remove(cid)));
  await moveFilesIn(store, [again]);
  assert.ok(existsSync(store.fileOf(wholeFile(cid))));
  assert.equal(await node.verify(cid), true);
});

test('what a module left takes the place of a damaged file that is being compared', async (t) => {
  const { node, store } = testBlobs(folder(t));
  const bytes = randomBytes(BLOB_CHUNK_BYTES + 1);
  const { cid } = await node.put(pieces(bytes, 100_000));
  const file = store.fileOf(wholeFile(cid));
  chmodSync(file, 0o600);
  writeFileSync(file, randomBytes(BLOB_CHUNK_BYTES + 1));
  utimesSync(file, new Date(), SEAL);
  const again = store.temporary();
  writeFileSync(again, bytes);
  const verified = node.verify(cid);
  const [moved] = await moveFilesIn(store, [again]);
  assert.equal(moved?.cid, cid);
  // It saw the one or the other; what is left is the right one.
  await verified;
  assert.equal(await node.verify(cid), true);
  assert.ok(bytes.equals(readFileSync(file)));
});

test('a file counts as missing from when it is to be compared until it is sealed, and not sealed when somebody wrote to it meanwhile', async (t) => {
  const path = folder(t);
  const { node, store } = testBlobs(path);
  const { cid } = await node.put(pieces(randomBytes(1000), 1000));
  const file = store.fileOf(wholeFile(cid));
  const state = (other: FolderBlobStore = store): Promise<string> => new Promise((resolve) => other.sealed(cid, resolve));
  const done = (begin: (end: (error?: Error) => void) => void): Promise<void> => new Promise((resolve, reject) => begin((error) => (error === undefined ? resolve() : reject(error))));
  assert.equal(await state(), 'whole');
  await done((end) => store.unseal(cid, end));
  assert.deepEqual([await state(), await state(testBlobs(path).store)], ['missing', 'missing']);
  await done((end) => store.seal(cid, end));
  assert.equal(await state(), 'whole');
  await done((end) => store.unseal(cid, end));
  chmodSync(file, 0o600);
  writeFileSync(file, randomBytes(1000));
  await done((end) => store.seal(cid, end));
  assert.equal(await state(), 'broken');
});

test('a small blob can be read at once, is sealed when it is synced, and is not believed when the process ended before', async (t) => {
  const path = folder(t);
  const { store } = testBlobs(path);
  const bytes = randomBytes(4096);
  const cid = cidOf('raw', createHash('sha256').update(bytes).digest());
  const written = Promise.withResolvers<void>();
  store.write(cid, bytes, (error) => (error === undefined ? written.resolve() : written.reject(error)));
  await written.promise;
  const file = store.fileOf(wholeFile(cid));
  assert.ok(bytes.equals(readFileSync(file)));
  assert.notEqual(statSync(file).mtimeMs, SEAL.getTime());
  const sealed = (other: FolderBlobStore): Promise<string> => new Promise((resolve) => other.sealed(cid, resolve));
  assert.equal(await sealed(store), 'whole', 'by the process that wrote it');
  assert.equal(await sealed(testBlobs(path).store), 'missing', 'by the next one');
  await new Promise<void>((resolve, reject) => store.sync(cid, (error) => (error === undefined ? resolve() : reject(error))));
  assert.equal(statSync(file).mtimeMs, SEAL.getTime());
  assert.equal(statSync(file).mode & 0o777, 0o400);
});

test('what a module left takes the place of a small blob that is not synced yet', async (t) => {
  const path = folder(t);
  const { store } = testBlobs(path);
  const bytes = randomBytes(4096);
  const cid = cidOf('raw', createHash('sha256').update(bytes).digest());
  await new Promise<void>((resolve, reject) => store.write(cid, bytes, (error) => (error === undefined ? resolve() : reject(error))));
  assert.equal(store.has(cid), true);
  assert.equal(store.isDurable(cid), false);
  assert.equal(testBlobs(path).store.has(cid), false, 'for the next process it may be a name without bytes');
  const file = join(path, 'left');
  writeFileSync(file, bytes);
  await moveFilesIn(store, [file]);
  assert.equal(store.isDurable(cid), true);
});

test('many small blobs at once are all synced, with few files open', async (t) => {
  const { store } = testBlobs(folder(t));
  const all = Array.from({ length: 1000 }, (_, i) => Buffer.from(`blob ${i}`));
  const cids = all.map((bytes) => cidOf('raw', createHash('sha256').update(bytes).digest()));
  await Promise.all(all.map((bytes, i) => new Promise<void>((resolve, reject) => store.write(cids[i]!, bytes, () => store.sync(cids[i]!, (error) => (error === undefined ? resolve() : reject(error)))))));
  assert.ok(cids.every((cid) => statSync(store.fileOf(wholeFile(cid))).mtimeMs === SEAL.getTime()));
  assert.deepEqual(readdirSync(join(store.path, 'new')), []);
});
