/** What goes and what stays on a real disk, by what the cell says is needed. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import test, { type TestContext } from 'node:test';
import type { BlobRef } from '../../../src/core/cell/files.ts';
import type { Json } from '../../../src/core/cell/types.ts';
import type { Cid } from '../../../src/core/lib/ids.ts';
import { isSkeinError, SkeinError } from '../../../src/errors.ts';
import { moveFilesIn } from '../../../src/io/blobs/import-file.ts';
import { SEAL, wholeFile } from '../../../src/io/blobs/layout.ts';
import { cidOf } from '../../../src/protocol/cid.ts';
import { encodeTree } from '../../../src/protocol/tree-codec.ts';
import type { HousekeeperInit } from '../../../src/runtime/blobs/housekeeper.ts';
import { NEEDS_ASKED_MAX, RECENT_MS } from '../../../src/runtime/blobs/limits.ts';
import type { Need } from '../../../src/runtime/blobs/needs.ts';
import { testBlobs, type TestBlobs } from '../../support/node-blobs.ts';

const RETENTION_MS = 10 * RECENT_MS;

interface Lab extends TestBlobs {
  readonly needs: Map<string, Partial<Need>>;
  readonly put: (content: string | Uint8Array, agoMs?: number) => Promise<Cid>;
  /** As a restart sees it. */
  readonly again: () => Lab;
  readonly here: () => readonly Cid[];
}

function lab(t: TestContext, more: Partial<HousekeeperInit> = {}, known?: { readonly folder: string; readonly needs: Map<string, Partial<Need>> }): Lab {
  const folder = known?.folder ?? mkdtempSync(join(tmpdir(), 'skein-keeper-'));
  if (known === undefined) t.after(() => rmSync(folder, { recursive: true, force: true }));
  const needs = known?.needs ?? new Map<string, Partial<Need>>();
  const read: HousekeeperInit['read'] = (query, argument, done) => {
    assert.equal(query, 'blobNeeds');
    const cids = argument as string[];
    assert.ok(cids.length <= NEEDS_ASKED_MAX);
    const answer = cids.flatMap((cid, position): Json[] => {
      const need = needs.get(cid);
      return need === undefined ? [] : [[position, need.live ?? false, need.finishedAt ?? 0, need.tree ?? false]];
    });
    setImmediate(() => done(undefined, { cell: 'cell', founded: 1, needs: answer }));
  };
  const blobs = testBlobs(folder, { read, retentionMs: RETENTION_MS, ...more });
  const put = async (content: string | Uint8Array, agoMs = 0): Promise<Cid> => {
    const { cid } = await blobs.node.put(Readable.from([Buffer.from(content)]));
    if (agoMs > 0) utimesSync(blobs.store.fileOf(wholeFile(cid)), (Date.now() - agoMs) / 1000, SEAL);
    return cid;
  };
  return { ...blobs, needs, put, again: () => lab(t, more, { folder, needs }), here: () => blobs.node.list().map(({ cid }) => cid) };
}

test('what nobody needs any more goes when its time is over; live, pinned, and young ones stay, with the files of lists', async (t) => {
  const first = lab(t);
  const old = 2 * RETENTION_MS;
  const [gone, pinned, live, ended, member, young] = await Promise.all(['gone', 'pinned', 'live', 'ended', 'member', 'young'].map((text) => first.put(text, text === 'young' ? 0 : old)));
  const tree = await first.put(encodeTree([{ path: 'a', cid: member!, size: 6, executable: false }]), old);
  first.needs.set(live!, { live: true }).set(tree, { live: true, tree: true }).set(ended!, { finishedAt: Date.now() - RETENTION_MS / 2 });
  await first.node.pin(pinned!, true);
  const second = first.again();
  const standings = { [gone!]: 'expired', [pinned!]: 'pinned', [live!]: 'live', [ended!]: 'kept', [member!]: 'live', [tree]: 'live', [young!]: 'kept' };
  assert.deepEqual(Object.fromEntries(await second.node.standings()), standings);
  const dry = await second.node.gc(true);
  assert.deepEqual(dry.removed.map(({ blob }) => blob.cid), [gone]);
  assert.equal(second.here().length, 7);
  const swept = await second.node.gc(false);
  assert.deepEqual([swept.removed.map(({ blob }) => blob.cid), swept.bytes], [[gone], 4]);
  assert.equal(existsSync(second.store.fileOf(wholeFile(gone!))), false);
  await second.node.pin(pinned!, false);
  assert.deepEqual((await second.again().node.gc(false)).removed.map(({ blob }) => blob.cid), [pinned]);
});

test('the files of a list that is pinned are pinned', async (t) => {
  const first = lab(t);
  const member = await first.put('member', 2 * RETENTION_MS);
  const tree = await first.put(encodeTree([{ path: 'a', cid: member, size: 6, executable: false }]), 2 * RETENTION_MS);
  await first.node.pin(tree, true);
  const second = first.again();
  assert.equal((await second.node.gc(false)).removed.length, 0);
  await second.node.pin(tree, false);
  assert.equal((await first.again().node.gc(false)).removed.length, 2);
});

test('a list that is damaged ends the sweep: what it lists is not known', async (t) => {
  const first = lab(t);
  const member = await first.put('member', 2 * RETENTION_MS);
  const tree = await first.put(encodeTree([{ path: 'a', cid: member, size: 6, executable: false }]), 2 * RETENTION_MS);
  first.needs.set(tree, { live: true, tree: true });
  rmSync(first.store.fileOf(wholeFile(tree)));
  const second = first;
  await assert.rejects(second.node.gc(false), (error) => isSkeinError(error, 'BLOB_STORE_FAILED') && error.message.includes(tree));
  assert.ok(second.here().includes(member));
});

test('for room the least recently used goes, and what was used a moment ago never', async (t) => {
  const first = lab(t, { quota: { bytes: 1000 } });
  const a = await first.put(new Uint8Array(400).fill(1), 3 * RECENT_MS);
  const b = await first.put(new Uint8Array(400).fill(2), 2 * RECENT_MS);
  const second = first.again();
  const c = await second.put(new Uint8Array(400).fill(3));
  assert.deepEqual(second.here().toSorted(), [b, c].toSorted());
  assert.equal(existsSync(second.store.fileOf(wholeFile(a))), false);
  await assert.rejects(second.put(new Uint8Array(700).fill(4)), (error) => isSkeinError(error, 'BLOB_DISK_FULL') && /may take 1000 bytes/.test(error.message));
  assert.deepEqual(second.here().toSorted(), [b, c].toSorted(), 'nothing in vain');
  assert.deepEqual(readdirSync(join(second.store.path, 'new')), []);
});

test('what runs need stays, and what a module left is refused then', async (t) => {
  const first = lab(t, { quota: { bytes: 1000 } });
  const live = await first.put(new Uint8Array(800).fill(1), 3 * RECENT_MS);
  first.needs.set(live, { live: true });
  const second = first.again();
  const file = join(second.store.path, 'left');
  writeFileSync(file, new Uint8Array(500));
  await assert.rejects(moveFilesIn(second.store, [file]), (error) => isSkeinError(error, 'BLOB_DISK_FULL'));
  assert.deepEqual(second.here(), [live]);
});

test('when the cell does not answer nothing goes', async (t) => {
  const silent: HousekeeperInit['read'] = (_query, _argument, done) => done(new SkeinError('NO_LEADER', 'nobody leads'));
  const first = lab(t, { read: silent, quota: { bytes: 1000 } });
  const old = await first.put(new Uint8Array(800), 3 * RETENTION_MS);
  const second = first.again();
  await assert.rejects(second.node.gc(false), (error) => isSkeinError(error, 'NO_LEADER'));
  await assert.rejects(second.put(new Uint8Array(500).fill(1)), (error) => isSkeinError(error, 'BLOB_DISK_FULL'));
  assert.deepEqual(second.here(), [old]);
  assert.deepEqual([...(await second.node.standings())], []);
});

test('an answer that is none removes nothing', async (t) => {
  const needs = [null, 7, [[0]], [[99, true, 0, false]], [['0', true, 0, false]]].map((wrong) => ({ cell: 'cell', founded: 1, needs: wrong }));
  for (const answer of [null, 7, [], { cell: '', founded: 1, needs: [] }, { cell: 'cell', needs: [] }, ...needs] as Json[]) {
    const first = lab(t, { read: (_query, _argument, done) => done(undefined, answer) });
    await first.put('old', 3 * RETENTION_MS);
    await assert.rejects(first.again().node.gc(false), (error) => isSkeinError(error, 'FRAME_INVALID'));
    assert.equal(first.here().length, 1);
  }
});

test('what was here before the cell was founded may be of another one, out of sight: it stays, for its time and for room', async (t) => {
  const founded = { at: Date.now() };
  const read: HousekeeperInit['read'] = (_query, _argument, done) => setImmediate(() => done(undefined, { cell: 'cell', founded: founded.at, needs: [] }));
  const first = lab(t, { read, quota: { bytes: 1000 } });
  const old = await first.put(new Uint8Array(800), 3 * RETENTION_MS);
  const second = first.again();
  assert.deepEqual(Object.fromEntries(await second.node.standings()), { [old]: 'kept' });
  assert.deepEqual((await second.node.gc(false)).removed, []);
  await assert.rejects(second.put(new Uint8Array(500).fill(1)), (error) => isSkeinError(error, 'BLOB_DISK_FULL'));
  founded.at = Date.now() - 4 * RETENTION_MS;
  assert.deepEqual((await first.again().node.gc(false)).removed.map(({ blob }) => blob.cid), [old]);
});

test('a node that goes to another cell while it asks removes nothing', async (t) => {
  let cell = 0;
  const first = lab(t, { read: (_query, _argument, done) => setImmediate(() => done(undefined, { cell: String(++cell), founded: 1, needs: [] })) });
  for (let i = 0; i < NEEDS_ASKED_MAX + 1; i += 1) {
    const file = first.store.fileOf(wholeFile(cidOf('raw', createHash('sha256').update(String(i)).digest())));
    writeFileSync(file, String(i));
    utimesSync(file, (Date.now() - 2 * RETENTION_MS) / 1000, SEAL);
  }
  await assert.rejects(first.again().node.gc(false), /went to another cell/);
  assert.equal(first.again().here().length, NEEDS_ASKED_MAX + 1);
});

test('what a module left here and the log does not know yet stays, however old, with the files of its lists', async (t) => {
  const unrecorded: BlobRef[] = [];
  const first = lab(t, { unrecorded: () => unrecorded });
  const member = await first.put('member', 2 * RETENTION_MS);
  const tree = await first.put(encodeTree([{ path: 'a', cid: member, size: 6, executable: false }]), 2 * RETENTION_MS);
  unrecorded.push({ cid: tree, tree: true });
  assert.deepEqual((await first.again().node.gc(false)).removed, []);
  unrecorded.pop();
  assert.equal((await first.again().node.gc(false)).removed.length, 2);
});

test('sweeps follow each other, also one that is asked for when another has just ended', async (t) => {
  let asking = 0;
  let most = 0;
  const read: HousekeeperInit['read'] = (_query, _argument, done) => {
    most = Math.max(most, ++asking);
    setImmediate(() => {
      asking--;
      done(undefined, { cell: 'cell', founded: 1, needs: [] });
    });
  };
  const first = lab(t, { read });
  await first.put('one');
  const sweep = (then: () => void): void => first.housekeeper.sweep({ dryRun: true, bytes: 0 }, then);
  await new Promise<void>((resolve) => {
    // The third is asked for in the breath in which the first ends and the second has not begun.
    sweep(() => sweep(() => sweep(resolve)));
    sweep(() => undefined);
  });
  assert.equal(most, 1);
});

test('more blobs than one question holds', async (t) => {
  const first = lab(t);
  const cids: Cid[] = [];
  for (let i = 0; i < NEEDS_ASKED_MAX + 5; i += 1) {
    // As it lies there: putting them would sync each.
    const cid = cidOf('raw', createHash('sha256').update(String(i)).digest());
    const file = first.store.fileOf(wholeFile(cid));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, String(i));
    utimesSync(file, (Date.now() - 2 * RETENTION_MS) / 1000, SEAL);
    cids.push(cid);
  }
  for (const cid of [cids[0]!, cids[NEEDS_ASKED_MAX + 2]!]) first.needs.set(cid, { live: true });
  const second = first.again();
  assert.equal((await second.node.gc(false)).removed.length, cids.length - 2);
  assert.equal(second.here().length, 2);
});
