/** Which blobs the runs of a cell refer to, as nodes ask for it. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Outcome } from '../../src/core/cell/types.ts';
import { nodeId, type Cid } from '../../src/core/lib/ids.ts';
import { isSkeinError } from '../../src/errors.ts';
import { answerNeeds, readNeeds } from '../../src/runtime/blobs/needs.ts';
import { NEEDS_ASKED_MAX } from '../../src/runtime/blobs/limits.ts';
import { module, succeeded, TestCell } from '../core/cell/cells.ts';

const tree = 'tree' as Cid;
const file = 'file' as Cid;
const other = 'other' as Cid;

test('live, then ended, then retired', () => {
  const cell = new TestCell();
  const source = module('a', [], { files: { inputs: [], outputs: [{ name: 'o', pattern: '*' }, { name: 'p', pattern: 'p' }] } });
  const run = cell.submit([source, module('b')]);
  const asked = [other, file, tree];
  const needs = (): unknown => {
    const answer = answerNeeds(cell.state, asked);
    assert.ok(!(answer instanceof Error));
    return Object.fromEntries(readNeeds(asked, answer));
  };
  assert.deepEqual(needs(), {});
  const session = cell.open('a');
  const files: Outcome['files'] = { o: { kind: 'tree', cid: tree, name: '', size: 1, count: 1 }, p: { kind: 'file', cid: file, name: 'p', size: 1, count: 1 } };
  cell.result(run, 0, cell.claim(run, 0, session), { ...succeeded(), files }, { holders: [nodeId('a')] });
  const live = { live: true, finishedAt: 0 };
  assert.deepEqual(needs(), { tree: { ...live, tree: true }, file: { ...live, tree: false } });
  cell.result(run, 1, cell.claim(run, 1, session), succeeded());
  const { finishedAt } = cell.state.runs.get(run)!;
  assert.ok(finishedAt > 0);
  assert.deepEqual(needs(), { tree: { live: false, finishedAt, tree: true }, file: { live: false, finishedAt, tree: false } });
  // Another run that lives refers to one of them.
  const second = cell.submit([source, module('b')]);
  cell.result(second, 0, cell.claim(second, 0, session), { ...succeeded(), files: { ...files, o: { ...files['o']!, cid: other } } }, { holders: [nodeId('a')] });
  assert.deepEqual(needs(), { tree: { live: false, finishedAt, tree: true }, file: { live: true, finishedAt, tree: false }, other: { ...live, tree: true } });
});

test('a question that is none', () => {
  const { state } = new TestCell();
  for (const argument of [null, 'x', { 0: 'x' }, [7], Array.from({ length: NEEDS_ASKED_MAX + 1 }, () => 'x')]) {
    assert.ok(isSkeinError(answerNeeds(state, argument), 'REQUEST_INVALID'));
  }
});
