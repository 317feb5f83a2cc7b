/** Bundles that are blobs: given to pooled processes as a copy of the file, once, as long as there is room for them. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { FilesRef } from '../../../src/core/cell/types.ts';
import type { Cid } from '../../../src/core/lib/ids.ts';
import { wholeFile } from '../../../src/io/blobs/layout.ts';
import { shelfOf } from '../../../src/io/blobs/shelf.ts';
import { BUNDLES_BYTES_MAX, BUNDLES_MAX } from '../../../src/io/executor/limits.ts';
import { SentBundles } from '../../../src/io/executor/sent-bundles.ts';
import type { Execution } from '../../../src/ports/executor.ts';
import { testBlobs, type TestBlobs } from '../../support/node-blobs.ts';
import { bench, bundled, execution, temporaryFolder, type Bench } from './harness.ts';

const TABLE_LENGTH = 6 * 1024 * 1024;
const source = (tag: string): string => `const table = ${JSON.stringify(tag.repeat(TABLE_LENGTH / tag.length))};
import { writeFileSync } from 'node:fs';
export const length = () => ({ length: table.length, first: table.slice(0, ${tag.length}) });
export const pid = () => ({ pid: process.pid });
export const spoil = () => writeFileSync(new URL(import.meta.url), 'nonsense');
`;

interface Lab extends TestBlobs, Bench {
  readonly put: (text: string) => Promise<FilesRef>;
  readonly calls: (blob: FilesRef, name: string) => Execution;
}

function lab(t: TestContext): Lab {
  const blobs = testBlobs(join(temporaryFolder(t), 'blobs'));
  return {
    ...blobs,
    ...bench(t, { files: shelfOf(blobs.store) }),
    put: async (text) => ({ kind: 'file', name: 'steps.ts', count: 1, ...(await blobs.node.putBytes(Buffer.from(text))) }),
    calls: (blob, name) => execution({ type: 'bundle', bundle: blob.cid, export: name, sourceName: './steps.ts' }, { bundle: (asked) => (asked === blob.cid ? blob : undefined) }),
  };
}

test('functions of a large bundle run, all that wait for it as well, and so do others meanwhile', async (t) => {
  const { run, put, calls } = lab(t);
  const blob = await put(source('a'));
  const small = run(bundled('export const one = () => ({ n: 1 });', 'one'));
  const outcomes = await Promise.all(Array.from({ length: 20 }, () => run(calls(blob, 'length'))));
  for (const { error, values } of outcomes) assert.deepEqual([error, values], [null, { length: TABLE_LENGTH, first: 'a' }]);
  assert.deepEqual((await small).values, { n: 1 });
  const again = await Promise.all(Array.from({ length: 2 }, () => run(calls(blob, 'pid'))));
  assert.ok(again.every(({ ok }) => ok), 'its processes stay for what comes next');
});

test('a function that writes to its own code does not change the blob', async (t) => {
  const { run, put, calls, store, node } = lab(t);
  const blob = await put(source('b'));
  assert.equal((await run(calls(blob, 'spoil'))).error, null);
  assert.equal(readFileSync(store.fileOf(wholeFile(blob.cid))).byteLength, blob.size);
  assert.ok(await node.verify(blob.cid));
});

test('a blob that is taken away before it is copied: handed back, and it works when it is there again', async (t) => {
  const { run, put, calls, store, notes } = lab(t);
  const blob = await put(source('c'));
  rmSync(store.fileOf(wholeFile(blob.cid)));
  const outcome = await run(calls(blob, 'length'));
  assert.deepEqual([outcome.error?.code, outcome.error?.message], ['NODE_EXHAUSTED', 'the bundle of ./steps.ts could not be written']);
  assert.ok(notes.some(({ event, message }) => event === 'bundle-not-written' || message.includes('ENOENT')));
  await put(source('c'));
  assert.equal((await run(calls(blob, 'length'))).error, null);
});

test('what the run does not carry, and a node without blobs', async (t) => {
  const { run } = bench(t);
  const blob: FilesRef = { kind: 'file', cid: 'bafyx' as Cid, name: 'steps.ts', size: 5, count: 1 };
  const without = await run(execution({ type: 'bundle', bundle: blob.cid, export: 'f', sourceName: './steps.ts' }, { bundle: () => blob }));
  assert.match(without.error?.message ?? '', /keeps no files/);
  const unknown = await run(execution({ type: 'bundle', bundle: 'f00', export: 'f', sourceName: './steps.ts' }));
  assert.equal(unknown.error?.message, 'the run carries no bundle f00 for ./steps.ts');
});

test('a half copied bundle is never left', async (t) => {
  const { run, put, calls, workDir } = lab(t);
  const blob = await put(source('d'));
  await run(calls(blob, 'length'));
  const files = readdirSync(workDir).flatMap((name) => readdirSync(join(workDir, name)));
  assert.deepEqual(files.filter((name) => name.includes('.mjs')), [`${blob.cid}.mjs`]);
});

// ── What is dropped ──────────────────────────────────────────────────────────────────────────────────────────────

function sent(used: readonly string[] = []): { readonly bundles: SentBundles; readonly said: string[]; readonly ensure: (name: string, bytes?: number) => void } {
  const said: string[] = [];
  const bundles = new SentBundles({ send: (kind, { hash, file }) => said.push(`${kind} ${hash}${file === undefined ? '' : ` ${file}`}`), shelf: () => ({ pathOf: (cid) => `/blobs/${cid}`, takeFiles: () => Promise.reject(new Error()), takeBytes: () => Promise.reject(new Error()) }), inUse: () => new Set(used) });
  return { bundles, said, ensure: (name, size) => bundles.ensure(name, size === undefined ? 'text' : { kind: 'file', cid: name as Cid, name, size, count: 1 }, './steps.ts') };
}

test('each is sent once, and again when it is not there', () => {
  const { bundles, said, ensure } = sent();
  for (const name of ['a', 'b', 'a']) ensure(name, name === 'b' ? 7 : undefined);
  assert.deepEqual(said, ['bundle a', 'bundle b /blobs/b']);
  bundles.forget('a');
  ensure('a');
  bundles.clear();
  ensure('b');
  assert.deepEqual(said.slice(2), ['bundle a', 'bundle b']);
});

test('beyond the count, and beyond the bytes, those that nobody asked for lately go', () => {
  const many = sent();
  for (let at = 0; at < BUNDLES_MAX; at++) many.ensure(`n${at}`);
  many.ensure('n0');
  many.ensure('new');
  assert.deepEqual(many.said.filter((word) => word.startsWith('drop')), ['drop n1']);
  const large = sent();
  for (const name of ['a', 'b', 'c']) large.ensure(name, BUNDLES_BYTES_MAX / 4);
  large.ensure('a');
  large.ensure('d', BUNDLES_BYTES_MAX / 2);
  assert.deepEqual(large.said.filter((word) => word.startsWith('drop')), ['drop b']);
});

test('one whose modules have not ended stays, even beyond the bound', () => {
  const { said, ensure } = sent(['a', 'b']);
  ensure('a', BUNDLES_BYTES_MAX / 2);
  ensure('b', BUNDLES_BYTES_MAX / 2);
  ensure('c', BUNDLES_BYTES_MAX / 2);
  ensure('d', BUNDLES_BYTES_MAX / 2);
  assert.deepEqual(said.filter((word) => word.startsWith('drop')), ['drop c']);
});
