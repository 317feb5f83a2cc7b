/** Room and sweeps between simulated nodes: what goes, what stays, and what is refused. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { isSkeinError } from '../../src/errors.ts';
import { PART_KEPT_MS, RECENT_MS, SWEEP_EVERY_MS } from '../../src/runtime/blobs/limits.ts';
import type { SimNode } from '../../sim/sim-node.ts';
import { modulesOf } from '../../sim/stage.ts';
import type { RunRecord } from '../../src/core/cell/state.ts';
import type { ModuleFiles } from '../../src/core/cell/types.ts';
import { file, Lab, MIB } from './blob-lab.ts';

test('a full disk takes a blob after all when others can go', () => {
  const lab = new Lab('squeeze', 2);
  const [a, b] = lab.cluster.nodes as [SimNode, SimNode];
  const old = file(8 * MIB + 1);
  const one = file(12 * MIB);
  lab.put(a, one);
  lab.put(b, old);
  lab.run(RECENT_MS + 1000);
  // It says that it has room, and has none: the limit of a user does not show.
  b.blobs.bytesMax = 16 * MIB;
  const fetch = lab.fetch(b, one.cid);
  lab.until('the blob', () => fetch.ended, 20_000, 1);
  assert.equal(fetch.error, undefined);
  assert.equal(b.blobs.whole.has(old.cid), false);
  lab.assertWhole(b, one);
});

test('a blob that is beyond the room is refused before any of it is sent, and nothing is removed in vain', () => {
  const lab = new Lab('room', 2);
  const [a, b] = lab.cluster.nodes as [SimNode, SimNode];
  const old = file(8 * MIB + 1);
  const one = file(40 * MIB);
  lab.put(a, one);
  lab.put(b, old);
  lab.run(RECENT_MS + 1000);
  b.blobs.bytesTold = 32 * MIB;
  const fetch = lab.fetch(b, one.cid);
  lab.until('the end', () => fetch.ended, 20_000, 1);
  assert.ok(isSkeinError(fetch.error, 'BLOB_DISK_FULL'), String(fetch.error));
  assert.match(fetch.error.message, /no room for 40 MiB: blobs take 8 MiB here and may take 80 % of the disk, 25.6 MiB/);
  assert.ok(lab.sent(a) < 1000, 'its manifest at most');
  assert.ok(b.blobs.whole.has(old.cid));
  // What fits when the old one goes is fetched.
  const smaller = file(20 * MIB);
  lab.put(a, smaller);
  const second = lab.fetch(b, smaller.cid);
  lab.until('the blob', () => second.ended, 30_000, 1);
  assert.equal(second.error, undefined);
  assert.equal(b.blobs.whole.has(old.cid), false);
});

test('a node that cannot ask which blobs are needed removes none', () => {
  const lab = new Lab('unasked', 3);
  const [a, b] = lab.cluster.nodes as [SimNode, SimNode];
  const old = file(8 * MIB + 1);
  const one = file(20 * MIB);
  lab.put(a, one);
  lab.put(b, old);
  lab.run(RECENT_MS + 1000);
  b.blobs.bytesTold = 32 * MIB;
  for (const other of lab.cluster.nodes) if (other !== a && other !== b) lab.crash(other, 'power');
  lab.cut(a, b);
  lab.run(20_000);
  const fetch = { ended: false, error: undefined as Error | undefined };
  b.incarnation?.process.run(() =>
    b.runtime?.housekeeper.makeRoom(20 * MIB, 0, (error) => {
      fetch.ended = true;
      fetch.error = error;
    }),
  );
  lab.until('the end', () => fetch.ended, 60_000, 10);
  assert.ok(isSkeinError(fetch.error, 'BLOB_DISK_FULL'), String(fetch.error));
  assert.match(fetch.error.message, /could not be asked/);
  assert.ok(b.blobs.whole.has(old.cid));
});

test('what has expired goes by itself, also on a node without a log, and half a blob that nobody fetches', () => {
  const lab = new Lab('expired', 3, { blobRetentionMs: SWEEP_EVERY_MS / 2 });
  const [a] = lab.cluster.nodes as [SimNode];
  const [worker] = lab.cluster.nodes.filter((node) => node.runtime?.replica === undefined);
  const holder = worker ?? a;
  const old = file(5000);
  const pinned = file(6000);
  for (const one of [old, pinned]) lab.put(holder, one);
  holder.incarnation?.process.run(() => holder.runtime?.blobs.pin(pinned.cid, true, () => undefined));
  holder.blobs.parts.set(file(9 * MIB).cid, new Uint8Array(4 * MIB));
  holder.blobs.partsAt.set(file(9 * MIB).cid, -PART_KEPT_MS);
  lab.run(SWEEP_EVERY_MS + 5000);
  assert.deepEqual([...holder.blobs.whole.keys()], [pinned.cid]);
  assert.equal(holder.blobs.parts.size, 0);
});

test('an hour of work on full disks: what a live run needs stays, though nobody uses it; what has ended makes room', () => {
  const lab = new Lab('hour', 3, { blobRetentionMs: 2 * SWEEP_EVERY_MS });
  const leaves = (...inputs: ModuleFiles['inputs']): { readonly files: ModuleFiles } => ({ files: { inputs, outputs: [{ name: 'o', pattern: 'o' }] } });
  const runOf = (key: string): RunRecord | undefined => [...lab.replica(lab.leader).state.runs.values()].find(({ requestKey }) => requestKey === key);
  const [split, wait, join] = modulesOf(3, { kind: 'ok', durationMs: 50 });
  const key = lab.submit([
    { ...split!, name: 'split', ...leaves() },
    { ...wait!, name: 'wait', timeoutMs: 0, action: { type: 'run', command: `ok ${4 * SWEEP_EVERY_MS}` } },
    { ...join!, name: 'join', needs: [0, 1], ...leaves({ variable: 'IN', module: 0, output: 'o' }) },
  ]);
  lab.until('two holders', () => runOf(key)?.modules[0]?.holders.length === 2);
  const needed = runOf(key)!.modules[0]!.outcome!.files!['o']!.cid;
  let most = 0;
  let lived = 0;
  for (let round = 0; round < 60; round += 1) {
    const modules = modulesOf(3, { kind: 'ok', durationMs: 50 }).map((module, at) => ({ ...module, name: `${round}-${at}`, ...leaves() }));
    const other = lab.submit(modules);
    lab.until('another run', () => runOf(other)?.phase === 'succeeded', 20_000, 10);
    // From here on something has to go for all that comes.
    for (const { blobs } of lab.cluster.nodes) if (round === 14) blobs.bytesTold = Math.round(1.4 * blobs.bytes);
    most = Math.max(most, ...lab.cluster.nodes.map(({ blobs }) => blobs.bytes));
    if (runOf(key)?.phase === 'running') {
      lived += 1;
      assert.equal(lab.cluster.nodes.filter(({ blobs }) => blobs.whole.has(needed)).length, 2, `minute ${round}`);
    }
    lab.run(60_000);
  }
  lab.until('the end', () => runOf(key)?.phase === 'succeeded', SWEEP_EVERY_MS, 100);
  assert.deepEqual(runOf(key)!.modules.map(({ generation }) => generation), [1, 1, 1]);
  assert.ok(lived > 30);
  const removed = lab.cluster.trace.last(1e6).filter((line) => line.includes('blobs-removed')).length;
  assert.ok(removed > 3, `${removed} sweeps removed something`);
  assert.ok(lab.cluster.nodes.every(({ blobs }) => blobs.bytes < most));
  lab.run(4 * SWEEP_EVERY_MS);
  assert.deepEqual(lab.cluster.nodes.map(({ blobs }) => blobs.whole.size), [0, 0, 0], 'all has expired');
});
