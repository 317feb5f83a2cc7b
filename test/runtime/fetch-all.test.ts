/** Many blobs for one purpose: so many at a time, each once, and nothing left wished for when one is missing or nobody wants them any more. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Cid } from '../../src/core/lib/ids.ts';
import type { Blobs } from '../../src/runtime/blobs/blobs.ts';
import { fetchAll } from '../../src/runtime/blobs/fetch-all.ts';
import { WISHED_AT_ONCE } from '../../src/runtime/blobs/limits.ts';

const names = (count: number): Cid[] => Array.from({ length: count }, (_, at) => `c${at}` as Cid);

class Wanted implements Pick<Blobs, 'fetch'> {
  readonly open = new Map<Cid, (error: Error | undefined, size: number) => void>();
  readonly taken: Cid[] = [];
  asked = 0;
  most = 0;
  /** Here already: told of at once. */
  readonly here = new Set<Cid>();

  fetch(cid: Cid, done: (error: Error | undefined, size: number) => void): () => void {
    this.asked++;
    if (this.here.has(cid)) {
      done(undefined, 1);
      return () => assert.fail('it has ended');
    }
    assert.ok(!this.open.has(cid), `${cid} twice`);
    this.open.set(cid, done);
    this.most = Math.max(this.most, this.open.size);
    return () => {
      this.open.delete(cid);
      this.taken.push(cid);
    };
  }

  end(cid: Cid, error?: Error): void {
    const done = this.open.get(cid)!;
    this.open.delete(cid);
    done(error, 1);
  }

  endAll(): void {
    while (this.open.size > 0) this.end(this.open.keys().next().value!);
  }
}

test('all of them, each once, never more than so many at a time', () => {
  const wanted = new Wanted();
  const ended: unknown[] = [];
  let bytes = 0;
  fetchAll(wanted, [...names(2000), ...names(2000)], {}, (error) => ended.push(error), (_cid, size) => (bytes += size));
  assert.equal(wanted.open.size, WISHED_AT_ONCE);
  wanted.endAll();
  assert.deepEqual([ended, wanted.asked, wanted.most, bytes], [[undefined], 2000, WISHED_AT_ONCE, 2000]);
});

test('100,000 that are here already are gone over without a stack of as many calls', () => {
  const wanted = new Wanted();
  for (const cid of names(100_000)) wanted.here.add(cid);
  let ended = 0;
  fetchAll(wanted, names(100_000), {}, () => ended++);
  assert.deepEqual([ended, wanted.asked], [1, 100_000]);
});

test('none at all', () => {
  let ended = 0;
  fetchAll(new Wanted(), [], {}, () => ended++);
  assert.equal(ended, 1);
});

test('the first that cannot be had ends it: its name is told, the others are given up, newest first', () => {
  const wanted = new Wanted();
  const ended: unknown[] = [];
  fetchAll(wanted, names(1000), {}, (error, cid) => ended.push([error?.message, cid]));
  wanted.end('c1' as Cid, new Error('nobody'));
  assert.deepEqual(ended, [['nobody', 'c1']]);
  assert.equal(wanted.open.size, 0);
  assert.deepEqual(wanted.taken, names(WISHED_AT_ONCE).filter((cid) => cid !== 'c1').toReversed());
  assert.equal(wanted.asked, WISHED_AT_ONCE, 'nothing is wished for after it');
});

test('given up: nobody is told, nothing is wished for', () => {
  const wanted = new Wanted();
  const giveUp = fetchAll(wanted, names(1000), {}, () => assert.fail('nobody wants to hear'));
  wanted.end('c0' as Cid);
  const late = wanted.open.get('c5' as Cid)!;
  giveUp();
  assert.equal(wanted.open.size, 0);
  late(undefined, 1);
  assert.equal(wanted.asked, WISHED_AT_ONCE + 1);
});
