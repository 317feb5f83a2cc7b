import assert from 'node:assert/strict';
import test from 'node:test';
import { imageReader } from '../../../sim/disk.ts';
import { isSkeinError } from '../../../src/errors.ts';
import { nodeId, type CellId } from '../../../src/core/lib/ids.ts';
import { DiskGuard } from '../../../src/runtime/storage/disk-guard.ts';
import { readIdentity, wipeStorage, writeIdentity, type StorageIdentity } from '../../../src/runtime/storage/identity.ts';
import { recoverLog } from '../../../src/runtime/storage/recover.ts';
import { commands, LogNode, meta } from './support.ts';

const first: StorageIdentity = { nodeId: nodeId('node-1'), storageId: 'a1b2', cellId: '' };
const second: StorageIdentity = { nodeId: nodeId('node-1'), storageId: 'a1b2', cellId: '0123456789abcdef' as CellId };

function write(node: LogNode, identity: StorageIdentity, done: () => void): void {
  writeIdentity(node.disk, new DiskGuard(assert.fail), identity, done);
}

test('an identity is kept, and replaced as a whole', () => {
  const node = new LogNode();
  assert.equal(readIdentity(node.disk), undefined);
  let written = 0;
  for (const identity of [first, second]) {
    write(node, identity, () => (written += 1));
    node.run();
    assert.deepEqual(readIdentity(imageReader(node.disk.syncedImage())), identity);
  }
  assert.equal(written, 2);
});

test('a crash while it is replaced leaves the old or the new one', () => {
  const seen = new Set<string>();
  for (let i = 0; i < 200; i++) {
    const node = new LogNode({ seed: `identity ${i}` });
    write(node, first, () => undefined);
    node.run();
    let isDone = false;
    write(node, second, () => {
      isDone = true;
    });
    node.run(i / 150);
    node.crash();
    const identity = readIdentity(node.disk);
    if (isDone) assert.deepEqual(identity, second);
    assert.ok(identity?.storageId === 'a1b2');
    seen.add(identity.cellId);
  }
  assert.equal(seen.size, 2);
});

test('any flipped bit or cut is noticed', () => {
  const node = new LogNode();
  write(node, second, () => undefined);
  node.run();
  const bytes = node.disk.read('identity');
  const damaged = (content: Uint8Array): void => {
    assert.throws(() => readIdentity(imageReader(new Map([['identity', content]]))), (error) => isSkeinError(error, 'LOG_DAMAGED'));
  };
  for (let bit = 0; bit < bytes.length * 8; bit++) damaged(bytes.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte)));
  for (let length = 0; length < bytes.length; length++) damaged(bytes.slice(0, length));
});

test('a wiped disk never has its identity without its log', () => {
  for (let i = 0; i < 200; i++) {
    const node = new LogNode({ seed: `wipe ${i}`, segmentBytes: 100 });
    write(node, second, () => undefined);
    node.run();
    for (let index = 1; index <= 20; index += 4) node.persist({ entries: commands(index, 4) });
    node.save(meta(10));
    const whole = node.disk.list().length;
    let isDone = false;
    wipeStorage(node.disk, new DiskGuard(assert.fail), () => {
      isDone = true;
    });
    node.run(i / 100);
    node.crash();
    if (isDone) assert.deepEqual(node.disk.list(), []);
    if (readIdentity(node.disk) === undefined) continue;
    assert.equal(node.disk.list().length, whole);
    assert.equal(recoverLog(node.disk).damage, undefined);
  }
});
