/** The leader's side of Append: who is sent what, and what the answers say. */
import type { LogIndex, MemberId } from '../lib/ids.ts';
import { isVoter } from './config.ts';
import { dropLeft } from './leader.ts';
import { CATCH_UP_SILENT_FACTOR, entryBytes } from './limits.ts';
import type { Progress } from './progress.ts';
import type { Core, Leading } from './state.ts';
import type { Entry, RaftMessage } from './types.ts';

type AppendReply = Extract<RaftMessage, { readonly type: 'appendReply' }>;

/** Of E: an answer that takes longer says that too much is under way. */
const SLOW_SHARE = 0.25;

interface Batch {
  readonly from: LogIndex;
  readonly limit: LogIndex;
  readonly entries: readonly Entry[];
  readonly bytes: number;
}

/**
 * Sends what the followers lack: entries within their windows, else the commit index if they do not know it yet.
 * Followers that need the same entries get the same array, so that a codec may encode it once.
 * @param force send at least an empty Append (heartbeat).
 */
export function replicate(core: Core, leading: Leading, force: boolean): void {
  let shared: Batch | undefined;
  for (const progress of leading.progress.values()) {
    const ask = force || (leading.askVoters && isVoter(core.config, progress.member));
    shared = replicateTo(core, leading, progress, ask, shared);
  }
  leading.askVoters = false;
}

function replicateTo(core: Core, leading: Leading, progress: Progress, ask: boolean, shared: Batch | undefined): Batch | undefined {
  let batch = shared;
  const limit = lastIndexFor(core, progress);
  let sent = false;
  while (hasRoom(core, progress, limit)) {
    if (core.log.termAt(progress.nextIndex - 1) === undefined) {
      askForSnapshot(core, progress);
      break;
    }
    if (batch?.from !== progress.nextIndex || batch.limit !== limit) batch = takeBatch(core, progress.nextIndex, limit);
    sendAppend(core, leading, progress, progress.nextIndex - 1, batch);
    sent = true;
  }
  const news = progress.state === 'replicate' && progress.sentCommit < core.commitIndex;
  if (!sent && (ask || news)) sendEmpty(core, leading, progress);
  return batch;
}

/**
 * A member that loses its vote by a final configuration gets that entry only once it is committed. Otherwise it could
 * hold the longest log of all, refuse everybody who needs its vote in the joint phase, and not campaign itself (rule 9):
 * with the leader's own copy lost before its sync, or its process gone, nobody could ever be elected.
 */
function lastIndexFor(core: Core, { member, leaves }: Progress): LogIndex {
  const { log } = core;
  const withheld = log.configIndex > core.commitIndex && !isVoter(log.config, member) && !core.mutant('final-to-demoted');
  const last = withheld ? log.configIndex - 1 : log.lastIndex;
  return leaves === undefined ? last : Math.min(last, leaves.index);
}

/** Whether an Append with entries (or, in probe, any first one) may leave now. */
function hasRoom(core: Core, progress: Progress, limit: LogIndex): boolean {
  if (progress.state === 'probe') return !progress.probeSent;
  return progress.state === 'replicate' && progress.nextIndex <= limit && (!progress.windowFull || core.mutant('window-unbounded'));
}

function takeBatch(core: Core, from: LogIndex, limit: LogIndex): Batch {
  const entries = core.log.batch(from, limit);
  let bytes = 0;
  for (const entry of entries) bytes += entryBytes(entry);
  return { from, limit, entries, bytes };
}

function sendEmpty(core: Core, leading: Leading, progress: Progress): void {
  let previous = progress.nextIndex - 1;
  // While a snapshot travels: the lowest place that can be named. It is accepted as soon as the snapshot is in force.
  if (core.log.termAt(previous) === undefined) previous = core.log.firstIndex - 1;
  sendAppend(core, leading, progress, previous, { from: previous + 1, limit: previous, entries: [], bytes: 0 });
}

function sendAppend(core: Core, leading: Leading, progress: Progress, prevIndex: LogIndex, batch: Batch): void {
  leading.round += 1;
  const lastIndex = prevIndex + batch.entries.length;
  core.outbox.send(progress.member, {
    type: 'append',
    term: core.term,
    prevIndex,
    prevTerm: core.log.termAt(prevIndex)!,
    entries: batch.entries,
    commit: core.commitIndex,
    sentAt: core.now,
    round: leading.round,
  });
  if (progress.state !== 'snapshot') progress.sent(lastIndex, batch.entries.length, batch.bytes, leading.round, core.now);
  progress.sentCommit = core.commitIndex;
  if (lastIndex === core.log.lastIndex) progress.sentTip(lastIndex, core.now);
}

/** What some follower that answers has not got yet begins after this entry. */
export function neededBy(core: Core, leading: Leading): LogIndex {
  let needed = core.log.lastIndex;
  for (const { state, snapshotFrom, matchIndex, lastAckedSentAt } of leading.progress.values()) {
    if (core.now - lastAckedSentAt <= CATCH_UP_SILENT_FACTOR * core.timing.electionMs) needed = Math.min(needed, state === 'snapshot' ? snapshotFrom : matchIndex);
  }
  return needed;
}

/** The follower needs entries that were compacted away. Asked again now and then: the transfer may have died. */
function askForSnapshot(core: Core, progress: Progress): void {
  progress.becomeSnapshot(core.now, core.log.snapshot.index);
  core.outbox.note({ type: 'sendSnapshot', to: progress.member });
}

export function onAppendReply(core: Core, leading: Leading, from: MemberId, message: AppendReply): void {
  const progress = leading.progress.get(from);
  // A refusal with round 0 only tells the term.
  if (progress === undefined || (!message.ok && message.round === 0)) return;
  noteContact(core, leading, progress, message);
  if (message.ok) accepted(core, progress, message);
  else rejected(core, progress, message);
  if (progress.leaves !== undefined) dropLeft(core, leading);
}

/** Any answer of this term shows that the follower still followed when that Append reached it. */
function noteContact(core: Core, leading: Leading, progress: Progress, message: AppendReply): void {
  // Round 0 answers a snapshot, which has no send time.
  if (message.round === 0 || message.round > leading.round) return;
  progress.ackedRound = Math.max(progress.ackedRound, message.round);
  const contactAt = core.mutant('check-quorum-by-receipt') ? core.now : Math.min(message.sentAt, core.now);
  progress.lastAckedSentAt = Math.max(progress.lastAckedSentAt, contactAt);
}

function accepted(core: Core, progress: Progress, message: AppendReply): void {
  if (message.index > core.log.lastIndex) return;
  const moved = message.index > progress.matchIndex;
  progress.acked(message.index, core.now, SLOW_SHARE * core.timing.electionMs);
  if (progress.state === 'replicate') return;
  const met = progress.state === 'probe' ? moved || message.index === progress.nextIndex - 1 : core.log.termAt(progress.matchIndex) !== undefined;
  if (met) progress.becomeReplicate();
}

function rejected(core: Core, progress: Progress, message: AppendReply): void {
  // Sent before the present state of affairs, so it says nothing about it.
  if (message.round < progress.probeRound && progress.state === 'probe') return;
  if (progress.state === 'replicate') {
    // Something of the pipeline was lost: go back to what is certain.
    if (message.round > progress.probeRound || progress.probeRound === Infinity) progress.becomeProbe(progress.matchIndex + 1);
    return;
  }
  const meet = core.log.lastWithTermAtMost(message.index, message.hintTerm);
  if (progress.state === 'probe') {
    if (progress.nextIndex - 1 <= progress.matchIndex && meet < progress.matchIndex) wentBack(core, progress, meet);
    progress.becomeProbe(Math.max(meet, progress.matchIndex) + 1);
  } else if (core.log.termAt(meet) !== undefined && meet >= progress.matchIndex) {
    progress.becomeProbe(meet + 1);
  } else if (core.now - progress.snapshotAskedAt >= core.timing.electionMs) {
    askForSnapshot(core, progress);
  }
}

/**
 * The probe at `matchIndex` was sent after that index had been acked as synced, and is refused all the same: the disk
 * was rolled back or cloned (§5).
 */
function wentBack(core: Core, progress: Progress, meet: LogIndex): void {
  const before = progress.matchIndex;
  progress.regressed(Math.max(0, meet));
  if (progress.alarmed) return;
  progress.alarmed = true;
  core.outbox.note({ type: 'alarm', member: progress.member, reason: `had synced its log up to ${before}, now only up to ${Math.max(0, meet)}` });
}
