/** Modules with `foreach` and files that are lost: a list is made again, or one item, and the rest waits or goes on. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { digestsOfFiles } from '../../../src/core/cell/files.ts';
import { inputsHashOf } from '../../../src/core/cell/inputs.ts';
import { fromSections, stateHash, toSections } from '../../../src/core/cell/snapshot.ts';
import type { Outcome } from '../../../src/core/cell/types.ts';
import { nodeId, type RunNumber } from '../../../src/core/lib/ids.ts';
import { failed, hooks, module, succeeded, TestCell } from './cells.ts';
import { cids, end, file, over, phases } from './foreach-cells.ts';
import { Invariants } from './invariants.ts';

/** `a` leaves two files on node a, `b` goes over them and leaves one each, `c` takes those; nodes b and c are there, too. */
function overLost(): { cell: TestCell; run: RunNumber; split: Outcome; leave: (at: number, on: number, node: string) => void; lose: (node: string, ...modules: number[]) => void; b: number; c: number; check: () => void } {
  const cell = new TestCell();
  const [a, b, c] = ['a', 'b', 'c'].map((node) => cell.open(node, { capabilities: { slots: 64 } }));
  const makes = { files: { inputs: [], outputs: [{ name: 'parts', pattern: 'out/*' }] } };
  const run = cell.submit([module('a', [], makes), module('b', [0], { ...makes, ...over({ type: 'files', module: 0, output: 'parts' }) }), module('c', [1], { files: { inputs: [{ variable: 'IN', module: 1, output: 'parts' }], outputs: [] } })]);
  const files = [file('out/1'), file('out/2')];
  const split: Outcome = { ...succeeded(), files: { parts: { kind: 'tree', cid: cids[0]!, name: '', size: 1, count: 2 } }, digests: { parts: digestsOfFiles(files) } };
  const deliver = (at: number, session: number, node: string, outcome: Outcome): void => {
    const { generation } = cell.module(run, at);
    assert.equal(cell.result(run, at, cell.claim(run, at, session), outcome, { generation, holders: [nodeId(node)] }), 'accepted');
  };
  deliver(0, a!, 'a', split);
  const check = (): void => {
    new Invariants().check(cell.state);
    const { header, runs } = toSections(cell.state);
    const back = fromSections(header, runs.map(({ plain }) => plain()), hooks);
    new Invariants().check(back);
    assert.equal(stateHash(back), stateHash(cell.state));
    cell.state = back;
  };
  return {
    cell, run, split, b: b!, c: c!, check,
    leave: (at, on, node) => deliver(at, on, node, at === 0 ? split : { ...succeeded({ at }), files: { parts: { kind: 'file', cid: cids[1]!, name: 'x', size: 1, count: 1 } } }),
    lose: (node, ...modules) => {
      const session = cell.state.sessionOfNode.get(nodeId(node));
      if (session !== undefined) cell.apply({ type: 'sessionExpire', session, reason: 'left' });
      cell.apply({ type: 'invalidate', items: modules.map((at) => ({ run, module: at, generation: cell.module(run, at).generation })) });
    },
  };
}

test('a list that is lost is made again; its items wait for it, those that are executed go on', () => {
  const { cell, run, leave, lose, b, c, check } = overLost();
  const fence = cell.claim(run, 3, b);
  lose('a', 0);
  assert.deepEqual(phases(cell, run), ['a ready', 'b expanded', 'c waiting', 'b[0] claimed', 'b[1] waiting']);
  assert.equal(inputsHashOf(cell.state, run, 4), '');
  assert.equal(cell.claim(run, 4, c), 0);
  check();
  assert.equal(cell.result(run, 3, fence, { ...succeeded(), files: { parts: { kind: 'file', cid: cids[1]!, name: 'x', size: 1, count: 1 } } }, { holders: [nodeId('b')] }), 'accepted');
  leave(0, c, 'c');
  assert.deepEqual(phases(cell, run), ['a succeeded', 'b expanded', 'c waiting', 'b[0] succeeded', 'b[1] ready']);
  check();
  leave(4, c, 'c');
  assert.equal(cell.module(run, 2).phase, 'ready');
});

test('a list that is another one when it is made again fails its module', () => {
  const { cell, run, lose, c, check, split } = overLost();
  const fence = cell.claim(run, 3, c);
  lose('a', 0);
  const other: Outcome = { ...split, files: { parts: { ...split.files!['parts']!, count: 3 } }, digests: { parts: new Uint8Array(48) } };
  assert.equal(cell.result(run, 0, cell.claim(run, 0, c), other, { generation: 2, holders: [nodeId('c')] }), 'accepted');
  assert.deepEqual(phases(cell, run), ['a succeeded', 'b failed', 'c skipped', 'b[0] cancelled', 'b[1] cancelled']);
  assert.ok(cell.events.some((event) => event.type === 'claimEnded' && event.fence === fence));
  assert.match(cell.module(run, 1).outcome?.error?.message ?? '', /had 2 items, and has 3/);
  check();
  const again = cell.apply({ type: 'rerun', requestKey: 'again', run, failedOnly: true });
  assert.ok(again.type === 'run');
  assert.deepEqual(phases(cell, again.run), ['a succeeded', 'b expanded', 'c waiting', 'b[0] ready', 'b[1] ready', 'b[2] ready'], 'the list that there is now');
  check();
});

test('what makes the list fails for good when it is made again: nothing of its items is left open', () => {
  const { cell, run, lose, b, c, check } = overLost();
  cell.claim(run, 3, b);
  lose('a', 0);
  assert.equal(cell.result(run, 0, cell.claim(run, 0, c), failed(), { generation: 2 }), 'accepted');
  assert.deepEqual(phases(cell, run), ['a failed', 'b skipped', 'c skipped', 'b[0] skipped', 'b[1] skipped']);
  assert.equal(cell.phase(run), 'failed');
  check();
});

test('what an item left is lost: that item runs again, and what needs its module waits again', () => {
  const { cell, run, leave, lose, b, c, check } = overLost();
  leave(3, b, 'b');
  leave(4, c, 'c');
  assert.equal(cell.module(run, 2).phase, 'ready');
  lose('b', 3);
  assert.deepEqual(phases(cell, run), ['a succeeded', 'b expanded', 'c waiting', 'b[0] ready', 'b[1] succeeded']);
  check();
  leave(3, c, 'c');
  assert.deepEqual(phases(cell, run), ['a succeeded', 'b succeeded', 'c ready', 'b[0] succeeded', 'b[1] succeeded']);
  check();
  end(cell, run, 2, c);
  assert.equal(cell.phase(run), 'succeeded');
});
