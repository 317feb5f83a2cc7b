/** Handing leadership over (rule 2): stop appending, wait until the target has everything, then TimeoutNow. */
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

/** Tells the target as soon as it has caught up, and again with each heartbeat in case that was lost. */
export function maybeHandOver(core: Core, leading: Leading, heartbeat: boolean): void {
  const { transfer } = leading;
  if (transfer === undefined || (transfer.told && !heartbeat)) return;
  if (leading.progress.get(transfer.target)?.matchIndex !== core.log.lastIndex) return;
  transfer.told = true;
  core.outbox.send(transfer.target, { type: 'timeoutNow', term: core.term });
}
