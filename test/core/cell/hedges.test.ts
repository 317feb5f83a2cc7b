/** Two copies of one module: what becomes of them, case by case. The model in oracle.test.ts has all of it at once. */
import { strict as assert } from 'node:assert';
import test from 'node:test';
import { hedgeProblem } from '../../../src/core/cell/hedges.ts';
import type { ClaimItem } from '../../../src/core/cell/types.ts';
import type { Fence, RunNumber, SessionId } from '../../../src/core/lib/ids.ts';
import { TestCell, failed, module, succeeded, type ModuleSketch } from './cells.ts';

const hedged: ModuleSketch = { policy: { hedgeFactor: 2 }, retry: { attempts: 3, backoffMs: 0 } };

function hedge(cell: TestCell, items: readonly ClaimItem[]): readonly Fence[] {
  const reply = cell.apply({ type: 'hedgeBatch', claims: items });
  assert.ok(reply.type === 'claims', JSON.stringify(reply));
  return reply.fences;
}

/** A module that two nodes execute, and a third node. */
class Two {
  readonly cell = new TestCell();
  readonly sessions = ['a', 'b', 'c'].map((node) => this.cell.open(node)) as [SessionId, SessionId, SessionId];
  readonly run: RunNumber = this.cell.submit([module('x', [], hedged), module('y', [0])]);
  readonly first: Fence = this.cell.claim(this.run, 0, this.sessions[0]);
  readonly second: Fence = hedge(this.cell, [{ run: this.run, module: 0, session: this.sessions[1] }])[0]!;

  constructor() {
    assert.ok(this.first > 0 && this.second > this.first);
  }

  get module(): ReturnType<TestCell['module']> {
    return this.cell.module(this.run, 0);
  }

  stops(): readonly (readonly [Fence, string])[] {
    return this.cell.events.flatMap((event) => (event.type === 'claimEnded' ? [[event.fence, event.why] as const] : []));
  }

  /** What holds as long as one copy is left. */
  goesOn(fence: Fence, session: SessionId): void {
    const { phase, failures, losses, attempt, hedge: other } = this.module;
    assert.deepEqual({ phase, failures, losses, attempt, other }, { phase: 'claimed', failures: 0, losses: 0, attempt: 1, other: null });
    assert.deepEqual([this.module.fence, this.module.session], [fence, session]);
    assert.ok(this.cell.events.some((event) => event.type === 'hedge' && !event.on && event.fence !== fence));
  }
}

test('a second copy is granted to another node with room, of a module that asks for it and is executed once', () => {
  const { cell, run, sessions, module: record } = new Two();
  assert.equal(hedgeProblem(cell.state, record, cell.state.sessions.get(sessions[2])), 'two copies are executed already');
  assert.equal(cell.state.runs.get(run)!.milliCpuUsed, 2_000);
  const refused = cell.submit([module('plain'), module('ready', [], hedged), module('here', [], hedged)], undefined, 'p', { parallelMax: 2 });
  const [a, b] = sessions;
  cell.claims([{ run: refused, module: 0, session: a }, { run: refused, module: 2, session: a }]);
  assert.deepEqual(hedge(cell, [0, 1, 2].map((index) => ({ run: refused, module: index, session: index === 2 ? a : b }))), [0, 0, 0]);
  assert.equal(hedgeProblem(cell.state, cell.module(refused, 2), cell.state.sessions.get(b)), 'the run executes 2 modules already');
});

test('the first result that counts ends both, whichever it is; the other one is told to stop, and its result is a duplicate', () => {
  for (const winner of ['first', 'second'] as const) {
    const two = new Two();
    const loser = winner === 'first' ? 'second' : 'first';
    assert.equal(two.cell.result(two.run, 0, two[winner], succeeded({ by: winner })), 'accepted');
    assert.deepEqual([two.module.phase, two.module.acceptedFence, two.module.nodeId], ['succeeded', two[winner], winner === 'first' ? 'a' : 'b']);
    assert.deepEqual(two.stops(), [[two[loser], 'superseded']]);
    assert.deepEqual([...two.cell.state.sessions.values()].map((session) => [session.milliCpuUsed, session.claims.size]), [[0, 0], [0, 0], [0, 0]]);
    assert.equal(two.cell.result(two.run, 0, two[loser], succeeded({ by: loser })), 'duplicate');
    assert.deepEqual(two.module.outcome?.values, { by: winner });
    assert.equal(two.cell.module(two.run, 1).phase, 'ready');
  }
});

test('one copy that fails is one copy less; the failure of the last one is an attempt', () => {
  for (const code of ['MODULE_EXIT', 'MODULE_FENCED', 'NODE_STOPPING', 'MODULE_CANCELLED']) {
    const two = new Two();
    assert.equal(two.cell.result(two.run, 0, two.first, failed(code)), 'accepted');
    two.goesOn(two.second, two.sessions[1]);
    assert.equal(two.cell.result(two.run, 0, two.first, failed(code)), 'stale', 'a second report of it changes nothing');
    assert.equal(two.cell.result(two.run, 0, two.second, failed()), 'accepted');
    assert.deepEqual([two.module.phase, two.module.failures], ['ready', 1]);
    assert.ok(two.cell.claim(two.run, 0, two.sessions[0]) > two.second);
    assert.equal(two.module.attempt, 2);
  }
  const two = new Two();
  assert.equal(two.cell.result(two.run, 0, two.second, failed()), 'accepted');
  two.goesOn(two.first, two.sessions[0]);
});

test('a node that is lost under one copy is no loss; if that copy delivers after all, it wins', () => {
  for (const how of ['expire', 'release'] as const) {
    const two = new Two();
    const lose = (session: SessionId, fence: Fence): unknown =>
      how === 'expire' ? two.cell.apply({ type: 'sessionExpire', session, reason: 'silent' }) : two.cell.apply({ type: 'release', claims: [{ run: two.run, module: 0, fence }], reason: 'lost' });
    lose(two.sessions[0], two.first);
    two.goesOn(two.second, two.sessions[1]);
    assert.equal(two.cell.result(two.run, 0, two.first, succeeded()), 'accepted');
    assert.deepEqual(two.stops(), [[two.second, 'superseded']]);
    const both = new Two();
    both.cell.apply({ type: 'sessionExpire', session: both.sessions[1], reason: 'silent' });
    both.goesOn(both.first, both.sessions[0]);
    both.cell.apply({ type: 'sessionExpire', session: both.sessions[0], reason: 'silent' });
    assert.deepEqual([both.module.phase, both.module.losses], ['ready', 1], 'the last one counts');
  }
});

test('a returning node goes on with its copy, first or second, in its new session', () => {
  for (const [node, at] of [['a', 0], ['b', 1]] as const) {
    const two = new Two();
    const fence = at === 0 ? two.first : two.second;
    const session = two.cell.open(node, { running: [{ run: two.run, module: 0, fence }] });
    assert.deepEqual([two.module.session, two.module.hedge?.session], at === 0 ? [session, two.sessions[1]] : [two.sessions[0], session]);
    assert.equal(two.cell.result(two.run, 0, fence, succeeded()), 'accepted');
  }
  const two = new Two();
  two.cell.open('b');
  two.goesOn(two.first, two.sessions[0]);
  assert.deepEqual(two.stops(), [[two.second, 'released']], 'it does not name it any more');
});

test('declined, handed back or timed out: one copy less, and no other before the next claim', () => {
  for (const reason of ['declined', 'released', 'timeout'] as const) {
    const two = new Two();
    two.cell.apply({ type: 'release', claims: [{ run: two.run, module: 0, fence: two.first }], reason });
    two.goesOn(two.second, two.sessions[1]);
    assert.deepEqual(two.stops(), reason === 'declined' ? [] : [[two.first, reason]]);
    assert.deepEqual(hedge(two.cell, [{ run: two.run, module: 0, session: two.sessions[0] }]), [0], 'there is a last copy');
    two.cell.result(two.run, 0, two.second, failed());
    const next = two.cell.claim(two.run, 0, two.sessions[0]);
    assert.ok(hedge(two.cell, [{ run: two.run, module: 0, session: two.sessions[1] }])[0]! > next, 'the next claim has one again');
  }
});

test('Cancel stops both', () => {
  const two = new Two();
  two.cell.apply({ type: 'cancel', run: two.run, reason: '' });
  assert.deepEqual(two.stops(), [[two.first, 'cancelled'], [two.second, 'cancelled']]);
  assert.deepEqual([...two.cell.state.sessions.values()].map((session) => session.claims.size), [0, 0, 0]);
});
