/** Goal: many small files at once are what they are one by one: whole or not there, durable ones never replaced, errors told for each. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { isSealed, isUnsynced, SEAL } from '../../../src/io/blobs/layout.ts';
import { SmallBatches } from '../../../src/io/blobs/small-batches.ts';
import { doSmallJob, type SmallOutcome } from '../../../src/io/blobs/small-io.ts';

function folders(t: TestContext): { readonly folder: string; readonly through: string } {
  const root = mkdtempSync(join(tmpdir(), 'skein-small-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const [folder, through] = [join(root, 'whole'), join(root, 'new')];
  mkdirSync(folder);
  mkdirSync(through);
  return { folder, through };
}

function write(where: { readonly folder: string; readonly through: string }, files: Readonly<Record<string, string>>): readonly SmallOutcome[] {
  const contents = Object.values(files).map((text) => Buffer.from(text));
  return doSmallJob({ op: 'write', ...where, names: Object.keys(files), lengths: contents.map(({ byteLength }) => byteLength), bytes: Buffer.concat(contents) }).outcomes;
}

test('what was written is read again, beside what is missing or shorter', (t) => {
  const where = folders(t);
  assert.deepEqual(write(where, { a: 'first', empty: '', b: 'second' }), ['written', 'written', 'written']);
  for (const name of ['a', 'empty', 'b']) assert.ok(isUnsynced(statSync(join(where.folder, name))));
  assert.equal(statSync(join(where.folder, 'a')).mode & 0o777, 0o400);
  assert.deepEqual(readdirSync(where.through), []);
  const { outcomes, bytes } = doSmallJob({ op: 'read', folder: where.folder, names: ['b', 'none', 'a', 'empty'], lengths: [6, 3, 9, 4] });
  assert.deepEqual(outcomes.map((outcome) => (typeof outcome === 'object' ? outcome.code : outcome)), [6, 'ENOENT', 5, 0]);
  assert.equal(Buffer.from(bytes).toString('latin1', 0, 14), 'second\0\0\0first');
});

test('a sealed file stays, one that somebody wrote to, or of another length, is replaced', (t) => {
  const where = folders(t);
  for (const name of ['sealed', 'written', 'short']) writeFileSync(join(where.folder, name), 'there');
  for (const name of ['sealed', 'short']) utimesSync(join(where.folder, name), SEAL, SEAL);
  assert.deepEqual(write(where, { sealed: 'other', written: 'other', short: 'longer' }), ['present', 'written', 'written']);
  assert.deepEqual(['sealed', 'written', 'short'].map((name) => readFileSync(join(where.folder, name), 'utf8')), ['there', 'other', 'longer']);
  assert.ok(isSealed(statSync(join(where.folder, 'sealed'))));
  assert.deepEqual(readdirSync(where.through), []);
});

test('one that cannot be written is told, and leaves nothing half done', (t) => {
  const where = folders(t);
  mkdirSync(join(where.folder, 'taken'));
  const [first, taken, last] = write(where, { first: '1', taken: '2', last: '3' });
  assert.deepEqual([first, last], ['written', 'written']);
  assert.ok(typeof taken === 'object' && typeof taken.code === 'string');
  assert.deepEqual(readdirSync(where.through), []);
});

test('what a thread that ended in the middle has left is in nobody\'s way', (t) => {
  const where = folders(t);
  writeFileSync(join(where.through, 'small-a'), 'ha', { mode: 0o400 });
  assert.deepEqual(write(where, { a: 'half' }), ['written']);
  assert.equal(readFileSync(join(where.folder, 'a'), 'utf8'), 'half');
  assert.deepEqual(readdirSync(where.through), []);
});

test('few are left to the caller; many go through the thread, each with its own bytes', async (t) => {
  const { folder, through } = folders(t);
  const batches = new SmallBatches(folder, through);
  t.after(() => batches.close());
  const writeAll = (count: number): Promise<(SmallOutcome | undefined)[]> => Promise.all(Array.from({ length: count }, (_, i) => new Promise<SmallOutcome | undefined>((resolve) => batches.write(`f${i}`, Buffer.from(`content ${i}`), resolve))));
  assert.deepEqual(await writeAll(3), [undefined, undefined, undefined]);
  assert.ok((await writeAll(300)).every((outcome) => outcome === 'written'));
  const read = await Promise.all(Array.from({ length: 300 }, (_, i) => new Promise<string>((resolve) => batches.read(`f${i}`, 20, (_outcome, bytes) => resolve(Buffer.from(bytes).toString())))));
  assert.deepEqual(read, Array.from({ length: 300 }, (_, i) => `content ${i}`));
});

test('when it is closed what was under way is left to the caller', async (t) => {
  const { folder, through } = folders(t);
  const batches = new SmallBatches(folder, through);
  const all = Promise.all(Array.from({ length: 50 }, (_, i) => new Promise<boolean>((resolve) => batches.write(`f${i}`, Buffer.from('x'), (outcome) => resolve(outcome === undefined || outcome === 'written')))));
  await new Promise((resolve) => setImmediate(resolve));
  batches.close();
  assert.ok((await all).every((told) => told));
});
