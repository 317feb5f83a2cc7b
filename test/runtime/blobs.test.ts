/** Blobs between simulated nodes: whole, from several at once, through cuts, kills, damage and full disks. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { isSkeinError } from '../../src/errors.ts';
import { cidOf } from '../../src/protocol/cid.ts';
import { BLOB_CHUNK_BYTES } from '../../src/protocol/limits.ts';
import { ANSWER_STALL_MS, FIND_TIMEOUT_MS } from '../../src/runtime/blobs/limits.ts';
import type { SimNode } from '../../sim/sim-node.ts';
import { file, Lab, MIB, sha256 } from './blob-lab.ts';


for (const size of [0, 1, BLOB_CHUNK_BYTES - 1, BLOB_CHUNK_BYTES, BLOB_CHUNK_BYTES + 1, 9 * MIB]) {
  test(`a file of ${size} bytes comes whole from another node`, () => {
    const lab = new Lab(`size ${size}`, 3);
    const [a, b] = lab.cluster.nodes as [SimNode, SimNode];
    const one = file(size);
    lab.put(a, one);
    const fetch = lab.fetch(b, one.cid);
    lab.until('the blob', () => fetch.ended, 10_000, 1);
    assert.equal(fetch.error, undefined);
    lab.assertWhole(b, one);
  });
}

test('four nodes that fetch at once give each other what they have: the origin sends less than twice the file', () => {
  const lab = new Lab('swarm', 5);
  const [origin, ...others] = lab.cluster.nodes as [SimNode, ...SimNode[]];
  const one = file(64 * MIB);
  lab.put(origin, one);
  const fetches = others.map((node) => lab.fetch(node, one.cid));
  lab.until('all have it', () => fetches.every(({ ended }) => ended), 60_000, 5);
  for (const node of others) lab.assertWhole(node, one);
  assert.ok(lab.sent(origin) <= 1.75 * one.bytes.byteLength, `${lab.sent(origin) / one.bytes.byteLength} times the file`);
});

test('after a kill of the receiver only what is missing is sent again', () => {
  const lab = new Lab('receiver', 3);
  const [a, b] = lab.cluster.nodes as [SimNode, SimNode];
  const one = file(40 * MIB);
  lab.put(a, one);
  lab.fetch(b, one.cid);
  lab.until('half of it', () => lab.arrived(b, one.cid) >= 20 * MIB, 20_000, 1);
  lab.crash(b, 'process');
  lab.run(100);
  lab.boot(b);
  lab.run(3000);
  const before = lab.sent(a);
  const fetch = lab.fetch(b, one.cid);
  lab.until('the rest', () => fetch.ended, 20_000, 1);
  lab.assertWhole(b, one);
  assert.ok(lab.sent(a) - before <= 24 * MIB, `${(lab.sent(a) - before) / MIB} MiB were sent again`);
});

test('when a holder dies in the middle another one goes on', () => {
  const lab = new Lab('holder', 3);
  const [a, b, c] = lab.cluster.nodes as [SimNode, SimNode, SimNode];
  const one = file(32 * MIB);
  lab.put(a, one);
  lab.put(b, one);
  const fetch = lab.fetch(c, one.cid);
  lab.until('some of it', () => lab.arrived(c, one.cid) >= 8 * MIB, 20_000, 1);
  lab.crash(a, 'power');
  lab.until('the rest', () => fetch.ended, 20_000, 1);
  assert.equal(fetch.error, undefined);
  lab.assertWhole(c, one);
});

test('after a cut and a heal the fetch goes on by itself', () => {
  const lab = new Lab('cut', 3);
  const [a, b] = lab.cluster.nodes as [SimNode, SimNode];
  const one = file(32 * MIB);
  lab.put(a, one);
  const fetch = lab.fetch(b, one.cid);
  lab.until('some of it', () => lab.arrived(b, one.cid) >= 8 * MIB, 20_000, 1);
  lab.cut(b, a);
  lab.run(ANSWER_STALL_MS / 2);
  lab.heal(b, a);
  lab.until('the rest', () => fetch.ended, 40_000, 5);
  assert.equal(fetch.error, undefined);
  lab.assertWhole(b, one);
  assert.ok(lab.sent(a) <= 1.6 * one.bytes.byteLength, `${lab.sent(a) / one.bytes.byteLength} times the file`);
});

test('a chunk that rotted at one holder is fetched elsewhere, and that holder throws its copy away', () => {
  const lab = new Lab('rot', 3);
  const [a, b, c] = lab.cluster.nodes as [SimNode, SimNode, SimNode];
  const one = file(12 * MIB);
  lab.put(a, one);
  lab.put(b, one);
  for (const offset of [5, 5 * MIB, 9 * MIB]) a.blobs.flip(one.cid, offset);
  const fetch = lab.fetch(c, one.cid);
  lab.until('the blob', () => fetch.ended, 20_000, 1);
  assert.equal(fetch.error, undefined);
  lab.assertWhole(c, one);
  lab.run(1000);
  assert.equal(a.blobs.whole.has(one.cid), false, 'the rotten copy is gone');
  assert.ok(b.blobs.whole.has(one.cid));
});

test('what nobody has whole is never given out: the fetch fails, and says what is here', () => {
  const lab = new Lab('only rot', 2);
  const [a, b] = lab.cluster.nodes as [SimNode, SimNode];
  const one = file(12 * MIB);
  lab.put(a, one);
  a.blobs.flip(one.cid, 5 * MIB);
  const fetch = lab.fetch(b, one.cid);
  lab.until('the end', () => fetch.ended, 2 * FIND_TIMEOUT_MS, 5);
  assert.ok(isSkeinError(fetch.error, 'BLOB_NOT_FOUND'), String(fetch.error));
  assert.match(fetch.error.message, /of 3 parts are here/);
  assert.equal(b.blobs.whole.size, 0);
});

test('nobody has it', () => {
  const lab = new Lab('nobody', 3);
  const fetch = lab.fetch(lab.leader, file(7).cid);
  lab.run(FIND_TIMEOUT_MS - 500);
  assert.equal(fetch.ended, false, 'somebody may still come');
  lab.until('the end', () => fetch.ended, 2000, 5);
  assert.ok(isSkeinError(fetch.error, 'BLOB_NOT_FOUND'), String(fetch.error));
});

test('a full disk ends the fetch with a clear error and leaves nothing half done', () => {
  const lab = new Lab('full', 2);
  const [a, b] = lab.cluster.nodes as [SimNode, SimNode];
  const one = file(12 * MIB);
  lab.put(a, one);
  b.blobs.bytesMax = 6 * MIB;
  const fetch = lab.fetch(b, one.cid);
  lab.until('the end', () => fetch.ended, 20_000, 1);
  assert.ok(isSkeinError(fetch.error, 'BLOB_DISK_FULL'), String(fetch.error));
  lab.run(100);
  assert.equal(b.blobs.bytes, 0);
  b.blobs.bytesMax = Infinity;
  const again = lab.fetch(b, one.cid);
  lab.until('the blob', () => again.ended, 20_000, 1);
  lab.assertWhole(b, one);
});

test('whatever breaks on the way, what arrives is right', () => {
  for (let seed = 0; seed < 12; seed++) {
    const lab = new Lab(`broken ${seed}`, 4);
    const random = lab.cluster.random.fork('trouble');
    const [a, b, c, d] = lab.cluster.nodes as [SimNode, SimNode, SimNode, SimNode];
    const one = file(random.int(1, 30) * MIB + random.int(0, 5000));
    lab.put(a, one);
    lab.put(b, one);
    let fetch = lab.fetch(d, one.cid);
    lab.fetch(c, one.cid);
    for (let step = 0; step < 6; step++) {
      lab.run(random.int(1, 60));
      const victim = random.pick([b, c, d]);
      const trouble = random.int(0, 3);
      if (trouble === 0) random.pick([b, c]).blobs.flip(one.cid, random.int(0, one.bytes.byteLength));
      else if (trouble === 1) lab.cut(d, victim === d ? a : victim);
      else {
        lab.crash(victim, trouble === 2 ? 'process' : 'power');
        lab.boot(victim);
        if (victim === d) fetch = lab.fetch(d, one.cid);
      }
    }
    for (const other of [a, b, c]) lab.heal(d, other);
    lab.run(8000);
    if (!fetch.ended || fetch.error !== undefined) fetch = lab.fetch(d, one.cid);
    lab.until('the blob', () => fetch.ended, 60_000, 10);
    assert.equal(fetch.error, undefined, `seed ${seed}`);
    lab.assertWhole(d, one);
  }
});

test('one node that is wrong about the size of a small file does not keep the others from giving it', () => {
  const lab = new Lab('wrong size', 3);
  const [a, b, c] = lab.cluster.nodes as [SimNode, SimNode, SimNode];
  const one = file(5000);
  lab.put(a, one);
  a.blobs.put(one.cid, one.bytes.subarray(0, 4000));
  a.incarnation?.process.run(() => a.runtime?.blobs.added(one.cid, 4000));
  const fetch = lab.fetch(c, one.cid);
  lab.run(1000);
  lab.put(b, one);
  lab.until('the blob', () => fetch.ended, 20_000, 1);
  assert.equal(fetch.error, undefined);
  lab.assertWhole(c, one);
});

test('a node that says it has everything and gives nothing does not keep a fetch going for ever', () => {
  const lab = new Lab('liar', 2);
  const [a, b] = lab.cluster.nodes as [SimNode, SimNode];
  const one = file(9 * MIB);
  lab.put(a, one);
  const { context } = a.runtime!;
  const send = context.sendBlob.bind(context);
  context.sendBlob = (to, message) => message.type === 'piece' || send(to, message);
  const fetch = lab.fetch(b, one.cid);
  lab.until('the end', () => fetch.ended, 90_000, 5);
  assert.ok(isSkeinError(fetch.error, 'BLOB_NOT_FOUND'), String(fetch.error));
});

test('a word to keep the files of a list that is none harms nobody', () => {
  const lab = new Lab('no list', 2);
  const [a, b] = lab.cluster.nodes as [SimNode, SimNode];
  const one = file(5000);
  lab.put(a, one);
  lab.put(b, one);
  const { incarnation } = b;
  lab.say(a, b, { type: 'keep', cid: one.cid, tree: true, check: false, urgent: true, holders: [] });
  lab.run(1000);
  assert.equal(b.incarnation, incarnation, 'it lives on');
  assert.ok(b.runtime !== undefined);
});

test('what is no list of files is not read as a whole', () => {
  const lab = new Lab('large list', 1);
  const [a] = lab.cluster.nodes as [SimNode];
  const cid = cidOf('manifest', sha256(new Uint8Array(1)));
  let error: Error | undefined;
  a.incarnation?.process.run(() => {
    a.runtime?.blobs.added(cid, 400_000 * MIB);
    a.runtime?.blobs.readWhole(cid, (problem) => {
      error = problem;
    });
  });
  assert.ok(isSkeinError(error, 'BLOB_INVALID'), String(error));
});

test('what is being removed is no part of what is fetched again', () => {
  const lab = new Lab('removed', 3);
  const [a, b] = lab.cluster.nodes as [SimNode, SimNode];
  const one = file(12 * MIB);
  lab.put(a, one);
  lab.put(b, one);
  b.incarnation?.process.run(() => b.runtime?.blobs.remove(one.cid, () => undefined));
  // Its removal takes a while: the disk still has it when the fetch begins.
  const whole = b.blobs.whole.get(one.cid)!;
  lab.run(1);
  b.blobs.whole.set(one.cid, whole);
  const fetch = lab.fetch(b, one.cid);
  lab.until('it looks at what is here', () => lab.arrived(b, one.cid) > 0 || fetch.ended, 1000, 1);
  b.blobs.whole.delete(one.cid);
  lab.until('the blob', () => fetch.ended, 20_000, 1);
  assert.equal(fetch.error, undefined);
  lab.assertWhole(b, one);
});

test('an answer that nobody waits for any more is not sent to its end', () => {
  const lab = new Lab('stop', 2);
  const [a, b] = lab.cluster.nodes as [SimNode, SimNode];
  const one = file(4 * MIB);
  lab.put(a, one);
  lab.say(b, a, { type: 'want', id: 1, cid: one.cid, chunk: 0, zstd: false });
  lab.until('the first piece', () => lab.sent(a) > 0, 1000, 0.1);
  lab.say(b, a, { type: 'stop', id: 1 });
  lab.run(1000);
  assert.ok(lab.sent(a) < 3 * MIB, `${lab.sent(a)} bytes were sent`);
});

test('what nobody waits for leaves the line to what somebody waits for, and goes on', () => {
  const lab = new Lab('urgent', 2);
  const [a, b] = lab.cluster.nodes as [SimNode, SimNode];
  // Different bytes, or one would be the other.
  const kept = Array.from({ length: 8 }, (_, i) => file(40 * MIB + i));
  for (const one of kept) lab.put(a, one);
  const urgent = file(16 * MIB);
  lab.put(a, urgent);
  for (const one of kept) lab.say(a, b, { type: 'keep', cid: one.cid, tree: false, check: false, urgent: false, holders: [] });
  lab.until('copies are under way', () => kept.some((one) => lab.arrived(b, one.cid) > 0), 5000, 1);
  const before = lab.sent(a);
  const fetch = lab.fetch(b, urgent.cid);
  lab.until('the one that is waited for', () => fetch.ended, 20_000, 1);
  // 64 MiB of the others may have been asked for before.
  assert.ok(lab.sent(a) - before <= 64 * MIB + 2 * urgent.bytes.byteLength, `${(lab.sent(a) - before) / MIB} MiB were sent until then`);
  assert.ok(kept.some((one) => !b.blobs.whole.has(one.cid)));
  lab.until('the copies', () => kept.every((one) => b.blobs.whole.has(one.cid)), 60_000, 10);
});

test('a blob that is waited for does not stand behind a thousand that are not', () => {
  const lab = new Lab('queue', 2);
  const [a, b] = lab.cluster.nodes as [SimNode, SimNode];
  // Nobody has them: each of them keeps its place until it is given up.
  for (let i = 0; i < 200; i++) lab.say(a, b, { type: 'keep', cid: cidOf('raw', sha256(Buffer.from(`nowhere ${i}`))), tree: false, check: false, urgent: false, holders: [] });
  lab.run(100);
  const one = file(5000);
  lab.put(a, one);
  const fetch = lab.fetch(b, one.cid);
  lab.until('the blob', () => fetch.ended, 1000, 1);
  assert.equal(fetch.error, undefined);
});

test('after a power cut a small blob that was not synced is not believed, and one that was promised is there', () => {
  for (const durable of [false, true]) {
    const lab = new Lab(`power ${durable}`, 2);
    const [a, b] = lab.cluster.nodes as [SimNode, SimNode];
    const one = file(5000);
    lab.put(a, one);
    let arrived = false;
    b.incarnation?.process.run(() =>
      b.runtime?.blobs.fetch(one.cid, (error) => {
        assert.equal(error, undefined);
        arrived = true;
      }, { durable }),
    );
    lab.until('the blob', () => arrived, 5000, 0.1);
    lab.crash(b, 'power');
    lab.boot(b);
    lab.run(3000);
    const damaged = b.blobs.whole.get(one.cid)?.bytes.every((byte) => byte === 0) === true;
    assert.equal(damaged, !durable);
    const again = lab.fetch(b, one.cid);
    lab.until('it again', () => again.ended, 5000, 1);
    assert.equal(again.error, undefined);
    lab.assertWhole(b, one);
  }
});

test('two that have lost the same small file do not hope for each other for ever', () => {
  for (const gapMs of [1, 2, 3, 5, 10, 50, 200]) {
    const lab = new Lab(`hope ${gapMs}`, 3);
    const [a, b] = lab.cluster.nodes as [SimNode, SimNode];
    const one = file(5000);
    for (const node of [a, b]) lab.put(node, one);
    for (const node of [a, b]) node.blobs.lose(one.cid);
    // Each looks at what it has when it is asked for it, and fetches it then: the first hears its size from the second.
    const ends: (Error | undefined)[] = [];
    const look = (node: SimNode): void => node.incarnation?.process.run(() => node.runtime?.blobs.verify(one.cid, () => node.runtime?.blobs.fetch(one.cid, (error) => ends.push(error))));
    look(a);
    lab.run(gapMs);
    look(b);
    lab.until(`both ends, ${gapMs} ms apart`, () => ends.length === 2, 3 * FIND_TIMEOUT_MS);
    for (const error of ends) assert.ok(isSkeinError(error, 'BLOB_NOT_FOUND'), String(error));
  }
});
