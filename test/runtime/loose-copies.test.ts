/** Copies of logs: asked for when an execution ends, when a node goes, and by a new leader; also of runs that ended a moment ago. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { nodeId, type Cid } from '../../src/core/lib/ids.ts';
import type { LogRef } from '../../src/core/cell/types.ts';
import { decodeBlob } from '../../src/protocol/blob-codec.ts';
import { LOGS_SETTLE_MS } from '../../src/runtime/blobs/limits.ts';
import { LooseCopies } from '../../src/runtime/blobs/loose-copies.ts';
import { failed, module, succeeded, TestCell } from '../core/cell/cells.ts';
import { cidOf } from '../../src/protocol/cid.ts';
import { FakeContext } from './fake-context.ts';

const log = (digit: number): LogRef => ({ cid: cidOf('raw', new Uint8Array(32).fill(digit)), size: 5000, cut: 0, cutAt: 0 });

/** A run on node a whose module failed once and then succeeded; both executions left a log. */
function ended(): { cell: TestCell; fake: FakeContext; loose: LooseCopies; kept: () => { to: string; cid: Cid }[] } {
  const cell = new TestCell();
  const session = cell.open('a');
  for (const name of ['b', 'c']) cell.open(name);
  const run = cell.submit([{ ...module('m'), retry: { attempts: 2, backoffMs: 0, factor: 1, jitter: false, capMs: 0 } }]);
  cell.result(run, 0, cell.claim(run, 0, session), { ...failed(), log: log(1) });
  cell.now += 1000;
  cell.result(run, 0, cell.claim(run, 0, session), { ...succeeded(), log: log(2) });
  assert.equal(cell.state.runs.get(run)!.phase, 'succeeded');
  const fake = new FakeContext({ self: 'leader' });
  for (const name of ['a', 'b', 'c']) fake.connected.add(nodeId(name));
  const kept = (): { to: string; cid: Cid }[] =>
    fake.sent.splice(0).map(({ to, bytes }) => {
      const message = decodeBlob(bytes);
      assert.ok(message.type === 'keep');
      return { to, cid: message.cid };
    });
  return { cell, fake, loose: new LooseCopies(fake.context), kept };
}

test('a node goes just after the run has ended: two of those that are left have the logs, of the failed execution too', () => {
  const { cell, loose, kept } = ended();
  cell.apply({ type: 'sessionExpire', session: cell.state.sessionOfNode.get(nodeId('a'))!, reason: 'silent' });
  loose.nodeWent(cell.state, nodeId('a'));
  const told = kept();
  assert.deepEqual(new Set(told.map(({ to }) => to)), new Set([nodeId('b'), nodeId('c')]));
  for (const { cid } of [log(1), log(2)]) assert.equal(told.filter((each) => each.cid === cid).length, 2);
});

test('a new leader says again what the one before it may have said in vain; not of what ended long ago', () => {
  const { cell, loose, kept } = ended();
  loose.rebuild(cell.state);
  assert.equal(kept().length, 4);
  cell.now += LOGS_SETTLE_MS + 1;
  cell.open('d');
  loose.rebuild(cell.state);
  assert.deepEqual(kept(), []);
});
