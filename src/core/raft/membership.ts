/** Proposed changes of the configuration: which are legal, and which entry they start with (PROTOCOL §5, rule 6). */
import type { MemberId } from '../lib/ids.ts';
import { isJoint, sameMembers } from './config.ts';
import { appendConfig } from './leader.ts';
import { REMOVED_MAX, STANDBYS_MAX, VOTER_COUNTS } from './limits.ts';
import type { Core, Leading } from './state.ts';
import type { Config } from './types.ts';

export interface ConfigProposal {
  readonly voters: readonly MemberId[];
  readonly standbys: readonly MemberId[];
  readonly removed: readonly MemberId[];
}

/** Leader only: append the change, or refuse it with a reason. */
export function onProposeConfig(core: Core, proposal: ConfigProposal): void {
  if (core.state.role !== 'leader') {
    core.outbox.note({ type: 'refused', reason: 'not leader' });
    return;
  }
  const current = core.config;
  // `removed` only grows, whatever the caller remembered of it.
  const removed = [...new Set([...current.removed, ...proposal.removed])];
  const reason = notNow(core, core.state) ?? malformed(current, proposal, removed) ?? notCaughtUp(core, core.state, proposal.voters);
  if (reason !== undefined) {
    core.outbox.note({ type: 'refused', reason });
    return;
  }
  const simple = sameMembers(current.voters, proposal.voters);
  if (simple && sameMembers(current.standbys, proposal.standbys) && sameMembers(current.removed, removed)) {
    core.outbox.note({ type: 'refused', reason: 'nothing would change' });
    return;
  }
  const config: Config = { voters: [...proposal.voters], outgoing: simple ? [] : current.voters, standbys: [...proposal.standbys], removed };
  appendConfig(core, core.state, config);
  core.outbox.note({ type: 'appended', first: core.log.lastIndex, count: 1, term: core.term });
}

function notNow(core: Core, leading: Leading): string | undefined {
  if (leading.transfer !== undefined) return 'leadership is being transferred';
  if (core.commitIndex < leading.noopIndex && !core.mutant('config-before-noop')) return 'the noop of this term is not committed';
  if (isJoint(core.config) || core.log.configIndex > core.commitIndex) return 'another change is pending';
  return undefined;
}

function malformed(current: Config, proposal: ConfigProposal, removed: readonly MemberId[]): string | undefined {
  const { voters, standbys } = proposal;
  if (new Set([...voters, ...standbys]).size !== voters.length + standbys.length) return 'a member is listed twice';
  // A set that is not touched may stay as it is: tests and old logs have others.
  if (!VOTER_COUNTS.includes(voters.length) && !sameMembers(current.voters, voters)) return `${voters.length} voters, want 1, 3 or 5`;
  if (standbys.length > STANDBYS_MAX) return `${standbys.length} standbys, at most ${STANDBYS_MAX}`;
  if (removed.length > REMOVED_MAX) return `${removed.length} removed members, at most ${REMOVED_MAX}`;
  const back = [...voters, ...standbys].find((member) => removed.includes(member));
  return back === undefined ? undefined : `${back} was removed and cannot come back`;
}

/** Each promotee must be a standby that acked, synced, the last index as it was at some moment of the last E. */
function notCaughtUp(core: Core, leading: Leading, voters: readonly MemberId[]): string | undefined {
  if (core.mutant('promote-unsynced')) return undefined;
  const late = voters.find((member) => !core.config.voters.includes(member) && !isCaughtUp(core, leading, member));
  return late === undefined ? undefined : `${late} has not caught up`;
}

function isCaughtUp(core: Core, leading: Leading, member: MemberId): boolean {
  const progress = leading.progress.get(member);
  if (progress === undefined) return false;
  const since = core.now - core.timing.electionMs;
  if (progress.lastAckedSentAt < since || progress.state !== 'replicate') return false;
  // Under steady load the newest entries are always on their way, so the tip of a moment ago counts.
  return progress.matchIndex === core.log.lastIndex || progress.caughtUpAt >= since;
}
