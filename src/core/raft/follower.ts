/** The follower's side: Append and snapshots from a leader. */
import type { LogIndex, MemberId, Term } from '../lib/ids.ts';
import { releaseHeldPreVotes } from './election.ts';
import type { Core } from './state.ts';
import type { Entry, RaftMessage, SnapshotMeta } from './types.ts';

type Append = Extract<RaftMessage, { readonly type: 'append' }>;

/** Where the answer goes: echoes of the Append, or zeros for a snapshot. */
interface Question {
  readonly from: MemberId;
  readonly sentAt: number;
  readonly round: number;
}

/** Follow `from` in `term`. False if that is not possible: an old term, or a second leader in this one. */
function acceptLeader(core: Core, from: MemberId, term: Term): boolean {
  if (term === core.term && (core.state.role === 'leader' || (core.leader !== '' && core.leader !== from))) {
    core.outbox.note({ type: 'alarm', member: from, reason: `claims to lead term ${term}, which ${core.leader} leads` });
    return false;
  }
  core.becomeFollower(term, from);
  core.leaderContactAt = core.now;
  core.lostLeaderAt = -Infinity;
  core.electionAt = core.now + core.electionTimeout();
  core.links.delete(from);
  releaseHeldPreVotes(core);
  return true;
}

export function onAppend(core: Core, from: MemberId, message: Append): void {
  const question: Question = { from, sentAt: message.sentAt, round: message.round };
  if (message.term < core.term) {
    // No echo: the same member may lead again in the term that this answer carries, and would take it for its own.
    reject(core, { from, sentAt: 0, round: 0 }, core.log.lastIndex);
    return;
  }
  if (!isWellFormed(message) || !acceptLeader(core, from, message.term)) return;
  const { prevIndex, prevTerm, entries } = message;
  const contradiction = contradicts(core, message);
  if (contradiction !== undefined) {
    core.outbox.note({ type: 'alarm', member: from, reason: `its log contradicts what is committed here at ${contradiction}` });
    return;
  }
  // What the snapshot or a commit covers agrees with every leader.
  const known = prevIndex <= core.commitIndex || core.log.termAt(prevIndex) === prevTerm;
  if (!known) {
    const meet = core.log.lastWithTermAtMost(prevIndex, prevTerm);
    reject(core, question, Math.max(meet, core.commitIndex));
    return;
  }
  takeEntries(core, entries);
  const lastNew = prevIndex + entries.length;
  const commit = Math.min(message.commit, lastNew);
  if (commit > core.commitIndex) core.setCommit(commit);
  acknowledge(core, question, core.mutant('ack-own-last-index') ? core.log.lastIndex : lastNew, 'append');
}

/** A peer's frame decodes, but that does not make it an Append that a leader would send. */
function isWellFormed(message: Append): boolean {
  let term = message.prevTerm;
  let index = message.prevIndex;
  for (const entry of message.entries) {
    index += 1;
    if (entry.index !== index || entry.term < term || entry.term > message.term) return false;
    term = entry.term;
  }
  return true;
}

/** Where the Append differs from what is committed here: never, unless a disk was rolled back, cloned or damaged. */
function contradicts(core: Core, message: Append): LogIndex | undefined {
  const differs = (index: LogIndex, term: Term): boolean => index <= core.commitIndex && (core.log.termAt(index) ?? term) !== term;
  if (differs(message.prevIndex, message.prevTerm)) return message.prevIndex;
  return message.entries.find((entry) => differs(entry.index, entry.term))?.index;
}

/** Skips what is there already, cuts at the first conflict, appends the rest. */
function takeEntries(core: Core, entries: readonly Entry[]): void {
  const fresh = entries.findIndex((entry) => entry.index > core.commitIndex && core.log.termAt(entry.index) !== entry.term);
  if (fresh === -1) return;
  const first = entries[fresh]!.index;
  if (first <= core.log.lastIndex) {
    core.log.truncateAfter(first - 1);
    core.outbox.truncate(first - 1);
  }
  const rest = fresh === 0 ? entries : entries.slice(fresh);
  core.log.append(rest);
  core.outbox.append(rest);
}

/** Rule 10: `index` is what this very message proved, never the own last index. */
function acknowledge(core: Core, question: Question, index: LogIndex, kind: 'append' | 'snapshot'): void {
  core.outbox.sendSynced(kind, question.from, {
    type: 'appendReply',
    term: core.term,
    ok: true,
    index,
    hintTerm: 0,
    sentAt: question.sentAt,
    round: question.round,
  });
}

function reject(core: Core, question: Question, hint: LogIndex): void {
  core.outbox.sendSynced('term', question.from, {
    type: 'appendReply',
    term: core.term,
    ok: false,
    index: hint,
    hintTerm: core.log.termAt(hint) ?? 0,
    sentAt: question.sentAt,
    round: question.round,
  });
}

/** A verified snapshot waits beside the log: put it in force, or say that it is not needed. */
export function onSnapshotArrived(core: Core, from: MemberId, term: Term, meta: SnapshotMeta): void {
  const question: Question = { from, sentAt: 0, round: 0 };
  if (term < core.term) {
    reject(core, question, core.log.lastIndex);
    return;
  }
  if (meta.term > term || !acceptLeader(core, from, term)) return;
  if (meta.index > core.commitIndex) {
    if (core.log.termAt(meta.index) === meta.term && !core.mutant('snapshot-drops-acked-tail')) {
      // The log has all of it, and perhaps acked entries after it that a reset would lose (Raft §7).
      core.setCommit(meta.index);
    } else {
      core.outbox.snapshot(meta, core.commitIndex);
      core.log.reset(meta);
      core.commitIndex = meta.index;
    }
  }
  acknowledge(core, question, meta.index, 'snapshot');
}
