/**
 * Who answers the leader, by the *send* time of what was answered: CheckQuorum (rule 4) and the planner lease (§4).
 * Both are advice: no commit, vote or read depends on them.
 */
import type { MemberId } from '../lib/ids.ts';
import { quorumReached, quorumVote } from './quorum.ts';
import type { Core, Leading } from './state.ts';

/** Newest time at which a quorum, the leader included, had been sent something that it acknowledged. */
function quorumContactAt(core: Core, leading: Leading): number {
  return quorumReached(core.config, (member) => (member === core.self ? core.now : (leading.progress.get(member)?.lastAckedSentAt ?? -Infinity)));
}

/** Rule 4: step down after E without a majority. */
export function checkQuorum(core: Core): void {
  if (core.state.role !== 'leader' || core.mutant('no-check-quorum')) return;
  if (core.now - Math.max(quorumContactAt(core, core.state), core.state.since) < core.timing.electionMs) return;
  core.becomeFollower(core.term, '');
  core.electionAt = core.now + core.electionTimeout();
}

/** A leader plans only while a majority answers it, its connections are up and nobody is being handed the leadership. */
export function mayPlan(core: Core, now: number): boolean {
  const leading = core.state;
  if (leading.role !== 'leader' || core.commitIndex < leading.noopIndex || leading.transfer !== undefined) return false;
  const contact = quorumReached(core.config, (member) => (member === core.self ? now : (leading.progress.get(member)?.lastAckedSentAt ?? -Infinity)));
  if (core.mutant('lease-forever')) return true;
  if (now - contact >= core.timing.plannerLeaseMs) return false;
  if (core.links.size === 0) return true;
  return quorumVote(core.config, (member: MemberId) => member === core.self || !core.links.has(member)) === 'won';
}
