/** Majorities, simple and joint. Pure arithmetic; checked against etcd's tables and a slow oracle. */
import type { MemberId } from '../lib/ids.ts';
import type { Config } from './types.ts';

export type VoteResult = 'won' | 'lost' | 'pending';

/** Smallest number of members that is more than half of `size`. */
export function majorityOf(size: number): number {
  return Math.floor(size / 2) + 1;
}

/**
 * Largest value that a majority of `members` has reached: their k-th largest, k = majority.
 * An empty set has reached everything (Infinity), which makes it neutral in a joint quorum.
 */
export function majorityReached(members: readonly MemberId[], valueOf: (member: MemberId) => number): number {
  const size = members.length;
  if (size === 0) return Infinity;
  const values: number[] = [];
  for (const member of members) {
    // Insertion sort, falling: sets have at most five members and this runs for every acknowledged append.
    const value = valueOf(member);
    let place = values.length;
    while (place > 0 && values[place - 1]! < value) {
      values[place] = values[place - 1]!;
      place -= 1;
    }
    values[place] = value;
  }
  return values[majorityOf(size) - 1]!;
}

/** Largest value that a quorum of the configuration has reached: both majorities while it is joint. */
export function quorumReached(config: Pick<Config, 'voters' | 'outgoing'>, valueOf: (member: MemberId) => number): number {
  const incoming = majorityReached(config.voters, valueOf);
  return config.outgoing.length === 0 ? incoming : Math.min(incoming, majorityReached(config.outgoing, valueOf));
}

/** Result of a vote in one set; `undefined` = not answered. An empty set wins. */
export function majorityVote(members: readonly MemberId[], voteOf: (member: MemberId) => boolean | undefined): VoteResult {
  let granted = 0;
  let open = 0;
  for (const member of members) {
    const vote = voteOf(member);
    if (vote === undefined) open += 1;
    else if (vote) granted += 1;
  }
  const needed = members.length === 0 ? 0 : majorityOf(members.length);
  if (granted >= needed) return 'won';
  return granted + open >= needed ? 'pending' : 'lost';
}

/** Joint vote: lost if either half is lost, won if both are won. */
export function quorumVote(config: Pick<Config, 'voters' | 'outgoing'>, voteOf: (member: MemberId) => boolean | undefined): VoteResult {
  const incoming = majorityVote(config.voters, voteOf);
  const outgoing = majorityVote(config.outgoing, voteOf);
  if (incoming === outgoing) return incoming;
  return incoming === 'lost' || outgoing === 'lost' ? 'lost' : 'pending';
}
