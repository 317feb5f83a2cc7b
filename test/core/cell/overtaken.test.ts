/** What an execution began with is lost and made again while it goes on: its result counts if that is the same, or not there yet. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { checkpointFor } from '../../../src/core/cell/checkpoints.ts';
import { inputsHashOf } from '../../../src/core/cell/inputs.ts';
import type { ModuleSpec, Outcome } from '../../../src/core/cell/types.ts';
import { nodeId, type Fence } from '../../../src/core/lib/ids.ts';
import { module, succeeded } from './cells.ts';
import { Files, left, makes, ref, takes } from './files-cells.ts';

/** b is executed on what a left while a is made again: c takes it too, and has not begun. */
function overtaken(more: Partial<ModuleSpec> = {}): { cell: Files; run: number; fence: Fence; hash: string } {
  const cell = new Files('abc');
  const run = cell.submit([module('a', [], makes([], 'o')), { ...module('b', [0], makes([takes(0)])), ...more }, module('c', [0, 1], makes([takes(0)]))]);
  cell.done(run, 0, 'a', left('o'));
  const fence = cell.claim(run, 1, cell.sessions['b']!);
  const hash = inputsHashOf(cell.state, run, 1);
  cell.gone('a');
  cell.lose(run, 0);
  assert.equal(cell.phases(run), 'ready claimed waiting');
  return { cell: cell.restored(), run, fence, hash };
}

const another: Outcome = { ...succeeded(), files: { o: { ...ref, name: 'other' } } };

test('a result on what was recorded before counts, if that is made again as it was, or is not there yet', () => {
  for (const madeAgain of [false, true]) {
    const { cell, run, fence, hash } = overtaken();
    if (madeAgain) cell.done(run, 0, 'c', left('o'));
    assert.equal(cell.deliver(run, 1, fence, succeeded(), 'b', { inputsHash: hash }), 'accepted');
    assert.equal(cell.module(run, 1).phase, 'succeeded');
  }
});

test('a result on what was recorded before does not count when that is something else now: the module is executed on what there is', () => {
  const { cell, run, fence, hash } = overtaken();
  cell.done(run, 0, 'c', another);
  assert.equal(cell.deliver(run, 1, fence, succeeded(), 'b', { inputsHash: hash }), 'accepted');
  const { phase, failures, note } = cell.restored().module(run, 1);
  assert.deepEqual([phase, failures, note], ['ready', 0, 'what it takes was made again while it was executed, and is not the same']);
  assert.equal(cell.deliver(run, 1, fence, succeeded(), 'b', { inputsHash: hash }), 'duplicate', 'said twice, counted once');
  cell.now += 5_000;
  cell.done(run, 1, 'b', succeeded());
  cell.done(run, 2, 'b', succeeded());
  assert.equal(cell.phase(run), 'succeeded');
});

test('what touched the world has touched it, on whatever it was', () => {
  const { cell, run, fence, hash } = overtaken({ effectful: true });
  cell.done(run, 0, 'c', another);
  assert.equal(cell.deliver(run, 1, fence, succeeded(), 'b', { inputsHash: hash }), 'accepted');
  assert.equal(cell.module(run, 1).phase, 'succeeded');
});

test('of two copies the one that began before is the one that ends', () => {
  const { cell, run, fence, hash } = overtaken({ policy: { priority: 0, limits: [], hedgeFactor: 2 } });
  cell.done(run, 0, 'c', another);
  const reply = cell.apply({ type: 'hedgeBatch', claims: [{ run, module: 1, session: cell.sessions['c']! }] });
  assert.ok(reply.type === 'claims' && reply.fences[0]! > 0);
  assert.equal(cell.deliver(run, 1, fence, succeeded(), 'b', { inputsHash: hash }), 'accepted');
  assert.deepEqual([cell.module(run, 1).phase, cell.module(run, 1).nodeId], ['claimed', nodeId('c')]);
  assert.equal(cell.deliver(run, 1, reply.fences[0]!, succeeded(), 'c'), 'accepted');
  assert.equal(cell.module(run, 1).phase, 'succeeded');
});

test('a result stands for others only on the inputs that it was worked out from', () => {
  for (const how of ['while it is made again', 'after that']) {
    const { cell, run, fence, hash } = overtaken({ cache: true });
    if (how === 'after that') cell.done(run, 0, 'c', another);
    cell.deliver(run, 1, fence, succeeded({ of: 'the first' }), 'b', { inputsHash: hash });
    assert.deepEqual([...cell.state.cache.keys()], [], how);
    cell.restored();
    assert.equal(cell.state.cache.size, 0);
  }
});

test('a checkpoint is of use as long as what it was worked out from is there', () => {
  for (const [again, expected] of [[left('o'), true], [another, false]] as const) {
    const { cell, run, fence, hash } = overtaken({ checkpoint: { folder: 'state', everyMs: 30_000 } });
    const files = { ...ref, kind: 'tree', name: '' } as const;
    cell.apply({ type: 'checkpoint', claim: { run, module: 1, fence }, inputsHash: hash, files });
    cell.gone('b');
    cell.done(run, 0, 'c', again);
    assert.equal(cell.restored().module(run, 1).phase, 'ready');
    assert.deepEqual(checkpointFor(cell.state, cell.module(run, 1)), expected ? files : null);
  }
});
