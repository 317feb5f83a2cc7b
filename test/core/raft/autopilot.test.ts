/** PROTOCOL §5: what the leader does next about the membership, one sentence a test. */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import type { MemberId, NodeId } from '../../../src/core/lib/ids.ts';
import { nextMembershipStep, targetVoters, type AutopilotInput, type AutopilotMember, type AutopilotStep } from '../../../src/core/raft/autopilot.ts';
import { STANDBYS_MAX } from '../../../src/core/raft/limits.ts';
import { majorityOf } from '../../../src/core/raft/quorum.ts';
import { ids } from './support/cell.ts';

const NOW = 1_000_000;
const OPTIONS = { electionMs: 1000, voterDeadMs: 10_000, memberForgottenMs: 600_000 };

interface Situation {
  /** Members that are alive; all stable for a minute unless told. */
  readonly live: string;
  readonly voters: string;
  readonly outgoing?: string;
  readonly standbys?: string;
  readonly removed?: string;
  /** Standbys that have not caught up. */
  readonly behind?: string;
  readonly dead?: Readonly<Record<string, number>>;
  readonly leaving?: string;
  readonly alarmed?: string;
  readonly members?: Readonly<Record<string, Partial<AutopilotMember>>>;
}

/** What A, the leader, does next: `voters/standbys/removed`, `→target`, or `-`. */
function step(situation: Situation): string {
  return describe(nextMembershipStep(inputOf(situation)));
}

function inputOf(situation: Situation): AutopilotInput {
  const { live, voters, standbys = '', behind = '', dead = {}, members = {} } = situation;
  return {
    self: ids('A')[0]!,
    config: { voters: ids(voters), outgoing: ids(situation.outgoing ?? ''), standbys: ids(standbys), removed: ids(situation.removed ?? '') },
    lastIndex: 100,
    progress: ids(voters + standbys)
      .filter((member) => member !== 'A')
      .map((member) => ({ member, matchIndex: behind.includes(member) ? 50 : 100, lastAckedSentAt: live.includes(member) ? NOW - 50 : NOW - 20_000, receivesSnapshot: false, caughtUpAt: -Infinity })),
    members: ids(live).map((member) => ({ member, node: member as string as NodeId, alive: true, stableMs: 60_000, voteAllowed: true, host: member, flaps: 0, uptimeMs: 60_000, ...members[member] })),
    deadMs: new Map(Object.entries(dead).map(([member, ms]) => [member as MemberId, ms])),
    leaving: new Set(ids(situation.leaving ?? '')),
    alarmed: new Set(ids(situation.alarmed ?? '')),
    now: NOW,
    options: OPTIONS,
  };
}

function describe(next: AutopilotStep | undefined): string {
  if (next === undefined) return '-';
  if (next.type === 'transfer') return `→${next.target}`;
  return [next.voters, next.standbys, next.removed].map((list) => list.toSorted().join('')).join('/');
}

test('target sizes: 1, 1 and a standby, 3, 3, 5, never 7', () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6, 20].map((count) => targetVoters(count)), [1, 1, 3, 3, 5, 5, 5]);
});

test('nothing to do is nothing done', () => {
  assert.equal(step({ live: 'A', voters: 'A' }), '-');
  assert.equal(step({ live: 'AB', voters: 'A', standbys: 'B' }), '-');
  assert.equal(step({ live: 'ABC', voters: 'ABC' }), '-');
  assert.equal(step({ live: 'ABCD', voters: 'ABC', standbys: 'D' }), '-');
  assert.equal(step({ live: 'ABCDEFGHI', voters: 'ABCDE', standbys: 'FG' }), '-');
});

test('growth: newcomers become standbys, and voters at once when enough have caught up', () => {
  assert.equal(step({ live: 'AB', voters: 'A' }), 'A/B/');
  assert.equal(step({ live: 'ABC', voters: 'A' }), 'A/BC/');
  assert.equal(step({ live: 'ABC', voters: 'A', standbys: 'BC', members: { B: { stableMs: 0 }, C: { stableMs: 0 } } }), 'ABC//');
  assert.equal(step({ live: 'ABC', voters: 'A', standbys: 'BC', behind: 'C' }), '-', 'never two voters');
  assert.equal(step({ live: 'ABCDE', voters: 'A', standbys: 'BCDE' }), 'ABCDE//', 'from 1 to 5 in one step');
  assert.equal(step({ live: 'ABCDE', voters: 'A', standbys: 'BCDE', behind: 'E' }), 'ABC/DE/', 'what can be had now');
  assert.equal(step({ live: 'ABCDE', voters: 'ABC', standbys: 'DE' }), 'ABCDE//');
  assert.equal(step({ live: 'ABCDEFGHIJK', voters: 'A' }), 'A/BCDEFG/', `at most ${STANDBYS_MAX} on the way`);
});

test('--no-vote keeps a node out', () => {
  assert.equal(step({ live: 'ABC', voters: 'A', standbys: 'B', members: { C: { voteAllowed: false } } }), '-');
});

test('a voter dead for less than 10 s keeps its place', () => {
  assert.equal(step({ live: 'AB', voters: 'ABC', dead: { C: 9999 } }), '-');
});

test('a voter dead for 10 s is replaced by a standby that is stable and caught up', () => {
  const dead = { C: 10_000 };
  assert.equal(step({ live: 'ABD', voters: 'ABC', standbys: 'D', dead }), 'ABD//');
  assert.equal(step({ live: 'ABD', voters: 'ABC', standbys: 'D', dead, behind: 'D' }), '-', 'worth waiting for');
  assert.equal(step({ live: 'ABD', voters: 'ABC', standbys: 'D', dead, members: { D: { stableMs: 5000 } } }), '-', 'worth waiting for');
  assert.equal(step({ live: 'ABD', voters: 'ABC', dead }), 'ABC/D/', 'first it has to catch up');
});

test('without a replacement the voters shrink to what the live members allow', () => {
  assert.equal(step({ live: 'AB', voters: 'ABC', dead: { C: 10_000 } }), 'A/B/');
  assert.equal(step({ live: 'ABC', voters: 'ABCDE', dead: { D: 10_000, E: 10_000 } }), 'ABC//');
  assert.equal(step({ live: 'ABCD', voters: 'ABCDE', dead: { E: 10_000 } }), 'ABC/D/');
  assert.equal(step({ live: 'A', voters: 'ABC', dead: { B: 20_000, C: 20_000 } }), '-', 'without a live majority nothing can be decided');
});

test('a dead standby goes, and another one takes its place', () => {
  assert.equal(step({ live: 'AC', voters: 'A', standbys: 'B', dead: { B: 10_000 } }), 'A/C/');
  assert.equal(step({ live: 'A', voters: 'A', standbys: 'B', dead: { B: 10_000 } }), 'A//');
  assert.equal(step({ live: 'AC', voters: 'A', standbys: 'BC', dead: { B: 5000 } }), '-');
});

test('members are removed for ever only after 10 minutes or for a bad disk', () => {
  assert.equal(step({ live: 'AB', voters: 'A', standbys: 'B', dead: { C: 599_999 } }), '-');
  assert.equal(step({ live: 'AB', voters: 'A', standbys: 'B', dead: { C: 600_000 } }), 'A/B/C');
  assert.equal(step({ live: 'AB', voters: 'A', standbys: 'B', removed: 'C', dead: { C: 700_000 } }), '-');
  assert.equal(step({ live: 'ABCD', voters: 'ABC', standbys: 'D', alarmed: 'C' }), 'ABD//C');
  assert.equal(step({ live: 'ABC', voters: 'ABC', alarmed: 'C' }), 'A/B/C');
  assert.equal(step({ live: 'AB', voters: 'A', removed: 'B' }), '-', 'a removed id never returns');
});

test('a member that leaves is let go at once', () => {
  assert.equal(step({ live: 'ABC', voters: 'ABC', leaving: 'C' }), 'A/B/');
  assert.equal(step({ live: 'ABCD', voters: 'ABC', standbys: 'D', leaving: 'C', members: { D: { stableMs: 0 } } }), 'ABD//');
  assert.equal(step({ live: 'AB', voters: 'A', standbys: 'B', leaving: 'B' }), 'A//');
});

test('a leader that leaves proposes voters without itself and without the dead, then hands over', () => {
  assert.equal(step({ live: 'ABC', voters: 'ABC', leaving: 'A' }), 'B/C/');
  assert.equal(step({ live: 'AB', voters: 'ABC', leaving: 'A', dead: { C: 1000 } }), 'B//');
  assert.equal(step({ live: 'ABCD', voters: 'ABC', standbys: 'D', leaving: 'A' }), 'BCD//');
  assert.equal(step({ live: 'AB', voters: 'A', standbys: 'B', leaving: 'A' }), 'B//', 'two machines: the standby takes over');
  assert.equal(step({ live: 'AB', voters: 'A', standbys: 'B', leaving: 'A', behind: 'B' }), '-');
  assert.equal(step({ live: 'AB', voters: 'A', leaving: 'A' }), 'A/B/', 'somebody has to be able to take over');
  assert.equal(step({ live: 'A', voters: 'A', leaving: 'A' }), '-', 'the last one just stops');
  assert.equal(step({ live: 'AB', voters: 'B', outgoing: 'A', leaving: 'A' }), '→B');
  assert.equal(step({ live: 'ABC', voters: 'BC', outgoing: 'ABC', behind: 'B' }), '→C', 'to who has the whole log');
  assert.equal(step({ live: 'AC', voters: 'BCD', outgoing: 'ABC' }), '→C', 'to the living');
  assert.equal(step({ live: 'ABC', voters: 'BC', outgoing: 'ABC', leaving: 'AB' }), '→C', 'to who stays');
  assert.equal(step({ live: 'AB', voters: 'B', outgoing: 'AB', leaving: 'AB' }), '→B', 'to one who leaves too, if there is no other: the change has to end');
  assert.equal(step({ live: 'AB', voters: 'AB', outgoing: 'A' }), '-', 'the core finishes this one');
});

test('the leader is never demoted, whatever the others have to show', () => {
  const better = { uptimeMs: 10_000_000 };
  assert.equal(step({ live: 'ABC', voters: 'ABCDE', dead: { D: 20_000, E: 20_000 }, members: { A: { flaps: 9, uptimeMs: 1 }, B: better, C: better } }), 'ABC//');
  assert.equal(step({ live: 'AB', voters: 'ABC', dead: { C: 20_000 }, members: { A: { flaps: 9 } } }), 'A/B/');
  assert.equal(step({ live: 'ABC', voters: 'ABC', members: { A: { voteAllowed: false } } }), 'B/C/', 'unless it may not vote');
});

test('choice: other hosts first, then fewer flaps, longer uptime, lower id', () => {
  const choose = (members: Readonly<Record<string, Partial<AutopilotMember>>>): string => step({ live: 'ABCD', voters: 'A', standbys: 'BCD', members });
  assert.equal(choose({}), 'ABC/D/');
  assert.equal(choose({ B: { uptimeMs: 1 } }), 'ACD/B/');
  assert.equal(choose({ B: { flaps: 3, uptimeMs: 90_000 } }), 'ACD/B/');
  assert.equal(choose({ B: { host: 'A' }, C: { flaps: 3 } }), 'ACD/B/');
  assert.equal(choose({ B: { host: 'x', uptimeMs: 90_000 }, C: { host: 'x', uptimeMs: 80_000 } }), 'ABD/C/');
});

test('every step is legal and keeps live majorities', () => {
  const letters = 'ABCDEFG'.split('');
  const some = fc.subarray(letters.slice(1));
  const situation = fc
    .record({ live: some, voterPool: fc.shuffledSubarray(letters.slice(1)), size: fc.constantFrom(1, 3, 5), standbys: some, removed: some, behind: some, dead: fc.dictionary(fc.constantFrom(...letters.slice(1)), fc.nat(1_000_000)), leaving: fc.subarray(letters, { maxLength: 2 }), alarmed: fc.subarray(letters, { maxLength: 1 }) })
    .map(({ live, voterPool, size, standbys, removed, behind, dead, leaving, alarmed }): Situation => {
      const others = voterPool.slice(0, size - 1);
      const voters = others.length + 1 === size ? ['A', ...others] : ['A'];
      const free = standbys.filter((id) => !voters.includes(id));
      const gone = removed.filter((id) => !voters.includes(id) && !free.includes(id));
      const stillDead = Object.fromEntries(Object.entries(dead).filter(([id]) => !live.includes(id)));
      return { live: `A${live.join('')}`, voters: voters.join(''), standbys: free.join(''), removed: gone.join(''), behind: behind.join(''), dead: stillDead, leaving: leaving.join(''), alarmed: alarmed.join('') };
    });
  fc.assert(
    fc.property(situation, (given) => {
      const next = nextMembershipStep(inputOf(given));
      if (next === undefined) return;
      assert.equal(next.type, 'change');
      if (next.type !== 'change') return;
      const { live, voters, standbys = '', removed = '', behind = '', leaving = '', alarmed = '' } = given;
      const isNew = next.voters.toSorted().join('') !== voters.split('').toSorted().join('');
      assert.ok([1, 3, 5].includes(next.voters.length));
      assert.equal(new Set([...next.voters, ...next.standbys]).size, next.voters.length + next.standbys.length);
      assert.ok(next.standbys.length <= STANDBYS_MAX);
      for (const id of removed) assert.ok(next.removed.includes(id as MemberId));
      for (const id of next.removed) assert.ok(!next.voters.includes(id) && !next.standbys.includes(id));
      if (!isNew) return;
      const alive = (set: readonly string[]): number => set.filter((id) => live.includes(id)).length;
      assert.ok(alive(next.voters) >= majorityOf(next.voters.length) && alive(voters.split('')) >= majorityOf(voters.length));
      assert.ok(next.voters.includes('A' as MemberId) || `${leaving}${alarmed}`.includes('A'));
      for (const id of next.voters) assert.ok(voters.includes(id) || (standbys.includes(id) && live.includes(id) && !behind.includes(id)), `${id} is promoted`);
    }),
    { numRuns: 3000 },
  );
});
