/** Keeping copies for others: what one has asked for, another may want sooner, or read. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { nodeId, type Cid } from '../../src/core/lib/ids.ts';
import { cidOf } from '../../src/protocol/cid.ts';
import { decodeBlob } from '../../src/protocol/blob-codec.ts';
import type { FetchDone, FetchOptions } from '../../src/runtime/blobs/blobs.ts';
import { Keeper } from '../../src/runtime/blobs/keeper.ts';
import { FakeContext } from './fake-context.ts';

const cid = cidOf('raw', new Uint8Array(32));
const [leader, worker] = [nodeId('leader'), nodeId('worker')];

class Bench {
  readonly fake = new FakeContext();
  readonly fetched: { readonly cid: Cid; readonly done: FetchDone; readonly options: FetchOptions }[] = [];
  readonly verified: Cid[] = [];
  isHere = false;
  readonly keeper: Keeper;

  constructor() {
    for (const node of [leader, worker]) this.fake.connected.add(node);
    this.keeper = new Keeper(this.fake.context, {
      fetch: (of, done, options) => (this.fetched.push({ cid: of, done, options: options! }), () => undefined),
      get: (of) => (this.isHere ? { cid: of, size: 1, usedAt: 0, pinned: false } : undefined),
      progress: () => undefined,
      readWhole: () => assert.fail('no list'),
      verify: (of, done) => {
        this.verified.push(of);
        done(true);
      },
    });
  }

  answers(): string[] {
    return this.fake.sent.splice(0).map(({ to, bytes }) => {
      const message = decodeBlob(bytes);
      return message.type === 'kept' ? `${to} ${message.state}` : message.type;
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

test('who wants it read is not told that it is whole by a look that was none: it asks again, and then it is read', () => {
  const bench = new Bench();
  bench.isHere = true;
  bench.keeper.receive(worker, keep);
  bench.keeper.receive(leader, { ...keep, check: true });
  bench.fetched.shift()!.done(undefined, 1);
  assert.deepEqual([bench.answers(), bench.verified], [[`${leader} coming`, `${worker} whole`], []]);
  bench.keeper.receive(leader, { ...keep, check: true });
  bench.fetched.shift()!.done(undefined, 1);
  assert.deepEqual([bench.answers(), bench.verified], [[`${leader} whole`], [cid]]);
});
