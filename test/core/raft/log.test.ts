/** The log in memory against a plain array of all entries ever appended. */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import type { MemberId } from '../../../src/core/lib/ids.ts';
import { APPEND_BYTES_MAX, APPEND_ENTRIES_MAX, CATCH_UP_TAIL_BYTES_MAX, CATCH_UP_TAIL_FACTOR, COMPACTED_TAIL_ENTRIES_MAX } from '../../../src/core/raft/limits.ts';
import { RaftLog } from '../../../src/core/raft/log.ts';
import type { Config, Entry } from '../../../src/core/raft/types.ts';
import { NO_SNAPSHOT } from './support/cell.ts';

function config(name: number): Config {
  return { voters: [`m${name}` as MemberId], outgoing: [], standbys: [], removed: [] };
}

function entry(index: number, term: number, withConfig: boolean, bytes = 1): Entry {
  const base = { index, term, data: new Uint8Array(bytes) };
  return withConfig ? { ...base, kind: 'config', config: config(index) } : { ...base, kind: 'command' };
}

const operation = fc.oneof(
  fc.record({ type: fc.constant('append' as const), count: fc.integer({ min: 1, max: 5 }), newTerm: fc.boolean(), withConfig: fc.boolean() }),
  fc.record({ type: fc.constant('truncate' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  fc.record({ type: fc.constant('compact' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
);

test('append, truncate and compact keep every answer', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 30 }), fc.nat(40), fc.nat(12), (operations, from, term) => {
      const log = new RaftLog(NO_SNAPSHOT, []);
      const plain: Entry[] = [];
      let snapshot = 0;
      for (const step of operations) {
        if (step.type === 'append') {
          const next = (plain.at(-1)?.term ?? 1) + Number(step.newTerm);
          const added = Array.from({ length: step.count }, (_, i) => entry(plain.length + 1 + i, next, step.withConfig && i === 0));
          plain.push(...added);
          log.append(added);
        } else {
          const index = snapshot + Math.floor((plain.length - snapshot) * step.share);
          if (step.type === 'truncate') {
            plain.length = index;
            log.truncateAfter(index);
          } else if (index > snapshot) {
            snapshot = index;
            log.compact({ index, term: plain[index - 1]!.term, config: log.configAt(index) });
          }
        }
      }
      const configAt = (index: number): Config => plain.slice(0, index).findLast((item) => item.config !== undefined)?.config ?? NO_SNAPSHOT.config;
      assert.equal(log.lastIndex, plain.length);
      assert.equal(log.lastTerm, plain.at(-1)?.term ?? 0);
      assert.deepEqual(log.config, configAt(plain.length));
      for (let index = snapshot; index <= plain.length; index += 1) {
        assert.equal(log.termAt(index), index === 0 ? 0 : plain[index - 1]!.term);
        assert.deepEqual(log.configAt(index), configAt(index));
      }
      assert.deepEqual(log.slice(snapshot + 1, plain.length), plain.slice(snapshot));
      assert.equal(log.termAt(plain.length + 1), undefined);
      let meet = Math.min(from, plain.length);
      while (meet > 0 && plain[meet - 1]!.term > term) meet -= 1;
      assert.equal(log.lastWithTermAtMost(from, term), meet, 'binary search against a walk');
    }),
    { numRuns: 1000 },
  );
});

test('one Append is bounded in entries and bytes, but one large entry always fits', () => {
  const log = new RaftLog(NO_SNAPSHOT, []);
  log.append(Array.from({ length: 3000 }, (_, i) => entry(i + 1, 1, false)));
  assert.equal(log.batch(1, 3000).length, APPEND_ENTRIES_MAX);
  assert.equal(log.batch(2999, 3000).length, 2);
  assert.equal(log.batch(1, 10).length, 10);
  assert.deepEqual(log.batch(3001, 3000), []);
  log.append([entry(3001, 1, false, APPEND_BYTES_MAX + 1), entry(3002, 1, false)]);
  assert.equal(log.batch(3001, 3002).length, 1);
  assert.equal(log.batch(2999, 3002).length, 2);
});

test('compaction keeps a bounded tail', () => {
  const log = new RaftLog(NO_SNAPSHOT, []);
  log.append(Array.from({ length: 5000 }, (_, i) => entry(i + 1, 1, false)));
  log.compact({ index: 4000, term: 1, config: NO_SNAPSHOT.config });
  assert.equal(log.firstIndex, 4000 - COMPACTED_TAIL_ENTRIES_MAX + 1);
  assert.equal(log.entry(log.firstIndex)?.index, log.firstIndex);
  assert.equal(log.entry(log.firstIndex - 1), undefined);
  assert.equal(log.lastIndex, 5000);
  assert.equal(log.lastWithTermAtMost(4500, 1), 4500);
  assert.ok(log.lastWithTermAtMost(4500, 0) < log.firstIndex - 1, 'the answer is not held any more');
  assert.ok(log.lastWithTermAtMost(10, 1) < log.firstIndex - 1);
});

test('and a longer one, bounded as well, for who is just catching up', () => {
  const first = (bytes: number, needed: number | undefined): number => {
    const log = new RaftLog(NO_SNAPSHOT, [], 10);
    log.append(Array.from({ length: 5000 }, (_, i) => entry(i + 1, 1, false, bytes)));
    log.compact({ index: 4000, term: 1, config: NO_SNAPSHOT.config }, needed);
    assert.equal(log.lastIndex, 5000);
    return log.firstIndex;
  };
  assert.deepEqual([first(1, undefined), first(1, 3995), first(1, 3800)], [3991, 3991, 3801]);
  assert.equal(first(1, 0), 4000 - 10 * CATCH_UP_TAIL_FACTOR + 1);
  assert.ok(first(200_000, 0) > 4000 - CATCH_UP_TAIL_BYTES_MAX / 200_000);
});
