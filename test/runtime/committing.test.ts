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
