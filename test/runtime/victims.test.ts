/** Goal: what is pinned stays, what has expired goes, and for room the least recently used goes, but never in vain. */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import type { Cid } from '../../src/core/lib/ids.ts';
import { LEFTOVERS_KEPT_MS, RECENT_MS } from '../../src/runtime/blobs/limits.ts';
import { victims, type Standing } from '../../src/runtime/blobs/victims.ts';

const NOW = 1_000_000_000_000;
const RETENTION = 3 * RECENT_MS;

const standing = fc.record({
  size: fc.nat({ max: 20 }),
  age: fc.nat({ max: 6 * RECENT_MS }),
  pinned: fc.boolean(),
  need: fc.option(fc.record({ live: fc.boolean(), endedAgo: fc.nat({ max: 6 * RECENT_MS }) }), { nil: undefined }),
});

/** Of the cell that answers. */
const cellAge = fc.oneof(fc.nat({ max: 6 * RECENT_MS }), fc.constant(2 * LEFTOVERS_KEPT_MS));

test('any blobs, any lack of room', () => {
  fc.assert(
    fc.property(fc.array(standing, { maxLength: 12 }), fc.nat({ max: 120 }), fc.nat({ max: 20 }), cellAge, (given, bytes, slack, age) => {
      const founded = NOW - age;
      const standings = given.map(({ size, age, pinned, need }, i): Standing => ({
        blob: { cid: String(i) as Cid, size, usedAt: NOW - age, pinned },
        need: need && { live: need.live, finishedAt: need.live ? 0 : NOW - need.endedAgo, tree: false },
        founded,
      }));
      const chosen = victims(standings, { now: NOW, retentionMs: RETENTION, bytes, slack });
      const why = new Map(chosen.map((victim) => [victim.blob.cid, victim.why]));
      assert.equal(why.size, chosen.length, 'each goes once');
      const freed = (which: readonly Standing[]): number => which.reduce((sum, { blob }) => sum + blob.size, 0);
      const pinned = standings.filter(({ blob, need }) => blob.pinned || need?.live === true);
      const expired = standings.filter((one) => !pinned.includes(one) && one.blob.usedAt + RETENTION <= NOW && founded + RETENTION <= NOW && (one.need?.finishedAt ?? 0) + RETENTION <= NOW);
      for (const { blob } of pinned) assert.equal(why.get(blob.cid), undefined, 'pinned or live');
      for (const one of standings) assert.equal(why.get(one.blob.cid) === 'expired', expired.includes(one));
      const isLeftover = ({ blob, need }: Standing): boolean => need === undefined && blob.usedAt < founded && age < LEFTOVERS_KEPT_MS;
      const evictable = standings.filter((one) => !pinned.includes(one) && !expired.includes(one) && !isLeftover(one) && one.blob.usedAt + RECENT_MS <= NOW && one.blob.size > 0);
      const evicted = evictable.filter(({ blob }) => why.get(blob.cid) === 'quota');
      assert.equal(evicted.length, chosen.filter((victim) => victim.why === 'quota').length, 'nothing that was used a moment ago');
      if (freed(expired) + freed(evictable) < bytes) assert.equal(evicted.length, 0, 'nothing in vain');
      else assert.ok(freed(expired) + freed(evicted) >= bytes, 'enough');
      const left = evictable.filter((one) => !evicted.includes(one));
      for (const gone of evicted) for (const stays of left) assert.ok(gone.blob.usedAt <= stays.blob.usedAt, 'least recently used first');
      // Without the last of them it would not have been enough, or not the slack.
      const last = evicted.toSorted((a, b) => b.blob.usedAt - a.blob.usedAt)[0];
      if (last !== undefined && evicted.filter(({ blob }) => blob.usedAt === last.blob.usedAt).length === 1) assert.ok(freed(expired) + freed(evicted) - last.blob.size < bytes + slack, 'no more than was asked');
    }),
    { numRuns: 500 },
  );
});
