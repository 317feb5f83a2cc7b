/** Majorities: etcd's tables, and a slow obvious oracle. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import * as fc from 'fast-check';
import type { MemberId } from '../../../src/core/lib/ids.ts';
import { majorityReached, majorityVote, quorumReached, quorumVote, type VoteResult } from '../../../src/core/raft/quorum.ts';
import { parseScript, type Directive } from './support/datadriven.ts';

const FOLDER = join(import.meta.dirname, '../../../../shared/fixtures/raft/quorum/testdata');
const words: Record<VoteResult, string> = { won: 'VoteWon', lost: 'VoteLost', pending: 'VotePending' };

function members(directive: Directive, option: string): MemberId[] {
  return (directive.options.get(option) ?? []).filter((id) => id !== 'zero') as MemberId[];
}

function run(directive: Directive): string {
  const voters = members(directive, 'cfg');
  const outgoing = members(directive, 'cfgj');
  const known = directive.options.get(directive.command === 'vote' ? 'votes' : 'idx') ?? [];
  const value = new Map([...new Set([...voters, ...outgoing])].map((id, position) => [id, known[position] ?? '_']));
  if (directive.command === 'vote') {
    const voteOf = (id: MemberId): boolean | undefined => (value.get(id) === '_' ? undefined : value.get(id) === 'y');
    if (outgoing.length === 0) assert.equal(majorityVote(voters, voteOf), quorumVote({ voters, outgoing: voters }, voteOf));
    return words[quorumVote({ voters, outgoing }, voteOf)];
  }
  const indexOf = (id: MemberId): number => (value.get(id) === '_' ? 0 : Number(value.get(id)));
  const reached = quorumReached({ voters, outgoing }, indexOf);
  if (outgoing.length === 0) assert.equal(majorityReached(voters, indexOf), quorumReached({ voters, outgoing: voters }, indexOf));
  assert.equal(reached, quorumReached({ voters: outgoing, outgoing: voters }, indexOf), 'the halves are equals');
  return reached === Infinity ? '∞' : String(reached);
}

const skip = existsSync(FOLDER) ? false : 'no ../shared/fixtures/raft here';

test('the quorum and vote tables of etcd', { skip }, () => {
  let count = 0;
  for (const file of readdirSync(FOLDER)) {
    for (const directive of parseScript(readFileSync(join(FOLDER, file), 'utf8')).directives) {
      const wanted = directive.output.split('\n').at(-1)!.replace('<empty majority quorum>', '');
      assert.equal(run(directive), wanted, `${file}:${directive.line} ${directive.input}`);
      count += 1;
    }
  }
  assert.ok(count > 100, `${count} cases`);
});

/** Try every index from the top and count. */
function slowReached(voters: readonly MemberId[], indexOf: (id: MemberId) => number): number {
  if (voters.length === 0) return Infinity;
  for (let index = 20; index > 0; index -= 1) {
    if (voters.filter((id) => indexOf(id) >= index).length * 2 > voters.length) return index;
  }
  return 0;
}

/** Try every way in which the open votes could end. */
function slowVote(voters: readonly MemberId[], voteOf: (id: MemberId) => boolean | undefined): VoteResult {
  const wins = (open: boolean): boolean => voters.length === 0 || voters.filter((id) => voteOf(id) ?? open).length * 2 > voters.length;
  if (wins(false)) return 'won';
  return wins(true) ? 'pending' : 'lost';
}

const set = fc.uniqueArray(fc.constantFrom(...(['a', 'b', 'c', 'd', 'e', 'f', 'g'] as MemberId[])), { maxLength: 7 });

test('commit index: the fast way agrees with counting', () => {
  fc.assert(
    fc.property(set, set, fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'), fc.nat(20)), (voters, outgoing, matched) => {
      const indexOf = (id: MemberId): number => matched[id] ?? 0;
      assert.equal(quorumReached({ voters, outgoing }, indexOf), Math.min(slowReached(voters, indexOf), slowReached(outgoing, indexOf)));
    }),
    { numRuns: 5000 },
  );
});

test('votes: the fast way agrees with trying both ends', () => {
  fc.assert(
    fc.property(set, set, fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'), fc.boolean()), (voters, outgoing, votes) => {
      const voteOf = (id: MemberId): boolean | undefined => votes[id];
      const halves = [slowVote(voters, voteOf), slowVote(outgoing, voteOf)];
      const wanted = halves.includes('lost') ? 'lost' : halves.includes('pending') ? 'pending' : 'won';
      assert.equal(quorumVote({ voters, outgoing }, voteOf), wanted);
    }),
    { numRuns: 5000 },
  );
});
