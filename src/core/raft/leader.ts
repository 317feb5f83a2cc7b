/** Becoming leader, appending, and deciding what is committed. */
import type { LogIndex, MemberId } from '../lib/ids.ts';
import { isJoint, membersOf } from './config.ts';
import { entryBytes } from './limits.ts';
import { Progress } from './progress.ts';
import { quorumReached } from './quorum.ts';
import type { Core, Leading } from './state.ts';
import type { Config, Entry, EntryKind } from './types.ts';

const NO_DATA = new Uint8Array(0);

/** candidate → leader. */
export function becomeLeader(core: Core): void {
  const { lastIndex } = core.log;
  const leading: Leading = {
    role: 'leader',
    since: core.now,
    noopIndex: core.mutant('noop-skipped') ? core.commitIndex : lastIndex + 1,
    progress: new Map(),
    round: 0,
    heartbeatAt: core.now + core.timing.heartbeatMs,
    reads: [],
    readRound: 0,
    askVoters: false,
    transfer: undefined,
    uncommittedBytes: 0,
  };
  for (let index = core.commitIndex + 1; index <= lastIndex; index += 1) leading.uncommittedBytes += entryBytes(core.log.entry(index)!);
  core.state = leading;
  core.leader = core.self;
  core.electionAt = Infinity;
  core.lostLeaderAt = -Infinity;
  core.heldPreVotes.clear();
  followMembers(core, leading);
  if (!core.mutant('noop-skipped')) appendEntries(core, leading, 'noop', [NO_DATA]);
  else leading.askVoters = true;
}

/**
 * Keeps one Progress for everybody who receives the log. Who left is sent the configuration that says so, for E at most:
 * otherwise it would campaign for ever in the belief that it still has a vote.
 */
function followMembers(core: Core, leading: Leading): void {
  const members = new Set(membersOf(core.config));
  members.delete(core.self);
  for (const progress of leading.progress.values()) {
    if (!members.has(progress.member)) progress.leaves ??= { index: core.log.configIndex, until: core.now + core.timing.electionMs };
  }
  for (const member of members) {
    const known = leading.progress.get(member);
    if (known === undefined || known.leaves !== undefined) leading.progress.set(member, new Progress(member, core.log.lastIndex + 1));
  }
}

/** Forgets those who left once they know it, or have had time enough. */
export function dropLeft(core: Core, leading: Leading): void {
  for (const { member, leaves, matchIndex, sentCommit } of leading.progress.values()) {
    if (leaves === undefined) continue;
    const knows = matchIndex >= leaves.index && sentCommit >= leaves.index;
    if (knows || core.now >= leaves.until) leading.progress.delete(member);
  }
}

/** Appends to the own log; what has to be sent follows when the step settles. */
export function appendEntries(core: Core, leading: Leading, kind: EntryKind, data: readonly Uint8Array[], config?: Config): void {
  let index = core.log.lastIndex;
  const entries: Entry[] = data.map((bytes) => {
    index += 1;
    return { index, term: core.term, kind, data: bytes, ...(config !== undefined && { config }) };
  });
  for (const entry of entries) leading.uncommittedBytes += entryBytes(entry);
  core.log.append(entries);
  core.outbox.append(entries);
}

/** A configuration is effective from its append on (§5). */
export function appendConfig(core: Core, leading: Leading, config: Config): void {
  appendEntries(core, leading, 'config', [NO_DATA], config);
  followMembers(core, leading);
}

/** Highest index of the own log that may be counted. */
export function ownMatchIndex(core: Core): LogIndex {
  return core.mutant('leader-counts-unsynced') ? core.log.lastIndex : core.outbox.durableIndex;
}

/** Rule 6: only an entry of this term is committed by counting; earlier ones follow from it. */
export function maybeCommit(core: Core, leading: Leading): void {
  const config = core.mutant('single-majority-in-joint') ? { voters: core.config.voters, outgoing: [] } : core.config;
  const matchOf = (member: MemberId): LogIndex => (member === core.self ? ownMatchIndex(core) : (leading.progress.get(member)?.matchIndex ?? 0));
  const reached = quorumReached(config, matchOf);
  if (reached <= core.commitIndex || reached > core.log.lastIndex) return;
  if (core.log.termAt(reached) !== core.term && !core.mutant('commit-old-term')) return;
  for (let index = core.commitIndex + 1; index <= reached; index += 1) leading.uncommittedBytes -= entryBytes(core.log.entry(index)!);
  core.setCommit(reached);
}

/**
 * A committed joint configuration is finished by the leader itself, after its Noop, unless it is not part of what
 * follows: then a voter of the new set has to take over first (§5, S9).
 */
export function maybeFinishJoint(core: Core, leading: Leading): void {
  const { config } = core;
  if (!isJoint(config) || core.log.configIndex > core.commitIndex || core.commitIndex < leading.noopIndex) return;
  if (leading.transfer !== undefined || core.mutant('joint-not-finished')) return;
  if (!config.voters.includes(core.self) && !core.mutant('final-by-outsider')) return;
  appendConfig(core, leading, { ...config, outgoing: [] });
}
