/** Results that wait for copies of their files: when they are sent, and what they then say. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { HOLDERS_MAX, UNABLE_MAX } from '../../src/core/cell/limits.ts';
import { nodeId, type NodeId } from '../../src/core/lib/ids.ts';
import type { ResultItem } from '../../src/core/cell/types.ts';
import { cidOf } from '../../src/protocol/cid.ts';
import { decodeWork, encodeWork } from '../../src/protocol/work-codec.ts';
import { Committing } from '../../src/runtime/blobs/committing.ts';
import type { CopyEnd, CopyRequest } from '../../src/runtime/blobs/copy-requests.ts';
import { COMMIT_AGAIN_MS, COPY_WAIT_MS } from '../../src/runtime/blobs/limits.ts';
import { cellName, succeeded } from '../core/cell/cells.ts';
import { FakeContext } from './fake-context.ts';

const item: ResultItem = { run: 1, module: 0, generation: 1, fence: 7, inputsHash: '00112233445566778899aabbccddeeff', outcome: { ...succeeded(), files: { o: { kind: 'file', cid: cidOf('raw', new Uint8Array(32)), name: 'o', size: 1, count: 1 } } } };

class Bench {
  readonly fake = new FakeContext();
  readonly asked: NodeId[] = [];
  readonly sent: ResultItem[] = [];
  readonly committing: Committing;

  constructor(nodes: number, end: (request: CopyRequest) => CopyEnd) {
    const others = Array.from({ length: nodes }, (_, at) => nodeId(`n${at}`));
    this.committing = new Committing(this.fake.context, {
      others: () => others,
      requests: {
        ask: (request) => {
          this.asked.push(request.node);
          this.fake.context.defer(() => request.done(end(request)));
          return () => undefined;
        },
      },
      send: (result) => void this.sent.push(result),
    });
  }

  /** As the leader would hear it. @returns the last result. */
  heard(): ResultItem {
    const message = decodeWork(encodeWork({ type: 'results', cell: cellName, id: 1, items: [this.sent.at(-1)!] }));
    assert.ok(message.type === 'results');
    return message.items[0]!;
  }
}

test('a flock in which nobody has room: the result names as many as may be named, and can be read', () => {
  const bench = new Bench(UNABLE_MAX + 40, () => 'full');
  bench.committing.add(item, 2);
  bench.fake.pass(1000);
  assert.equal(bench.sent.length, 1);
  assert.deepEqual([bench.heard().unable?.length, bench.heard().holders], [UNABLE_MAX, ['self']]);
  assert.equal(bench.asked.length, UNABLE_MAX);
});

test('sent back again and again: its own node is always named, and those that were asked last', () => {
  const bench = new Bench(20, () => 'whole');
  bench.committing.add(item, 2);
  for (let round = 0; round < 12; round++) {
    bench.fake.pass(1000);
    assert.equal(bench.sent.length, round + 1);
    const { holders = [] } = bench.heard();
    assert.equal(holders[0], 'self');
    assert.ok(holders.length <= HOLDERS_MAX && holders.at(-1) === bench.asked.at(-1));
    bench.committing.again(item.fence, []);
  }
});

test('who is to have a copy is gone: the leader is asked again soon, as it may have closed the session meanwhile', () => {
  const bench = new Bench(0, () => 'silent');
  const gone = nodeId('gone');
  bench.committing.add(item, 2);
  bench.fake.pass(100);
  assert.equal(bench.sent.length, 1, 'nobody else is known here');
  for (const round of [1, 2, 3]) {
    bench.committing.again(item.fence, [gone]);
    bench.fake.pass(2 * COMMIT_AGAIN_MS);
    assert.equal(bench.asked.length, round, 'and it is asked anew each time: it may be back');
    assert.equal(bench.sent.length, round + 1);
    assert.equal(bench.heard().unable, undefined, 'it may come back yet');
  }
});

test('who is there for the leader and does not answer here counts as one that cannot, in the end', () => {
  const bench = new Bench(1, () => 'silent');
  bench.committing.add(item, 2);
  for (let ms = 0; ms <= COPY_WAIT_MS && bench.sent.at(-1)?.unable === undefined; ms += COMMIT_AGAIN_MS) {
    const { length } = bench.sent;
    bench.fake.pass(COMMIT_AGAIN_MS);
    if (bench.sent.length > length && bench.sent.at(-1)!.unable === undefined) bench.committing.again(item.fence, [nodeId('n0')]);
  }
  assert.deepEqual(bench.heard().unable, ['n0']);
  assert.ok(bench.sent.length <= COPY_WAIT_MS / COMMIT_AGAIN_MS + 1);
});
