import assert from 'node:assert/strict';
import test from 'node:test';
import { recoverLog, type Recovered } from '../../../src/runtime/storage/recover.ts';
import { FRAME_HEADER_BYTES, readHeader } from '../../../src/runtime/storage/frame.ts';
import { LogStore } from '../../../src/runtime/storage/log-store.ts';
import { segmentFile, snapshotFile } from '../../../src/runtime/storage/names.ts';
import { imageReader } from '../../../sim/disk.ts';
import { command, commands, LogNode, meta, sameEntries, vote } from './support.ts';

type Files = Map<string, Uint8Array>;

/** A copy of the durable files, to be damaged at will. */
function files(node: LogNode): Files {
  return new Map([...node.disk.syncedImage()].map(([name, bytes]) => [name, bytes.slice()]));
}

function read(image: Files): Recovered {
  return recoverLog(imageReader(image));
}

/** Offsets at which the frames of a segment begin. */
function frameOffsets(bytes: Uint8Array): number[] {
  const offsets: number[] = [];
  for (let at = 0; at < bytes.length; at += FRAME_HEADER_BYTES + (readHeader(bytes, at)?.length ?? Infinity)) offsets.push(at);
  return offsets;
}

function flip(image: Files, name: string, bit: number): void {
  const bytes = image.get(name);
  assert.ok(bytes !== undefined && bit < bytes.length * 8);
  bytes[bit >> 3] = bytes[bit >> 3]! ^ (1 << (bit & 7));
}

/** Three segments of a few small frames each. */
function threeSegments(): LogNode {
  const node = new LogNode({ segmentBytes: 230 });
  node.persist({ hard: vote(2) });
  for (let i = 1; i <= 10; i++) node.persist({ entries: [command(i, 2)] });
  assert.equal(node.logFiles().length, 3);
  return node;
}

test('a flipped bit in any frame but the last is damage, in the last a torn tail, wherever the bit is', () => {
  const node = threeSegments();
  const whole = files(node);
  const names = [...whole.keys()].sort();
  for (const name of names) {
    const bytes = whole.get(name)!;
    const offsets = frameOffsets(bytes);
    const lastFrame = name === names.at(-1) ? offsets.at(-1)! : Infinity;
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const image = new Map(whole).set(name, bytes.slice());
      flip(image, name, bit);
      const { damage, torn, entries, writer } = read(image);
      const place = `bit ${bit} of ${name}`;
      if (bit >> 3 < lastFrame) {
        assert.equal(damage?.file, name, place);
        assert.ok(damage.offset <= bit >> 3 && offsets.includes(damage.offset), place);
        assert.equal(writer.repairs.length, 0, 'nothing is cut');
      } else {
        assert.deepEqual({ damage, torn }, { damage: undefined, torn: true }, place);
        sameEntries(entries, commands(1, 9, 2), place);
        assert.deepEqual(writer.repairs, [{ type: 'truncate', file: name, length: lastFrame }]);
      }
    }
  }
});

test('a cut at any byte of the last segment is a torn tail; of an earlier one it is damage', () => {
  const node = threeSegments();
  const whole = files(node);
  for (const name of [...whole.keys()].sort()) {
    const bytes = whole.get(name)!;
    const offsets = frameOffsets(bytes);
    const isLast = name === segmentFile(3);
    for (let length = 0; length < bytes.length; length++) {
      const { damage, torn, writer } = read(new Map(whole).set(name, bytes.slice(0, length)));
      assert.equal(damage !== undefined, !isLast, `${name} cut at ${length}`);
      if (!isLast) continue;
      assert.equal(torn, !offsets.includes(length) || length === 0, `cut at ${length}`);
      assert.equal(writer.offset, length < offsets[1]! ? whole.get(segmentFile(2))!.length : offsets.findLast((offset) => offset <= length));
    }
  }
});

test('a bit flips in two frames in a row, or the header of one is all zeros: still damage', () => {
  const whole = files(threeSegments());
  const name = segmentFile(1);
  const [, second, third] = frameOffsets(whole.get(name)!);
  const twice = new Map(whole).set(name, whole.get(name)!.slice());
  flip(twice, name, (second! + 40) * 8);
  flip(twice, name, (third! + 40) * 8);
  assert.equal(read(twice).damage?.offset, second);
  const zeros = new Map(whole).set(name, whole.get(name)!.slice().fill(0, second, second! + FRAME_HEADER_BYTES));
  assert.equal(read(zeros).damage?.offset, second);
});

test('a lost segment is damage unless a snapshot covers it; a lost first frame of the only one too', () => {
  const node = threeSegments();
  const whole = files(node);
  const without = new Map(whole);
  without.delete(segmentFile(2));
  assert.equal(read(without).damage?.file, segmentFile(3));
  node.save(meta(8, 2));
  const covered = files(node);
  covered.delete(segmentFile(2));
  assert.equal(read(covered).damage, undefined);
  assert.deepEqual(read(covered).hard, vote(2), 'each segment repeats term and vote');
  assert.deepEqual(read(covered).writer.repairs, [{ type: 'remove', file: segmentFile(1) }]);
  const onlyLast = files(node);
  onlyLast.delete(segmentFile(1));
  onlyLast.delete(segmentFile(2));
  onlyLast.set(segmentFile(3), onlyLast.get(segmentFile(3))!.slice(0, 20));
  assert.match(read(onlyLast).damage?.reason ?? '', /header/);
});

test('a snapshot whose log is gone is damage: the vote is lost with it', () => {
  const node = threeSegments();
  node.save(meta(8, 2));
  const image = files(node);
  for (const name of image.keys()) if (name.startsWith('log-')) image.delete(name);
  assert.match(read(image).damage?.reason ?? '', /log is gone/);
});

test('segments of two logs do not fit each other', () => {
  const one = files(threeSegments());
  const node = new LogNode({ segmentBytes: 230 });
  node.persist({ hard: vote(2) });
  for (let i = 1; i <= 10; i++) node.persist({ entries: [command(i, 2, 21)] });
  const mixed = new Map(one).set(segmentFile(2), files(node).get(segmentFile(2))!);
  assert.match(read(mixed).damage?.reason ?? '', /does not follow/);
});

test('a frame inside the data of a torn frame does not pass for its successor', () => {
  const node = new LogNode();
  node.persist({ entries: commands(1, 2) });
  const image = files(node);
  const name = segmentFile(1);
  const inner = image.get(name)!;
  const data = new Uint8Array(inner.length + 200);
  data.set(inner, 50);
  node.persist({ entries: [{ index: 3, term: 1, kind: 'command', data }] });
  const torn = files(node);
  torn.set(name, torn.get(name)!.slice(0, -1));
  assert.deepEqual({ torn: read(torn).torn, damage: read(torn).damage }, { torn: true, damage: undefined });
  sameEntries(read(torn).entries, commands(1, 2));
});

test('the torn tail is cut and synced before anything is written after it', () => {
  const node = new LogNode();
  node.persist({ entries: commands(1, 5) });
  node.log.persist({ entries: commands(6, 200) }, () => undefined);
  let tries = 0;
  do {
    node.run(0.02);
    node.crash({ tornChance: 1 });
    tries += 1;
    const { torn, entries } = node.reopen();
    if (torn) sameEntries(entries, commands(1, 5));
    if (torn || entries.length > 5) break;
    node.log.persist({ entries: commands(6, 200) }, () => undefined);
  } while (tries < 200);
  const next = node.recovered.entries.length + 1;
  node.persist({ entries: [command(next, 9)] });
  const { torn, entries } = node.restart({ tornChance: 0 });
  assert.equal(torn, false);
  assert.equal(entries.at(-1)?.term, 9);
});

test('after a mere process crash, what is only in the page cache is synced before the node answers for it', () => {
  const node = new LogNode();
  node.persist({ entries: commands(1, 5) });
  node.log.persist({ entries: [command(6)] }, () => assert.fail('acknowledged'));
  while (node.disk.read(segmentFile(1)).length === node.disk.syncedImage().get(segmentFile(1))?.length) node.run(0.001);
  const { entries } = node.restart({ kind: 'process' });
  assert.equal(entries.length, 6, 'read from the page cache');
  let answeredFor = 0;
  node.log.persist({ entries: [] }, () => {
    answeredFor = recoverLog(imageReader(node.disk.syncedImage())).entries.length;
  });
  node.run();
  assert.equal(answeredFor, 6);
  sameEntries(node.restart({ tornChance: 0 }).entries, commands(1, 6));
});

test('a crash between a snapshot and its mark: the snapshot wins, older entries are gone, the term follows', () => {
  for (const existing of [commands(1, 50), commands(1, 150)]) {
    const node = new LogNode({ segmentBytes: 300 });
    node.persist({ hard: vote(1), entries: existing });
    let isStored = false;
    node.log.installSnapshot(meta(100, 3), [Uint8Array.of(1)], () => (isStored = true));
    node.run();
    assert.equal(isStored, true);
    for (let round = 0; round < 2; round++) {
      const { hard, snapshot, entries } = node.restart({ tornChance: 0 });
      assert.equal(snapshot?.meta.index, 100);
      assert.deepEqual(entries, []);
      assert.deepEqual(hard, { term: 3, votedFor: '' });
    }
    node.persist({ entries: commands(101, 3, 3) });
    assert.equal(node.logFiles().length, 1, 'the old segments went with the mark');
    sameEntries(node.restart({ tornChance: 0 }).entries, commands(101, 3, 3));
  }
});

test('a snapshot in the middle of the log that agrees with it keeps the entries after it', () => {
  const node = new LogNode();
  node.persist({ hard: vote(4), entries: commands(1, 150, 3) });
  node.save(meta(100, 3));
  sameEntries(node.restart().entries, commands(101, 50, 3));
});

test('a damaged snapshot: the older one and the log make up for it, or the disk is damaged', () => {
  const node = new LogNode({ segmentBytes: 300 });
  for (let i = 1; i <= 40; i++) node.persist({ entries: [command(i)] });
  node.save(meta(20));
  node.save(meta(30));
  const newest = snapshotFile(30, 1);
  const image = files(node);
  for (let bit = 0; bit < image.get(newest)!.length * 8; bit += 5) {
    flip(image, newest, bit);
    const { damage, snapshot, entries, skipped } = read(image);
    assert.deepEqual([damage, snapshot?.meta.index, skipped], [undefined, 20, [newest]], `bit ${bit}`);
    sameEntries(entries, commands(21, 20));
    flip(image, newest, bit);
  }
  node.log.dropBefore(30);
  node.run();
  const dropped = files(node);
  flip(dropped, newest, 999);
  assert.equal(read(dropped).damage?.file, newest);
});

test('leftovers of interrupted writes are removed, other files are left alone', () => {
  const node = new LogNode();
  node.persist({ entries: commands(1, 5) });
  const write = (name: string): void => node.disk.writeAt(name, 0, Uint8Array.of(1), () => undefined);
  for (const name of [`${snapshotFile(9, 1)}.tmp`, 'identity.tmp', 'notes.tmp', 'README']) write(name);
  node.run();
  node.restart({ kind: 'process' });
  node.persist({ entries: [command(6)] });
  assert.deepEqual(node.disk.list(), ['README', segmentFile(1), 'notes.tmp']);
});

test('a disk that was never written may still hold a torn first frame', () => {
  for (let round = 0; round < 30; round++) {
    const node = new LogNode({ seed: `first ${round}` });
    node.log.persist({ entries: commands(1, 100) }, () => undefined);
    node.run(0.05 * round);
    const { damage, entries } = node.restart({ tornChance: 1 });
    assert.equal(damage, undefined);
    node.persist({ entries: [command(entries.length + 1)] });
    assert.equal(node.restart({ tornChance: 0 }).entries.length, entries.length + 1);
  }
});

test('a damaged log is not opened for writing', () => {
  const node = threeSegments();
  node.crash();
  node.disk.flipBit(segmentFile(1), 50, 3);
  assert.ok(node.reopen().damage !== undefined);
  const init = { disk: node.disk, clock: node.process, recovered: node.recovered, fatal: () => undefined };
  assert.throws(() => new LogStore(init), /damaged/);
});
