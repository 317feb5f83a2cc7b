/** Files in the store that somebody wrote to, or that are damaged: compared before anybody is given them. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { SimNode } from '../../sim/sim-node.ts';
import { file, Lab, MIB } from './blob-lab.ts';

for (const harm of ['written to', 'taken out of the store'] as const) {
  test(`a file that somebody has ${harm} is fetched anew before it is used`, () => {
    const lab = new Lab(harm, 2);
    const [a, b] = lab.cluster.nodes as [SimNode, SimNode];
    const one = file(5 * MIB);
    lab.put(a, one);
    lab.put(b, one);
    if (harm === 'written to') b.blobs.write(one.cid, 4 * MIB);
    else b.blobs.lose(one.cid);
    const fetch = lab.fetch(b, one.cid);
    lab.until('the blob', () => fetch.ended, 5000, 1);
    assert.equal(fetch.error, undefined);
    lab.assertWhole(b, one);
  });
}

test('nobody is told that a file is whole while it is compared, nor after a kill in the middle of that', () => {
  for (const gapMs of [0, 0.2, 0.4, 1, 3, 6, 9, 20]) {
    for (const kill of [false, true]) {
      const lab = new Lab(`compared ${gapMs} ${kill}`, 2);
      const [a, b] = lab.cluster.nodes as [SimNode, SimNode];
      const one = file(6 * MIB);
      lab.put(a, one);
      lab.put(b, one);
      b.blobs.write(one.cid, 5 * MIB);
      const first = lab.fetch(b, one.cid);
      lab.run(gapMs);
      if (kill) {
        lab.crash(b);
        lab.boot(b);
        lab.run(3000);
      }
      const second = lab.fetch(b, one.cid);
      lab.until('the second answer', () => second.ended, 5000, 0.1);
      lab.assertWhole(b, one);
      if (!kill) lab.until('the first answer', () => first.ended, 5000, 0.1);
      assert.equal(second.error ?? first.error, undefined);
    }
  }
});

test('what is written while a file is compared, and behind what was read, is given to nobody', () => {
  const lab = new Lab('behind', 2);
  const [a, b] = lab.cluster.nodes as [SimNode, SimNode];
  const one = file(6 * MIB);
  lab.put(a, one);
  for (const writeMs of [0.5, 6, 8]) {
    for (const gapMs of [0.2, 3]) {
      lab.put(b, one);
      // Touched, and as it was.
      b.blobs.write(one.cid, 5 * MIB);
      b.blobs.write(one.cid, 5 * MIB);
      const first = lab.fetch(b, one.cid);
      lab.run(writeMs);
      b.blobs.write(one.cid, 0);
      lab.run(gapMs);
      const second = lab.fetch(b, one.cid);
      for (const fetch of [first, second]) {
        lab.until('an answer', () => fetch.ended, 5000, 2);
        assert.equal(fetch.error, undefined);
        lab.assertWhole(b, one);
      }
    }
  }
});

test('who writes to a file again and again keeps others from it, and does not keep them waiting', () => {
  const lab = new Lab('again and again', 1);
  const [a] = lab.cluster.nodes as [SimNode];
  const one = file(6 * MIB);
  lab.put(a, one);
  a.blobs.write(one.cid, 0);
  a.blobs.write(one.cid, 0);
  const fetch = lab.fetch(a, one.cid);
  lab.until('an answer', () => {
    if (fetch.ended) return true;
    a.blobs.write(one.cid, 0);
    a.blobs.write(one.cid, 0);
    return false;
  }, 5000, 1);
  assert.match(fetch.error?.message ?? '', /is written to while it is compared/);
});

test('a list is read as it was compared, whatever happens to its file at that moment', () => {
  const lab = new Lab('list', 1);
  const [a] = lab.cluster.nodes as [SimNode];
  const one = file(6 * MIB);
  for (let gapMs = 0; gapMs < 20; gapMs += 2) {
    lab.put(a, one);
    let read: Uint8Array | undefined;
    let ended = false;
    a.incarnation?.process.run(() => a.runtime?.blobs.readWhole(one.cid, (_error, bytes) => ([read, ended] = [bytes, true])));
    lab.run(gapMs);
    a.blobs.flip(one.cid, 100);
    lab.until('the list', () => ended, 5000, 2);
    if (read !== undefined) assert.ok(Buffer.from(one.bytes).equals(read), `it was damaged ${gapMs} ms later`);
  }
});

test('what comes once more while the file before it is compared stays', () => {
  for (const gapMs of [0, 3, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 20]) {
    const lab = new Lab(`once more ${gapMs}`, 1);
    const [a] = lab.cluster.nodes as [SimNode];
    const one = file(6 * MIB);
    lab.put(a, one);
    a.blobs.flip(one.cid, 5 * MIB);
    let heard = false;
    a.incarnation?.process.run(() => a.runtime?.blobs.verify(one.cid, () => (heard = true)));
    lab.run(gapMs);
    lab.put(a, one);
    lab.until('the verdict', () => heard, 5000, 0.1);
    lab.run(10);
    assert.ok(a.runtime?.blobs.get(one.cid) !== undefined, `${gapMs} ms after it was begun`);
    lab.assertWhole(a, one);
  }
});
