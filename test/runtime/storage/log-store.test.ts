import assert from 'node:assert/strict';
import test from 'node:test';
import { FRAME_ENTRIES_BYTES } from '../../../src/runtime/storage/frame.ts';
import type { DiskFault, DiskOperation } from '../../../sim/disk.ts';
import { command, commands, LogNode, meta, noVote, sameEntries, stateAt, vote } from './support.ts';

test('an empty disk is an empty log', () => {
  const node = new LogNode();
  assert.equal(node.recovered.empty, true);
  assert.equal(node.recovered.torn, false);
  assert.deepEqual(node.recovered.hard, noVote);
  assert.deepEqual(node.recovered.entries, []);
});

test('what was persisted is there after a restart: term, vote, entries, their order', () => {
  const node = new LogNode();
  node.persist({ hard: vote(3), entries: commands(1, 5, 2) });
  node.persist({ entries: commands(6, 5, 3) });
  node.persist({ hard: vote(4, '') });
  const { hard, entries, empty, torn } = node.restart({ tornChance: 0 });
  assert.deepEqual({ hard, empty, torn }, { hard: vote(4, ''), empty: false, torn: false });
  sameEntries(entries, [...commands(1, 5, 2), ...commands(6, 5, 3)]);
});

test('nothing is acknowledged before it is synced, and never from inside the call', () => {
  const node = new LogNode();
  let acknowledged = 0;
  for (let i = 1; i <= 50; i++) {
    node.log.persist({ entries: [command(i)] }, () => {
      acknowledged = i;
    });
    assert.equal(acknowledged, 0);
  }
  for (let tick = 0; tick < 1000; tick++) {
    node.run(0.05);
    const image = node.disk.syncedImage();
    const frames = [...image.values()].reduce((bytes, file) => bytes + file.length, 0);
    assert.equal(acknowledged > 0, frames > 50 * 20, 'acknowledged together with the frame that holds it');
  }
  assert.equal(acknowledged, 50);
});

test('group commit: what arrives during one sync is one frame, acknowledged in order', () => {
  let writes = 0;
  const node = new LogNode({ fault: ({ type }) => void (writes += type === 'write' ? 1 : 0) });
  const order: number[] = [];
  node.persist({});
  writes = 0;
  for (let i = 1; i <= 200; i++) node.log.persist({ entries: [], hard: vote(i) }, () => order.push(i));
  node.run();
  assert.equal(writes, 2);
  assert.deepEqual(order, Array.from({ length: 200 }, (_, i) => i + 1));
});

test('messages without anything to write wait for what was handed over before them, and only for that', () => {
  const node = new LogNode();
  node.persist({});
  const order: string[] = [];
  node.log.persist({ entries: [] }, () => order.push('idle'));
  assert.equal(order.length, 0);
  node.run(0);
  assert.equal(order.join(), 'idle');
  node.log.persist({ entries: [command(1)] }, () => order.push('write'));
  node.log.persist({ entries: [] }, () => order.push('message'));
  node.run(0);
  assert.equal(order.join(), 'idle');
  node.run();
  assert.equal(order.join(), 'idle,write,message');
});

test('batches that wait together are merged as if written one by one', () => {
  const node = new LogNode();
  node.persist({ entries: commands(1, 4) });
  const batches = [
    { entries: commands(5, 3) },
    { truncateAfter: 6, entries: commands(7, 2, 2) },
    { truncateAfter: 3, entries: [] },
    { truncateAfter: 6, entries: commands(4, 2, 3) },
    { hard: vote(9), entries: [] },
    { truncateAfter: 4, entries: [] },
    { entries: commands(5, 1, 4) },
  ];
  node.log.persist({ hard: vote(8), entries: [] }, () => undefined);
  for (const batch of batches) node.log.persist(batch, () => undefined);
  node.run();
  const { hard, entries } = node.restart();
  assert.deepEqual(hard, vote(9));
  sameEntries(entries, [...commands(1, 3), command(4, 3), command(5, 4)]);
});

test('a large batch becomes several frames, the callback waits for the last', () => {
  const node = new LogNode({ segmentBytes: 2 * FRAME_ENTRIES_BYTES });
  const count = 60;
  node.persist({ entries: commands(1, count, 1, 256 * 1024) });
  assert.ok(node.logFiles().length > 1);
  const { entries } = node.restart({ tornChance: 0 });
  assert.equal(entries.length, count);
  assert.equal(entries.at(-1)?.data.length, 256 * 1024);
});

test('segments rotate, and each repeats what recovery needs', () => {
  const node = new LogNode({ segmentBytes: 500 });
  node.persist({ hard: vote(7) });
  for (let i = 1; i <= 100; i++) node.persist({ entries: [command(i)] });
  assert.ok(node.logFiles().length > 5);
  node.save(meta(90));
  node.log.dropBefore(90);
  node.run();
  assert.ok(node.logFiles().length <= 3, node.logFiles().join());
  const { hard, snapshot, entries } = node.restart({ tornChance: 0 });
  assert.deepEqual(hard, vote(7));
  assert.deepEqual(snapshot?.meta, meta(90));
  assert.deepEqual(snapshot?.sections.map((s) => [...s]), stateAt(90).map((s) => [...s]));
  sameEntries(entries, commands(91, 10));
});

test('dropBefore keeps what no stored snapshot covers, whatever it is asked', () => {
  const node = new LogNode({ segmentBytes: 300 });
  for (let i = 1; i <= 50; i++) node.persist({ entries: [command(i)] });
  const before = node.logFiles();
  node.log.dropBefore(50);
  node.run();
  assert.deepEqual(node.logFiles(), before);
  node.save(meta(10));
  node.log.dropBefore(50);
  node.run();
  assert.ok(node.logFiles().length < before.length);
  sameEntries(node.restart({ tornChance: 0 }).entries, commands(11, 40));
});

test('a log that was cut below the start of its oldest segment is still read', () => {
  const node = new LogNode({ segmentBytes: 1 });
  node.persist({ entries: commands(1, 20) });
  node.persist({ truncateAfter: 10, entries: commands(11, 30, 2) });
  node.save(meta(35, 2));
  node.log.dropBefore(35);
  node.run();
  sameEntries(node.restart({ tornChance: 0 }).entries, commands(36, 5, 2));
});

test('the newest two snapshots stay; a reset of the log leaves one', () => {
  const node = new LogNode();
  node.persist({ entries: commands(1, 50) });
  for (const index of [10, 20, 30]) node.save(meta(index));
  assert.deepEqual(node.log.snapshots.map(({ index }) => index), [30, 20]);
  assert.equal(node.snapshotFiles().length, 2);
  node.save(meta(100));
  node.persist({ snapshot: meta(100), entries: commands(101, 1) });
  assert.deepEqual(node.log.snapshots.map(({ index }) => index), [100]);
  assert.equal(node.snapshotFiles().length, 1);
  assert.equal(node.logFiles().length, 1);
  const { snapshot, entries } = node.restart({ tornChance: 0 });
  assert.equal(snapshot?.meta.index, 100);
  sameEntries(entries, commands(101, 1));
});

test('a stale snapshot is not written, and its caller is told that all is well', () => {
  const node = new LogNode();
  node.persist({ entries: commands(1, 50) });
  node.save(meta(40));
  node.save(meta(20));
  node.save(meta(40));
  assert.deepEqual(node.log.snapshots.map(({ index }) => index), [40]);
  assert.equal(node.restart().snapshot?.meta.index, 40);
});

test('a snapshot larger than a slice is written in slices', () => {
  let writes = 0;
  const node = new LogNode({ fault: ({ type, name }) => void (writes += type === 'write' && name.startsWith('snapshot-') ? 1 : 0) });
  node.persist({ entries: commands(1, 5) });
  const sections = [new Uint8Array(1_300_000).fill(7), ...Array.from({ length: 100 }, () => new Uint8Array(9000).fill(8))];
  node.save(meta(5), sections);
  assert.equal(writes, 5);
  assert.deepEqual(node.restart({ tornChance: 0 }).snapshot?.sections.map((s) => s.length), sections.map((s) => s.length));
});

test('the first disk error is fatal: nothing is retried, nothing more is acknowledged', () => {
  for (const type of ['write', 'sync', 'syncFolder'] as const) {
    let fault: DiskFault | undefined;
    const node = new LogNode({ segmentBytes: 1, fault: (operation) => (operation.type === type ? fault : undefined) });
    node.persist({ entries: commands(1, 3) });
    fault = { type: 'error', error: new Error('EIO: it broke') };
    node.log.persist({ entries: [command(4)] }, () => assert.fail('acknowledged'));
    node.log.persist({ entries: [command(5)] }, () => assert.fail('acknowledged'));
    node.run();
    assert.equal(node.fatal?.code, 'DISK_FAILED');
    assert.match(node.fatal?.message ?? '', /EIO/);
    fault = undefined;
    node.log.persist({ entries: [command(6)] }, () => assert.fail('acknowledged'));
    node.log.saveSnapshot(meta(3), [], () => assert.fail('acknowledged'));
    node.run();
  }
});

test('what a failed sync left in the page cache is written anew by the next process before it answers for it', () => {
  let failing = false;
  const fault = ({ type }: DiskOperation): DiskFault | undefined => (failing && type === 'sync' ? { type: 'error', error: new Error('EIO') } : undefined);
  const node = new LogNode({ fault });
  node.persist({ hard: vote(1), entries: commands(1, 3) });
  failing = true;
  node.log.persist({ hard: vote(2), entries: commands(4, 2) }, () => assert.fail('acknowledged after a failed sync'));
  node.run();
  assert.equal(node.fatal?.code, 'DISK_FAILED');
  failing = false;
  const found = node.restart({ kind: 'process' });
  assert.equal(found.entries.length, 5, 'the page cache shows what is not on the disk');
  node.persist({ entries: [] });
  // From here on this member answers for five entries and for term 2.
  const { hard, entries } = node.restart({ kind: 'power', tornChance: 0 });
  assert.deepEqual(hard, vote(2));
  sameEntries(entries, commands(1, 5));
});

test('the start of a log never endangers what was synced long ago, wherever the power fails', () => {
  for (let seed = 0; seed < 200; seed++) {
    const node = new LogNode({ seed: String(seed) });
    node.persist({ hard: vote(3), entries: commands(1, 5) });
    node.restart({ kind: 'process' });
    node.log.start();
    node.run(seed / 100);
    const { damage, hard, entries } = node.restart({ kind: 'power', tornChance: 1 });
    assert.equal(damage, undefined);
    assert.deepEqual(hard, vote(3));
    sameEntries(entries, commands(1, 5));
  }
});

test('after a failed write a snapshot that is being written is not acknowledged either', () => {
  let broken = false;
  const error = new Error('EIO');
  const node = new LogNode({ fault: ({ name }) => (broken && name.startsWith('log-') ? { type: 'error', error } : undefined) });
  node.persist({ entries: commands(1, 3) });
  node.log.saveSnapshot(meta(3), stateAt(3), () => assert.fail('acknowledged'));
  node.run(0);
  assert.ok(node.disk.pending > 0, 'the snapshot is under way');
  broken = true;
  node.log.persist({ entries: [command(4)] }, () => assert.fail('acknowledged'));
  node.run();
  assert.equal(node.fatal?.code, 'DISK_FAILED');
});

test('the watchdog sees since when the oldest write waits', () => {
  let fault: DiskFault | undefined;
  const node = new LogNode({ fault: ({ type }) => (type === 'sync' ? fault : undefined) });
  node.persist({ entries: commands(1, 3) });
  assert.equal(node.log.oldestUnsyncedSince(), undefined);
  fault = { type: 'stall' };
  const since = node.process.now();
  node.log.persist({ entries: [command(4)] }, () => assert.fail('acknowledged'));
  node.run(700);
  node.log.persist({ entries: [command(5)] }, () => assert.fail('acknowledged'));
  node.run(700);
  assert.equal(node.log.oldestUnsyncedSince(), since);
  assert.ok(node.log.waitingBytes > 0);
});

test('entries that do not follow the log are a bug', () => {
  const node = new LogNode();
  node.persist({ entries: commands(1, 3) });
  assert.throws(() => node.log.persist({ entries: [command(5)] }, () => undefined), /does not follow/);
  assert.throws(() => node.log.persist({ snapshot: meta(9), entries: [] }, () => undefined), /stored before/);
});
