/** Equal specifications are equal bytes, and replicas keep the same bytes of a run that has ended, whatever they were restored from. */
import { strict as assert } from 'node:assert';
import test from 'node:test';
import { fromSections, stateHash, toSections } from '../../src/core/cell/snapshot.ts';
import type { RunSpec } from '../../src/core/cell/types.ts';
import { decodeSpec, encodeSpec } from '../../src/protocol/spec-codec.ts';
import { cellHooks } from '../../src/runtime/snapshot-image.ts';
import { module, TestCell } from '../core/cell/cells.ts';
import { list, over } from '../core/cell/foreach-cells.ts';
import { wildSpec } from '../core/cell/random-log.ts';
import { spec } from './samples.ts';

/** Keys of all records the other way round, as another maker may have them. */
function reversed<T>(value: T): T {
  if (Array.isArray(value)) return value.map(reversed) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).toReversed().map(([key, item]) => [key, reversed(item)])) as T;
}

const lists = [module('a', [], over(list({ x: 1, y: { b: 1, a: 2 } }))), module('b', [], over(list({ y: { a: 2, b: 1 }, x: 1 })))];
const valid: readonly RunSpec[] = [
  { ...wildSpec(0), modules: lists, params: { z: 1, a: { n: 1, m: [{ q: 1, p: 2 }] } }, env: { Z: '1', A: '2' } },
  ...Array.from({ length: 12 }, (_, seed) => ({ ...wildSpec(seed), env: { B: '', A: '' } })),
];

test('the order of records makes no other bytes', () => {
  for (const each of [spec, ...valid]) assert.deepEqual(encodeSpec(reversed(each)), encodeSpec({ ...each }));
  assert.equal(encodeSpec({ ...spec, modules: lists }).length, encodeSpec({ ...spec, modules: [lists[0]!, { ...lists[0]!, name: 'b' }] }).length, 'what is equal is sent once');
});

test('a replica that was restored while a run was live keeps the same of it when it has ended', () => {
  for (const each of valid) {
    const cell = new TestCell();
    cell.state = { ...cell.state, hooks: cellHooks };
    const reply = cell.apply({ type: 'submit', requestKey: 'key', spec: decodeSpec(encodeSpec(reversed(each))) });
    assert.ok(reply.type === 'run', JSON.stringify(reply));
    const other = new TestCell(false);
    const { header, runs } = toSections(cell.state);
    other.state = fromSections(header, runs.map(({ plain }) => plain()), cellHooks);
    other.index = cell.index;
    for (const one of [cell, other]) one.apply({ type: 'cancel', run: reply.run, reason: '' });
    assert.equal(stateHash(other.state), stateHash(cell.state), JSON.stringify(each));
  }
});
