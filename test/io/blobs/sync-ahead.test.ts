/** Goal: a growing file is synced in between, one sync at a time, and what a sync found is told at the end. */
import assert from 'node:assert/strict';
import fs, { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { FolderBlobStore } from '../../../src/io/blobs/folder-store.ts';
import { nameOfBytes } from '../../../src/io/blobs/import-file.ts';
import { SyncAhead } from '../../../src/io/blobs/sync-ahead.ts';
import type { BlobDone } from '../../../src/ports/blobs.ts';

const MIB = 1024 * 1024;

test('a sync begins with every eight megabytes, never two of a file', () => {
  const begun: { readonly name: string; readonly done: BlobDone }[] = [];
  const ahead = new SyncAhead((name, done) => void begun.push({ name, done }));
  for (let i = 0; i < 3; i++) ahead.written('a', 4 * MIB);
  ahead.written('b', MIB);
  assert.deepEqual(begun.map(({ name }) => name), ['a']);
  ahead.written('a', 4 * MIB);
  assert.equal(begun.length, 1);
  begun[0]!.done();
  ahead.written('a', MIB);
  assert.equal(begun.length, 2);
  begun[1]!.done();
  const last = ended(ahead, 'a');
  begun[2]!.done();
  assert.deepEqual([last.over, last.failure, begun.length], [true, undefined, 3]);
});

test('the system says once that it could not write: it is said again at the end, and not of the next file of that name', () => {
  let fails = true;
  const ahead = new SyncAhead((_name, done) => done(fails ? new Error('EIO') : undefined));
  ahead.written('a', 8 * MIB);
  fails = false;
  assert.equal(ended(ahead, 'a').failure?.message, 'EIO');
  assert.equal(ended(ahead, 'a').failure, undefined);
});

test('a sync that is under way at the end is waited for: it may be the one that is told', () => {
  const begun: BlobDone[] = [];
  const ahead = new SyncAhead((_name, done) => void begun.push(done));
  ahead.written('a', 8 * MIB);
  const last = ended(ahead, 'a');
  begun[1]!();
  assert.equal(last.over, false);
  // The next file of that name has nothing to do with it.
  ahead.written('a', 1);
  const next = ended(ahead, 'a');
  begun[2]!();
  assert.deepEqual([next.over, next.failure], [true, undefined]);
  begun[0]!(new Error('EIO'));
  assert.deepEqual([last.over, last.failure?.message], [true, 'EIO']);
});

test('a part whose last sync failed is gone: what the disk has not taken would look well in memory the next time', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-parts-'));
  const store = new FolderBlobStore(folder);
  t.after(() => (store.close(), rmSync(folder, { recursive: true, force: true })));
  const bytes = Buffer.from('half');
  const { cid } = await nameOfBytes(bytes);
  const asked = (begin: (done: BlobDone) => void): Promise<Error | undefined> => new Promise((resolve) => begin(resolve));
  assert.equal(await asked((done) => store.writePart(cid, 0, bytes, done)), undefined);
  t.mock.method(fs, 'fdatasync', (_fd: number, done: fs.NoParamCallback) => done(Object.assign(new Error('EIO'), { code: 'EIO' })));
  assert.match(String(await asked((done) => store.finish(cid, bytes.length, undefined, done))), /EIO/);
  assert.deepEqual(readdirSync(join(folder, 'parts')), []);
});

interface Ended {
  over: boolean;
  failure: Error | undefined;
}

function ended(ahead: SyncAhead, name: string): Ended {
  const end: Ended = { over: false, failure: undefined };
  ahead.end(name, (failure) => Object.assign(end, { over: true, failure }));
  return end;
}
