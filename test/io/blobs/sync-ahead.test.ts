/** Goal: a growing file is synced in between, one sync at a time, and what a sync found is told at the end. */
import assert from 'node:assert/strict';
import test from 'node:test';
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
  assert.equal(ahead.end('a'), undefined);
});

test('the system says once that it could not write: it is said again at the end, and not of the next file of that name', () => {
  const ahead = new SyncAhead((_name, done) => done(new Error('EIO')));
  ahead.written('a', 8 * MIB);
  assert.equal(ahead.end('a')?.message, 'EIO');
  assert.equal(ahead.end('a'), undefined);
});
