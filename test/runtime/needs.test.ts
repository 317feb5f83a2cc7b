/** Which blobs the runs of a cell refer to, as nodes ask for it. */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { apply } from '../../src/core/cell/cell.ts';
import { blobRefs } from '../../src/core/cell/files.ts';
import type { CellState } from '../../src/core/cell/state.ts';
import type { Outcome } from '../../src/core/cell/types.ts';
import { nodeId, type Cid } from '../../src/core/lib/ids.ts';
import { isSkeinError } from '../../src/errors.ts';
import { answerNeeds, joined, readNeeds, type Need } from '../../src/runtime/blobs/needs.ts';
import { NEEDS_ASKED_MAX } from '../../src/runtime/blobs/limits.ts';
import { cellName, module, start, succeeded, TestCell } from '../core/cell/cells.ts';
import { RandomLog, steps } from '../core/cell/random-log.ts';

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
    const { cell: of, founded, needs: found } = readNeeds(asked, answer);
    assert.deepEqual([of, founded], [cellName, start]);
    return Object.fromEntries(found);
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

/** Through all modules of all runs. */
function slowNeeds(state: CellState): Map<Cid, Need> {
  const needs = new Map<Cid, Need>();
  for (const run of state.runs.values()) {
    for (const { cid, tree } of blobRefs(run)) needs.set(cid, joined(needs.get(cid), { live: !state.finished.has(run.number), finishedAt: run.finishedAt, tree }));
  }
  return needs;
}

test('after every command of random logs the answer is what looking through everything gives', () => {
  let needed = 0;
  fc.assert(
    fc.property(steps(60), (list) => {
      const { state } = new TestCell();
      const log = new RandomLog(list.length % 2 === 0, list.length % 4 === 0);
      const seen = new Set<Cid>();
      for (const [at, step] of list.entries()) {
        apply(state, at + 2, log.next(state, step));
        const slow = slowNeeds(state);
        for (const cid of slow.keys()) seen.add(cid);
        const asked = [...seen].slice(0, NEEDS_ASKED_MAX);
        const answer = answerNeeds(state, asked);
        assert.ok(!(answer instanceof Error));
        assert.deepEqual(new Map(readNeeds(asked, answer).needs), new Map(asked.flatMap((cid) => (slow.has(cid) ? [[cid, slow.get(cid)!]] : []))));
        needed += slow.size;
      }
    }),
    { numRuns: 60 },
  );
  assert.ok(needed > 100);
});

test('a question about a cell with many runs looks at those that changed', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const looked: number[] = [];
  for (let at = 0; at < 3; at++) {
    const run = cell.state.runs.get(cell.submit([module('a')]))!;
    const { modules } = run;
    Object.defineProperty(run, 'modules', { get: () => (looked.push(at), modules) });
  }
  const runs = [...cell.state.runs.keys()];
  const lookedAt = (): Set<number> => {
    looked.length = 0;
    answerNeeds(cell.state, [file]);
    return new Set(looked);
  };
  assert.deepEqual(lookedAt(), new Set([0, 1, 2]));
  assert.deepEqual(lookedAt(), new Set());
  cell.claim(runs[1]!, 0, session);
  assert.deepEqual(lookedAt(), new Set([1]));
});

test('a question that is none', () => {
  const { state } = new TestCell();
  for (const argument of [null, 'x', { 0: 'x' }, [7], Array.from({ length: NEEDS_ASKED_MAX + 1 }, () => 'x')]) {
    assert.ok(isSkeinError(answerNeeds(state, argument), 'REQUEST_INVALID'));
  }
});
