/** Goal: of nodes that are as good the leader's own gets the work, since nothing has to travel; a quieter node goes before it. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { nodeId } from '../../src/core/lib/ids.ts';
import { Planner } from '../../src/core/plan/planner.ts';
import { LeaderSessions } from '../../src/runtime/leader-sessions.ts';
import { plannable } from '../../src/runtime/plannable.ts';
import { module, TestCell } from '../core/cell/cells.ts';

/** Where the first of two modules goes. */
function first(loads: Readonly<Record<string, number>>, self: string, busy = ''): string {
  const cell = new TestCell();
  const sessions = new LeaderSessions();
  for (const [name, load] of Object.entries(loads)) {
    const id = cell.open(name, { capabilities: { slots: 4 } });
    const session = sessions.open(cell.state, id, 0)!;
    session.load = load;
    if (name === busy) cell.claim(cell.submit([module('busy')]), 0, id);
  }
  const planner = new Planner();
  cell.submit([module('m')]);
  planner.rebuild(cell.state);
  const [claim] = planner.plan(cell.state, cell.now, plannable(sessions, nodeId(self)), 10);
  return cell.state.sessions.get(claim!.session)!.nodeId;
}

test('the own node goes first where others are no better', () => {
  assert.equal(first({ a: 1, b: 1, c: 1 }, 'b'), 'b');
  assert.equal(first({ a: 0.8, b: 1, c: 1.2 }, 'b'), 'b', 'noise of the averages');
  assert.equal(first({ a: 1, b: 1, c: 1 }, 'nobody'), 'a', 'the oldest session');
});

test('not where others are emptier, or much quieter', () => {
  assert.equal(first({ a: 1, b: 1, c: 1 }, 'b', 'b'), 'a');
  assert.equal(first({ a: 2, b: 2, c: 0.3 }, 'b'), 'c');
  assert.equal(first({ a: 1.5, b: 2, c: 1.4 }, 'b'), 'c');
});

test('who stops, is away or was released is not asked', () => {
  const cell = new TestCell();
  const sessions = new LeaderSessions();
  const ids = ['a', 'b', 'c', 'd'].map((name) => sessions.open(cell.state, cell.open(name), 0)!);
  ids[0]!.slots = 0;
  ids[1]!.downSince = 5;
  ids[2]!.released = true;
  assert.deepEqual(plannable(sessions, nodeId('a')).map(({ session }) => session), [ids[3]!.id]);
});
