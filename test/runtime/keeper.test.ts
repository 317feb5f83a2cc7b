/** Keeping copies for others: what one has asked for, another may want sooner, or read. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';
import { nodeId, type Cid } from '../../src/core/lib/ids.ts';
import { cidOf } from '../../src/protocol/cid.ts';
import { decodeBlob } from '../../src/protocol/blob-codec.ts';
import type { FetchDone, FetchOptions } from '../../src/runtime/blobs/blobs.ts';
import { encodeTree } from '../../src/protocol/tree-codec.ts';
import { Keeper } from '../../src/runtime/blobs/keeper.ts';
import { RECENT_MS, WISHED_AT_ONCE } from '../../src/runtime/blobs/limits.ts';
import { FakeContext } from './fake-context.ts';

const cid = cidOf('raw', new Uint8Array(32));
const [leader, worker] = [nodeId('leader'), nodeId('worker')];

class Bench {
  readonly fake = new FakeContext();
  readonly fetched: { readonly cid: Cid; readonly done: FetchDone; readonly options: FetchOptions }[] = [];
  readonly verified: Cid[] = [];
  isHere = false;
  list: Cid[] = [];
  /** Wishes that were taken back. */
  taken = 0;
  readonly keeper: Keeper;

  constructor() {
    for (const node of [leader, worker]) this.fake.connected.add(node);
    this.keeper = new Keeper(this.fake.context, {
      fetch: (of, done, options) => (this.fetched.push({ cid: of, done, options: options! }), () => void this.taken++),
      get: (of) => (this.isHere ? { cid: of, size: 1, usedAt: 0, pinned: false } : undefined),
      progress: () => undefined,
      readWhole: (_of, done) => done(undefined, encodeTree(this.list.map((of, i) => ({ path: String(i), cid: of, size: 1, executable: false })))),
      verify: (of, done) => {
        this.verified.push(of);
        done(true);
      },
    });
  }

  answers(): string[] {
    return this.fake.sent.splice(0).map(({ to, bytes }) => {
      const message = decodeBlob(bytes);
      return message.type === 'kept' ? `${to} ${message.state}${message.tree ? ', list' : ''}${message.check ? ', read' : ''}` : message.type;
    });
  }
}

const keep = { type: 'keep', cid, tree: false, check: false, urgent: false, holders: [] } as const;

test('a copy that is made in the background is hurried when somebody waits for it', () => {
  const bench = new Bench();
  bench.keeper.receive(leader, keep);
  bench.keeper.receive(worker, { ...keep, urgent: true, holders: [worker] });
  assert.deepEqual(bench.answers(), [`${worker} coming`]);
  assert.deepEqual(bench.fetched.map(({ options }) => [options.urgency, options.holders]), [['background', []], ['waited', [worker]]]);
  bench.keeper.receive(worker, { ...keep, urgent: true, holders: [worker] });
  assert.equal(bench.fetched.length, 2);
  for (const { done } of bench.fetched) done(undefined, 1);
  assert.deepEqual(bench.answers(), [`${worker} coming`, `${leader} whole`, `${worker} whole`]);
});

test('who wants it read is answered when it was read, and who does not is not kept waiting for that', () => {
  const bench = new Bench();
  bench.isHere = true;
  bench.keeper.receive(leader, keep);
  bench.keeper.receive(leader, { ...keep, check: true });
  const [plain, read] = bench.fetched.splice(0);
  assert.deepEqual([bench.answers(), bench.verified], [[], [cid]]);
  plain!.done(undefined, 1);
  assert.deepEqual(bench.answers(), [`${leader} whole`]);
  read!.done(undefined, 1);
  assert.deepEqual(bench.answers(), [`${leader} whole, read`]);
});

test('a list without its files is no answer to who wants those, too', () => {
  const bench = new Bench();
  const file = cidOf('raw', new Uint8Array(32).fill(1));
  bench.list = [file];
  bench.keeper.receive(leader, keep);
  bench.keeper.receive(worker, { ...keep, tree: true });
  for (const { done } of bench.fetched.splice(0)) done(undefined, 1);
  assert.deepEqual(bench.answers(), [`${leader} whole`]);
  assert.deepEqual(bench.fetched.map((one) => one.cid), [file]);
  bench.fetched[0]!.done(undefined, 1);
  assert.deepEqual(bench.answers(), [`${worker} whole, list`]);
});

test('of a long list that is hurried no more is wished for at a time than of any other', () => {
  const bench = new Bench();
  bench.list = Array.from({ length: 3 * WISHED_AT_ONCE }, (_, i) => cidOf('raw', createHash('sha256').update(String(i)).digest()));
  bench.keeper.receive(leader, { ...keep, tree: true });
  bench.fetched.shift()!.done(undefined, 1);
  bench.fake.pass(10);
  bench.fetched.shift()!.done(undefined, 1);
  const slow = bench.fetched.splice(0);
  bench.keeper.receive(worker, { ...keep, tree: true, urgent: true, holders: [worker] });
  assert.equal(bench.taken, slow.length);
  let hurried = 0;
  for (let some = bench.fetched.splice(0); some.length > 0; some = bench.fetched.splice(0)) {
    assert.ok(some.length <= WISHED_AT_ONCE);
    for (const { done, options } of some) {
      assert.deepEqual([options.urgency, options.holders], ['waited', [worker]]);
      done(undefined, 1);
      hurried++;
    }
  }
  assert.equal(hurried, bench.list.length - 1);
  assert.deepEqual(bench.answers().slice(-2), [`${leader} whole, list`, `${worker} whole, list`]);
});

test('what is kept for others counts as needed until the log can know of it', () => {
  const bench = new Bench();
  const unrecorded = (): readonly unknown[] => [...bench.keeper.unrecorded()];
  bench.keeper.receive(leader, keep);
  assert.deepEqual(unrecorded(), [{ cid, tree: false }]);
  bench.fake.pass(2 * RECENT_MS);
  assert.deepEqual(unrecorded(), [{ cid, tree: false }]);
  bench.fetched.shift()!.done(undefined, 1);
  bench.fake.pass(RECENT_MS / 2);
  assert.deepEqual(unrecorded(), [{ cid, tree: false }]);
  bench.fake.pass(RECENT_MS);
  assert.deepEqual(unrecorded(), []);
  bench.keeper.receive(leader, keep);
  bench.fetched.shift()!.done(new Error('nobody has it'), 0);
  assert.deepEqual(unrecorded(), []);
});
