/** Which file an item is, where many items left the files that it goes over, some of them none. */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { digestedOutputs } from '../../../src/core/cell/files.ts';
import { retirable } from '../../../src/core/cell/finish.ts';
import { itemSource, listedFile } from '../../../src/core/cell/foreach.ts';
import { inputsHashOf } from '../../../src/core/cell/inputs.ts';
import { fromSections, toSections } from '../../../src/core/cell/snapshot.ts';
import type { FilesRef, ResultItem } from '../../../src/core/cell/types.ts';
import { nodeId } from '../../../src/core/lib/ids.ts';
import type { Plain } from '../../../src/core/lib/plain.ts';
import { encodeCommand } from '../../../src/protocol/command-codec.ts';
import { ENTRY_DATA_BYTES_MAX } from '../../../src/protocol/limits.ts';
import { hooks, module, succeeded, TestCell } from './cells.ts';
import { cids, end, list, over } from './foreach-cells.ts';

test('items are the files in the order of their lists, however they are spread', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 3 }), { maxLength: 12 }), (counts) => {
      const cell = new TestCell();
      const session = cell.open('a', { capabilities: { slots: 64 } });
      const makes = { files: { inputs: [], outputs: [{ name: 'parts', pattern: 'out/*' }] } };
      const run = cell.submit([module('a', [], { ...makes, ...over(list(...counts)) }), module('b', [0], over({ type: 'files', module: 0, output: 'parts' })), module('last', [1])]);
      counts.forEach((count, at) => end(cell, run, 3 + at, session, { ...succeeded(), files: { parts: { kind: 'tree', cid: cids[0]!, name: '', size: at, count } }, digests: { parts: new Uint8Array(16 * count) } }));
      const expected = counts.flatMap((count, at) => Array.from({ length: count }, (_, position) => [at, position]));
      const items = cell.state.runs.get(run)!.modules.slice(3 + counts.length);
      assert.deepEqual(items.map((item) => { const source = itemSource(item); return source.type === 'file' ? [source.files.size, source.position] : []; }), expected);
      for (const item of items) assert.deepEqual(listedFile(item)?.holders, [nodeId('a')]);
    }),
    { numRuns: 60 },
  );
});

test('digests of all lists that a module leaves fit into one result: a list that is one too many has none, and its items depend on the whole', () => {
  const cell = new TestCell();
  const session = cell.open('a', { capabilities: { slots: 64 } });
  const outputs = ['p', 'q', 'r'].map((name) => ({ name, pattern: name }));
  const run = cell.submit([module('a', [], { files: { inputs: [], outputs } }), ...['p', 'q', 'r'].map((output) => module(output, [0], over({ type: 'files', module: 0, output })))]);
  const left = (count: number): FilesRef => ({ kind: 'tree', cid: cids[0]!, name: '', size: 1, count });
  const files = { p: left(9_000), q: left(2_000), r: left(1_000) };
  assert.deepEqual(digestedOutputs(['p', 'q', 'r'], files), ['p', 'r']);
  const digests = { p: new Uint8Array(144_000), q: new Uint8Array(32_000), r: new Uint8Array(16_000) };
  const item: ResultItem = { run, module: 0, generation: 1, fence: cell.claim(run, 0, session), inputsHash: '', outcome: { ...succeeded(), files, digests }, holders: [nodeId('a')] };
  assert.deepEqual(cell.apply({ type: 'results', jitter: 0, items: [item] }), { type: 'results', verdicts: ['accepted'] });
  const { outcome } = cell.module(run, 0);
  assert.deepEqual(Object.keys(outcome?.digests ?? {}), ['p', 'r'], 'and what is said beyond that is not kept');
  assert.ok(encodeCommand({ type: 'results', now: 0, jitter: 0, items: [{ ...item, outcome: outcome! }] }).length < ENTRY_DATA_BYTES_MAX);
  const [first, second] = [0, 1].map((at) => inputsHashOf(cell.state, run, 4 + 9_000 + at));
  assert.notEqual(first, second, 'which file it is counts all the same');
});

test('a run has no more modules than can be kept when it has ended', () => {
  const cell = new TestCell();
  const values = Array.from({ length: 10_000 }, () => 0);
  const run = cell.submit(Array.from({ length: 30 }, (_, at) => module(`m${at}`, [], over({ type: 'list', values }))));
  const last = cell.module(run, 29);
  assert.deepEqual([cell.module(run, 28).phase, last.phase, last.outcome?.error?.message], ['expanded', 'failed', 'its list has 10000 items, and the run would have more than 300000 modules']);
  cell.apply({ type: 'cancel', run, reason: '' });
  assert.deepEqual(retirable(cell.state, cell.now), []);
});

test('a snapshot that claims more items than it has is damaged, and no records are made for them', () => {
  const cell = new TestCell();
  cell.submit([module('a', [], over(list(1, 2))), module('b', [], over(list(1)))]);
  const { header, runs } = toSections(cell.state);
  const plain = runs[0]!.plain() as readonly Plain[];
  const at = plain.findIndex((field) => JSON.stringify(field) === '[[0,2],[1,1]]');
  for (const expansions of [[[0, 2], [1, 10_000]], [[0, 1], [2, 2]]]) assert.throws(() => fromSections(header, [plain.with(at, expansions)], hooks), /the items of a module of run/);
});
