/** Questions about a configuration. */
import type { MemberId } from '../lib/ids.ts';
import type { Config } from './types.ts';

export const EMPTY_CONFIG: Config = { voters: [], outgoing: [], standbys: [], removed: [] };

/** True while votes and commits need both majorities. */
export function isJoint(config: Config): boolean {
  return config.outgoing.length > 0;
}

/** Has a vote in either half. */
export function isVoter(config: Config, member: MemberId): boolean {
  return config.voters.includes(member) || config.outgoing.includes(member);
}

/** Receives the log: voter of either half, or standby. */
export function isMember(config: Config, member: MemberId): boolean {
  return isVoter(config, member) || config.standbys.includes(member);
}

/** Everybody who receives the log, each once. */
export function membersOf(config: Config): MemberId[] {
  return [...new Set([...config.voters, ...config.outgoing, ...config.standbys])];
}

/** Everybody with a vote, each once. */
export function votersOf(config: Config): MemberId[] {
  return config.outgoing.length === 0 ? [...config.voters] : [...new Set([...config.voters, ...config.outgoing])];
}

/** Evicted for good. A joint entry already names who goes, but they are heard until the final entry commits. */
export function isRemoved(config: Config, member: MemberId): boolean {
  return config.removed.includes(member) && !isMember(config, member);
}

export function sameMembers(a: readonly MemberId[], b: readonly MemberId[]): boolean {
  return a.length === b.length && a.every((member) => b.includes(member));
}
