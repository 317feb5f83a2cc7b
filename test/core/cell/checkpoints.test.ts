/** What an execution had got goes to the next one, and to nobody else. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { checkpointFor } from '../../../src/core/cell/checkpoints.ts';
import { blobRefs } from '../../../src/core/cell/files.ts';
import { inputsHashOf } from '../../../src/core/cell/inputs.ts';
import { specProblem } from '../../../src/core/cell/run-spec.ts';
import { fromSections, stateHash, toSections } from '../../../src/core/cell/snapshot.ts';
import type { FilesRef, ModuleSpec } from '../../../src/core/cell/types.ts';
import type { Cid } from '../../../src/core/lib/ids.ts';
import { failed, hooks, module, spec, succeeded, TestCell } from './cells.ts';

const cid = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy' as Cid;
const at = (count: number): FilesRef => ({ kind: 'tree', cid, name: '', size: 10 * count, count });
const kept = (attempts = 1): ModuleSpec => module('train', [], { checkpoint: { folder: 'state', everyMs: 30_000 }, retry: { attempts } });

function tell(cell: TestCell, run: number, fence: number, files: FilesRef, index = 0): boolean {
  cell.apply({ type: 'checkpoint', claim: { run, module: index, fence }, inputsHash: inputsHashOf(cell.state, run, index), files });
  return cell.events.some(({ type }) => type === 'checkpointed');
}

test('the newest checkpoint of the live claim counts, until the module has succeeded', () => {
  const cell = new TestCell();
  const [a, b] = [cell.open('a'), cell.open('b')];
  const run = cell.submit([kept(2), module('plain')]);
  const first = cell.claim(run, 0, a);
  assert.equal(tell(cell, run, first, at(1)), true);
  assert.equal(tell(cell, run, first, at(2)), true);
  assert.deepEqual([...blobRefs(cell.state.runs.get(run)!)], [{ cid, tree: true }]);
  cell.apply({ type: 'sessionExpire', session: a, reason: 'silent' });
  assert.deepEqual(checkpointFor(cell.state, cell.module(run, 0)), at(2));
  const second = cell.claim(run, 0, b);
  assert.equal(tell(cell, run, first, at(9)), false, 'that execution is not the module\'s any more');
  assert.equal(tell(cell, run, second, at(3)), true);
  cell.result(run, 0, second, failed());
  assert.deepEqual(checkpointFor(cell.state, cell.module(run, 0)), at(3), 'the next attempt begins with it');
  cell.now += 60_000;
  cell.result(run, 0, cell.claim(run, 0, b), succeeded());
  assert.equal(checkpointFor(cell.state, cell.module(run, 0)), null);
});

test('not taken: of a module without, of one that is gone, what is no list of files', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([kept(), module('plain')]);
  const fence = cell.claim(run, 0, session);
  assert.equal(tell(cell, run, cell.claim(run, 1, session), at(1), 1), false);
  assert.equal(tell(cell, 999, fence, at(1)), false);
  assert.equal(tell(cell, run, fence, { ...at(1), kind: 'file', name: 'x' }), false);
  assert.equal(tell(cell, run, fence, { ...at(1), size: -1 }), false);
  assert.equal(checkpointFor(cell.state, cell.module(run, 0)), null);
});

test('a snapshot carries it; a rerun of what failed begins with it', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([kept()]);
  const fence = cell.claim(run, 0, session);
  tell(cell, run, fence, at(4));
  const { header, runs } = toSections(cell.state);
  const restored = fromSections(header, runs.map(({ plain }) => plain()), hooks);
  assert.equal(stateHash(restored), stateHash(cell.state));
  assert.deepEqual(restored.runs.get(run)?.modules[0]?.checkpoint?.files, at(4));
  cell.result(run, 0, fence, failed());
  const reply = cell.apply({ type: 'rerun', requestKey: 'again', run, failedOnly: true });
  assert.ok(reply.type === 'run');
  assert.deepEqual(checkpointFor(cell.state, cell.module(reply.run, 0)), at(4));
  const again = toSections(cell.state);
  assert.deepEqual(fromSections(again.header, again.runs.map(({ plain }) => plain()), hooks).runs.get(reply.run)?.modules[0]?.checkpoint?.files, at(4));
  const anew = cell.apply({ type: 'rerun', requestKey: 'anew', run, failedOnly: false });
  assert.ok(anew.type === 'run');
  assert.equal(cell.module(anew.run, 0).checkpoint, null);
});

test('a folder is one below the work folder, and the pause is sane', () => {
  for (const folder of ['', '/x', '../x', 'a//b', 'a/./b', 'a\\b', 'a\0']) assert.equal(specProblem(spec([module('m', [], { checkpoint: { folder, everyMs: 30_000 } })]))?.code, 'PIPELINE_INVALID', folder);
  for (const everyMs of [0, 999, 1.5e9, 1000.5, NaN]) assert.equal(specProblem(spec([module('m', [], { checkpoint: { folder: 'x', everyMs } })]))?.code, 'PIPELINE_INVALID', String(everyMs));
  assert.equal(specProblem(spec([module('m', [], { checkpoint: { folder: 'x', everyMs: 1000 }, action: { type: 'registered', function: 'f' } })]))?.code, 'PIPELINE_INVALID');
  assert.equal(specProblem(spec([module('m', [], { checkpoint: { folder: 'a/b c', everyMs: 1000 } })])), undefined);
});
