/** Handing leadership over (rule 2): stop appending, send the target all it lacks, and TimeoutNow right behind it. */
import type { MemberId } from '../lib/ids.ts';
import type { Core, Leading } from './state.ts';

export function onTransfer(core: Core, target: MemberId): void {
  const leading = core.state;
  if (leading.role !== 'leader') {
    core.outbox.note({ type: 'refused', reason: 'not leader' });
    return;
  }
  const reason = whyNot(core, leading, target);
  if (reason !== undefined) core.outbox.note({ type: 'refused', reason });
  else leading.transfer = { target, deadline: core.now + core.timing.electionMs, told: false };
}

function whyNot(core: Core, leading: Leading, target: MemberId): string | undefined {
  if (leading.transfer !== undefined) return 'leadership is being transferred';
  if (target === core.self) return 'leads already';
  // In a joint phase that is a voter of the new set: somebody who may append the final entry.
  if (!core.config.voters.includes(target) && !core.mutant('transfer-to-standby')) return `${target} is not a voter`;
  return leading.progress.has(target) ? undefined : `${target} is not a member`;
}

/** A transfer that did not happen within E is given up; this leader goes on. */
export function expireTransfer(core: Core, leading: Leading): void {
  if (leading.transfer !== undefined && core.now >= leading.transfer.deadline) leading.transfer = undefined;
}

/**
 * Tells the target as soon as everything is on its way to it, and again with each heartbeat in case that was lost. It
 * campaigns only with the leader's last entry, so nothing is gained by waiting for its word first.
 */
export function maybeHandOver(core: Core, leading: Leading, heartbeat: boolean): void {
  const { transfer } = leading;
  if (transfer === undefined || (transfer.told && !heartbeat)) return;
  const { log } = core;
  const progress = leading.progress.get(transfer.target);
  if (progress?.state !== 'replicate' || progress.nextIndex <= log.lastIndex) return;
  transfer.told = true;
  core.outbox.send(transfer.target, { type: 'timeoutNow', term: core.term, lastIndex: log.lastIndex, lastTerm: log.termAt(log.lastIndex)! });
}
