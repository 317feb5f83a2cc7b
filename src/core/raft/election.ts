/** Elections: PROTOCOL §3 rules 1, 3, 5, 7, 8 and 9, and the receiving end of a transfer (rule 2). */
import type { MemberId, Term } from '../lib/ids.ts';
import { votersOf } from './config.ts';
import { HELD_PRE_VOTES_MAX, LOST_LEADER_RETRY_MS, LOST_LEADER_SPREAD_MS, LOST_LEADER_WAIT_MS } from './limits.ts';
import { quorumVote, type VoteResult } from './quorum.ts';
import type { Campaign, Core, PreVote } from './state.ts';
import type { LinkState, RaftMessage } from './types.ts';

type Message<T extends RaftMessage['type']> = Extract<RaftMessage, { readonly type: T }>;

/** Time for an election, or, on a member without a vote, to admit that no leader is heard any more. */
export function electionDue(core: Core): void {
  if (core.state.role === 'leader' || core.now < core.electionAt) return;
  if (!core.mayCampaign) {
    core.becomeFollower(core.term, '');
    core.electionAt = Infinity;
  } else if (core.now < core.heldUntil) {
    core.electionAt = core.heldUntil + core.retryDelay();
  } else if (core.state.role === 'candidate' && !core.outbox.isSynced(core.state.voteSequence)) {
    // The disk is slow: a new term would only add to its queue.
    core.electionAt = core.now + core.retryDelay();
  } else if (core.mutant('no-prevote')) {
    campaign(core, false);
  } else {
    preCampaign(core);
  }
}

/** follower / candidate → preCandidate: ask whether an election could be won, without touching any term. */
function preCampaign(core: Core): void {
  const lostLeader = core.lostLeaderFresh;
  const { state } = core;
  const candidacy = state.role === 'candidate' ? state : state.role === 'preCandidate' ? state.candidacy : undefined;
  core.becomeFollower(core.term, '');
  core.state = { role: 'preCandidate', ballots: new Map([[core.self, true]]), voteSequence: 0, candidacy };
  core.electionAt = core.now + (lostLeader ? LOST_LEADER_RETRY_MS : core.retryDelay());
  releaseHeldPreVotes(core);
  const message: RaftMessage = { type: 'preVote', term: core.term + 1, lastIndex: core.log.lastIndex, lastTerm: core.log.lastTerm, lostLeader };
  for (const voter of votersOf(core.config)) if (voter !== core.self) core.outbox.send(voter, message);
}

/** preCandidate → candidate, or follower → candidate when the leader handed over. */
export function campaign(core: Core, transfer: boolean): void {
  core.becomeFollower(core.term, '');
  core.setHard(core.term + 1, core.self);
  const voteSequence = core.mutant('reply-before-sync-vote') ? 0 : core.outbox.nextSequence;
  core.state = { role: 'candidate', ballots: new Map([[core.self, true]]), voteSequence, candidacy: undefined };
  // Never the fast retry of rule 8: two candidates that split a vote must not stay in step.
  core.electionAt = core.now + core.retryDelay();
  const message: RaftMessage = { type: 'vote', term: core.term, lastIndex: core.log.lastIndex, lastTerm: core.log.lastTerm, transfer };
  for (const voter of votersOf(core.config)) if (voter !== core.self) core.outbox.sendSynced('vote', voter, message);
}

/** Counts the ballots. `won`: the caller makes a candidate the leader. */
export function electionResult(core: Core): 'won' | 'pending' {
  const state = core.state;
  if (state.role !== 'preCandidate' && state.role !== 'candidate') return 'pending';
  const result = countBallots(core, state);
  if (result === 'won' && state.role === 'candidate') return 'won';
  if (state.candidacy !== undefined && countBallots(core, state.candidacy) === 'won') return 'won';
  if (result === 'won') campaign(core, false);
  // Lost: the retry is already set.
  else if (result === 'lost') core.becomeFollower(core.term, '');
  return 'pending';
}

function countBallots(core: Core, state: Campaign): VoteResult {
  const config = core.mutant('single-majority-in-joint') ? { voters: core.config.voters, outgoing: [] } : core.config;
  return quorumVote(config, (member) => (member === core.self && !core.outbox.isSynced(state.voteSequence) ? undefined : state.ballots.get(member)));
}

function isUpToDate(core: Core, lastIndex: number, lastTerm: Term): boolean {
  if (core.mutant('vote-without-log-check')) return true;
  return lastTerm > core.log.lastTerm || (lastTerm === core.log.lastTerm && lastIndex >= core.log.lastIndex);
}

/** A leader that asks for votes itself leads no more: do not wait for its timeout. */
function forgetCampaigningLeader(core: Core, from: MemberId, term: Term): void {
  if (from === core.leader && from !== core.self && term > core.term && core.state.role === 'follower') core.becomeFollower(core.term, '');
}

export function onPreVote(core: Core, from: MemberId, message: PreVote): void {
  forgetCampaigningLeader(core, from, message.term);
  const hears = core.hearsLeader(core.now) && !core.mutant('prevote-while-hearing-leader');
  if (hears && message.lostLeader && core.mutant('fast-path-unchecked')) {
    answerPreVote(core, from, message, false);
  } else if (hears && message.lostLeader && core.leader !== '' && core.links.get(core.leader) === 'down') {
    // The own connection is gone too: look before answering (rule 8).
    if (core.heldPreVotes.size >= HELD_PRE_VOTES_MAX) return;
    if (core.heldPreVotes.size === 0) core.outbox.note({ type: 'redial', peer: core.leader });
    core.heldPreVotes.set(from, message);
  } else {
    answerPreVote(core, from, message, hears);
  }
}

function answerPreVote(core: Core, from: MemberId, message: PreVote, hears: boolean): void {
  if (hears && core.mutant('prevote-silent')) return;
  const granted = !hears && message.term > core.term && isUpToDate(core, message.lastIndex, message.lastTerm);
  core.outbox.sendSynced('term', from, { type: 'preVoteReply', term: core.term, requestTerm: message.term, granted });
}

/** The leader was heard, or its redial was decided: answer what waited for it. */
export function releaseHeldPreVotes(core: Core): void {
  if (core.heldPreVotes.size === 0) return;
  const held = [...core.heldPreVotes];
  core.heldPreVotes.clear();
  for (const [from, message] of held) answerPreVote(core, from, message, core.hearsLeader(core.now));
}

export function onPreVoteReply(core: Core, from: MemberId, message: Message<'preVoteReply'>): void {
  if (!message.granted && message.term > core.term && !core.mutant('no-term-adoption')) {
    adoptTerm(core, message.term);
  } else if (core.state.role === 'preCandidate' && message.requestTerm === core.term + 1) {
    core.state.ballots.set(from, message.granted);
  }
}

export function onVote(core: Core, from: MemberId, message: Message<'vote'>): void {
  forgetCampaigningLeader(core, from, message.term);
  const exempt = message.transfer && !core.mutant('transfer-respects-lease');
  if (!exempt && core.hearsLeader(core.now) && !core.mutant('vote-while-hearing-leader')) return;
  if (message.term > core.term) adoptTerm(core, message.term);
  const free = core.votedFor === from || (core.votedFor === '' && core.leader === '');
  const granted = message.term === core.term && free && isUpToDate(core, message.lastIndex, message.lastTerm);
  if (granted) {
    if (core.votedFor === '') core.setHard(core.term, from);
    core.electionAt = core.now + core.electionTimeout();
  }
  core.outbox.sendSynced(granted ? 'vote' : 'term', from, { type: 'voteReply', term: core.term, granted });
}

export function onVoteReply(core: Core, from: MemberId, message: Message<'voteReply'>): void {
  const { state } = core;
  if (message.term > core.term) adoptTerm(core, message.term);
  else if (message.term !== core.term) return;
  else if (state.role === 'candidate') state.ballots.set(from, message.granted);
  else if (state.role === 'preCandidate') state.candidacy?.ballots.set(from, message.granted);
}

/** Somebody is ahead: follow into its term, with no leader known yet, and try again soon if that was our own campaign. */
export function adoptTerm(core: Core, term: Term): void {
  const wasFollower = core.state.role === 'follower';
  core.becomeFollower(term, '');
  if (!wasFollower) core.electionAt = core.now + core.retryDelay();
}

/** The leader hands over: campaign at once, without PreVote (rule 2). */
export function onTimeoutNow(core: Core, from: MemberId, message: Message<'timeoutNow'>): void {
  if (message.term !== core.term || core.state.role !== 'follower' || from !== core.leader) return;
  if (!core.mayCampaign || core.now < core.heldUntil) return;
  if (core.log.termAt(message.lastIndex) !== message.lastTerm && !core.mutant('transfer-to-laggard')) return;
  campaign(core, true);
}

/** A connection changed. Only the one to the leader matters here; leaders look at all of them for the planner lease. */
export function onLink(core: Core, peer: MemberId, state: LinkState): void {
  const before = core.links.get(peer) ?? 'up';
  core.setLink(peer, state);
  if (core.state.role === 'leader' || peer !== core.leader || peer === core.self) return;
  if (core.mutant('no-fast-path')) {
    core.links.delete(peer);
    return;
  }
  if (state === 'down' && before === 'up') core.outbox.note({ type: 'redial', peer });
  if (state === 'gone') {
    // Forgotten, not only doubted: a new process may come up on that address a moment later.
    core.becomeFollower(core.term, '');
    core.lostLeaderAt = core.now;
    core.electionAt = Math.min(core.electionAt, core.now + LOST_LEADER_WAIT_MS + core.random() * LOST_LEADER_SPREAD_MS);
  }
  if (before !== 'up' || state === 'gone') releaseHeldPreVotes(core);
}

/** The caller found a reason why this node must not lead for now. */
export function onStepDown(core: Core): void {
  core.heldUntil = core.now + 2 * core.timing.electionMs;
  if (core.state.role === 'follower') return;
  core.becomeFollower(core.term, '');
  core.electionAt = core.now + core.electionTimeout();
}

/**
 * Others stand first, if they can: a node that is slow all the time would be elected again and again otherwise, each time for
 * as long as it takes until it is found unfit.
 */
export function onResume(core: Core): void {
  core.heldUntil = -Infinity;
  if (core.state.role !== 'follower' || core.leader !== '' || !core.mayCampaign) return;
  core.electionAt = core.soleVoter ? core.now : core.now + core.electionTimeout();
}
