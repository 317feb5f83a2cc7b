/** Which file an item is, where many items left the files that it goes over, some of them none. */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { itemSource, listedFile } from '../../../src/core/cell/foreach.ts';
import { nodeId } from '../../../src/core/lib/ids.ts';
import { module, succeeded, TestCell } from './cells.ts';
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
