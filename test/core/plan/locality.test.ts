/** Modules with large inputs go where their files are, as long as there is room. */
import { strict as assert } from 'node:assert';
import test from 'node:test';
import type { FilesRef, ModuleSpec, Outcome, ResultItem } from '../../../src/core/cell/types.ts';
import { inputsHashOf } from '../../../src/core/cell/inputs.ts';
import { moduleAt } from '../../../src/core/cell/state.ts';
import { nodeId, type Cid, type RunNumber, type SessionId } from '../../../src/core/lib/ids.ts';
import { Explainer } from '../../../src/core/plan/explain.ts';
import { module, succeeded } from '../cell/cells.ts';
import { PlannedCell } from './planned-cell.ts';

const MIB = 1024 * 1024;
const cid = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy' as Cid;
const file = (size: number): FilesRef => ({ kind: 'file', cid, name: 'f', size, count: 1 });
const maker = (name: string): ModuleSpec => module(name, [], { files: { inputs: [], outputs: [{ name: 'f', pattern: 'f' }] } });
const taker = (name: string, needs: readonly number[]): ModuleSpec => module(name, needs, { files: { inputs: needs.map((need) => ({ variable: `F${need}`, module: need, output: 'f' })), outputs: [] } });
const left = (size: number): Outcome => ({ ...succeeded(), files: { f: file(size) } });

function made(cell: PlannedCell, run: RunNumber, index: number, session: SessionId, node: string, size: number): void {
  assert.equal(cell.result(run, index, cell.claim(run, index, session), left(size), { holders: [nodeId(node)] }), 'accepted');
}

/** Three nodes of which `a` is the least used and `c` the most. */
function lab(): { cell: PlannedCell; sessions: Record<'a' | 'b' | 'c', SessionId> } {
  const cell = new PlannedCell();
  const sessions = { a: cell.open('a', { capabilities: { slots: 8 } }), b: cell.open('b', { capabilities: { slots: 4 } }), c: cell.open('c', { capabilities: { slots: 3 } }) };
  const filler = cell.submit([module('filler', [], { durationMs: 1 })]);
  cell.claim(filler, 0, sessions.c);
  return { cell, sessions };
}

test('the node that has the most of the inputs gets the module; of several the one with most room', () => {
  const { cell, sessions } = lab();
  const run = cell.submit([maker('x'), maker('y'), taker('both', [0, 1]), taker('second', [0, 1])]);
  made(cell, run, 0, sessions.b, 'b', 10 * MIB);
  made(cell, run, 1, sessions.c, 'c', 30 * MIB);
  assert.deepEqual(cell.plan().map((item) => item.session), [sessions.c, sessions.c]);
});

test('where there is no room it goes elsewhere, and little goes anywhere', () => {
  const { cell, sessions } = lab();
  const run = cell.submit([maker('x'), taker('one', [0]), taker('two', [0]), taker('three', [0])]);
  made(cell, run, 0, sessions.c, 'c', 100 * MIB);
  assert.deepEqual(cell.plan().map((item) => item.session), [sessions.c, sessions.c, sessions.a]);
  const small = lab();
  const other = small.cell.submit([maker('x'), taker('one', [0])]);
  made(small.cell, other, 0, small.sessions.c, 'c', MIB);
  assert.deepEqual(small.cell.plan().map((item) => item.session), [small.sessions.a]);
});

test('what is claimed right behind a result goes to where that result was made', () => {
  const { cell, sessions } = lab();
  const run = cell.submit([maker('x'), taker('one', [0])]);
  const item: ResultItem = { run, module: 0, generation: 1, fence: cell.claim(run, 0, sessions.c), inputsHash: inputsHashOf(cell.state, run, 0), outcome: left(50 * MIB), holders: [nodeId('c')] };
  cell.planner.advance();
  cell.planner.foresee(cell.state, [item]);
  assert.deepEqual(cell.plan().map(({ module: index, session }) => [index, session]), [[1, sessions.c]]);
});

test('the explanation says what would have to be fetched', () => {
  const { cell, sessions } = lab();
  const run = cell.submit([maker('x'), taker('one', [0])]);
  made(cell, run, 0, sessions.c, 'c', 50 * MIB);
  const { nodes } = new Explainer(cell.state).module(moduleAt(cell.state, run, 1)!);
  assert.deepEqual(nodes.map(({ node, text }) => [node, text.split('; ')[1]]), [['node-a', '50 MiB of its 50 MiB of input files are elsewhere'], ['node-b', '50 MiB of its 50 MiB of input files are elsewhere'], ['node-c', 'has all of its input files']]);
});
