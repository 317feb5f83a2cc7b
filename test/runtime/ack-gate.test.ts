/** Goal: with two machines an answer means two disks, a slow second one costs at most E once, and three machines wait for nobody. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { memberId, nodeId, type MemberId } from '../../src/core/lib/ids.ts';
import type { Raft } from '../../src/core/raft/raft.ts';
import { AckGate } from '../../src/runtime/ack-gate.ts';

const E = 1000;
const [a, b, c] = ['a', 'b', 'c'].map((name) => memberId(nodeId(name), 's')) as [MemberId, MemberId, MemberId];

class Fixture {
  readonly released: number[] = [];
  readonly match = new Map<MemberId, number>([[b, 10]]);
  readonly raft = { role: 'leader', config: { voters: [a], outgoing: [] as MemberId[], standbys: [b], removed: [] }, commitIndex: 10, progress: () => [...this.match].map(([member, matchIndex]) => ({ member, matchIndex })) };
  readonly gate = new AckGate(this.raft as unknown as Raft, E);

  /** An entry is committed, that is, on the leader's own disk, and somebody waits for it. */
  commit(index: number, now: number): void {
    this.raft.commitIndex = index;
    this.gate.pass(index, now, () => this.released.push(index));
  }
}

test('an answer waits for the standby that has everything so far', () => {
  const { gate, match, released, ...fixture } = inSync();
  fixture.commit(11);
  assert.deepEqual(released, []);
  assert.equal(gate.dueAt, E);
  match.set(b, 11);
  gate.check(5);
  assert.deepEqual(released, [11]);
  assert.equal(gate.dueAt, Infinity);
  assert.ok(!gate.oneCopy);
});

function inSync(): { gate: AckGate; match: Map<MemberId, number>; released: number[]; raft: Fixture['raft']; commit: (index: number, now?: number) => void } {
  const fixture = new Fixture();
  fixture.gate.check(0);
  return { gate: fixture.gate, match: fixture.match, released: fixture.released, raft: fixture.raft, commit: (index, now = 0) => fixture.commit(index, now) };
}

test('a standby that is later than E is not waited for again until it has caught up', () => {
  const { gate, match, released, commit } = inSync();
  commit(11);
  gate.check(E - 1);
  assert.deepEqual(released, []);
  gate.check(E);
  assert.deepEqual(released, [11]);
  assert.ok(gate.oneCopy);
  commit(12, E);
  assert.deepEqual(released, [11, 12], 'at once');
  match.set(b, 12);
  gate.check(E + 1);
  assert.ok(!gate.oneCopy);
  commit(13, E + 2);
  assert.deepEqual(released, [11, 12]);
});

test('at the very moment that it names, it is over, however the times round', () => {
  let now = 0.1;
  for (let i = 0; i < 1000; i += 1) {
    now += 33.661196589994;
    const { gate, released, commit } = inSync();
    commit(11, now);
    gate.check(gate.dueAt);
    assert.deepEqual(released, [11], `${now}`);
  }
});

test('a standby that never had everything is not waited for', () => {
  const fixture = new Fixture();
  fixture.match.set(b, 3);
  fixture.gate.check(0);
  fixture.commit(11, 0);
  assert.deepEqual(fixture.released, [11]);
  assert.ok(fixture.gate.oneCopy);
});

test('with three voters nobody waits, and who waited when they became three goes on', () => {
  const { gate, raft, released, commit } = inSync();
  commit(11);
  raft.config = { voters: [a, b, c], outgoing: [], standbys: [], removed: [] };
  assert.ok(gate.active);
  gate.check(1);
  assert.deepEqual(released, [11]);
  commit(12);
  assert.deepEqual(released, [11, 12]);
  assert.ok(!gate.active);
});

test('a leader that is none any more answers nobody', () => {
  const { gate, match, released, commit } = inSync();
  commit(11);
  gate.clear();
  match.set(b, 11);
  gate.check(1);
  assert.deepEqual(released, []);
});
