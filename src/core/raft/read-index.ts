/**
 * Linearizable reads without a log entry (thesis 6.4): note the commit index, then wait until a quorum has answered an
 * Append that was sent later. Reads share one round of Appends; the next round starts when that one is answered.
 */
import { READS_PENDING_MAX } from './limits.ts';
import { quorumReached } from './quorum.ts';
import type { Core, Leading } from './state.ts';

export function onReadIndex(core: Core, id: number): void {
  const leading = core.state;
  const ready = leading.role === 'leader' && (core.commitIndex >= leading.noopIndex || core.mutant('read-before-noop'));
  if (!ready || leading.reads.length >= READS_PENDING_MAX) {
    core.outbox.note({ type: 'readFailed', id });
    return;
  }
  leading.reads.push({ id, index: core.commitIndex, round: leading.round });
}

/** Answers the reads that a quorum confirmed and asks on behalf of the others. */
export function settleReads(core: Core, leading: Leading): void {
  if (leading.reads.length === 0) return;
  const answered = quorumReached(core.config, (member) => (member === core.self ? Infinity : (leading.progress.get(member)?.ackedRound ?? 0)));
  let done = 0;
  for (const read of leading.reads) {
    if (answered <= read.round && !core.mutant('read-unconfirmed')) break;
    core.outbox.note({ type: 'readReady', id: read.id, index: read.index });
    done += 1;
  }
  if (done > 0) leading.reads.splice(0, done);
  if (leading.reads.length > 0 && (answered > leading.readRound || leading.readRound === 0)) {
    leading.readRound = leading.round;
    leading.askVoters = true;
  }
}
