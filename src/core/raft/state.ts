/** The state that the concept files work on, and the transitions between roles that all of them share. */
import { assert } from '../lib/assert.ts';
import type { LogIndex, MemberId, Term } from '../lib/ids.ts';
import { isRemoved, isVoter } from './config.ts';
import { BROKEN_LINKS_MAX, RETRY_MAX_MS, RETRY_MIN_MS } from './limits.ts';
import { RaftLog } from './log.ts';
import type { RaftMutant } from './mutants.ts';
import { Outbox } from './outbox.ts';
import type { Progress } from './progress.ts';
import type { Config, LinkState, RaftInit, RaftMessage, RaftTiming, Role } from './types.ts';

export interface PendingRead {
  readonly id: number;
  /** Commit index when the read was asked for. */
  readonly index: LogIndex;
  /** Rounds after this one were sent after the read was asked for. */
  readonly round: number;
}

export interface Transfer {
  readonly target: MemberId;
  readonly deadline: number;
  /** TimeoutNow was sent. */
  told: boolean;
}

export interface Leading {
  readonly role: 'leader';
  readonly since: number;
  readonly noopIndex: LogIndex;
  readonly progress: Map<MemberId, Progress>;
  /** Rises with every Append of this leadership. */
  round: number;
  heartbeatAt: number;
  reads: PendingRead[];
  /** Value of `round` when Appends were last sent on behalf of reads. */
  readRound: number;
  /** Send an Append to every voter in this step, whether or not there is anything to say. */
  askVoters: boolean;
  transfer: Transfer | undefined;
  uncommittedBytes: number;
}

export interface Campaign {
  readonly role: 'preCandidate' | 'candidate';
  readonly ballots: Map<MemberId, boolean>;
  /** Persist effect that holds the own vote of `ballots`; it counts once that is synced. 0 = counts already. */
  readonly voteSequence: number;
  /**
   * preCandidate: its candidacy in the present term, while nobody has won that. Late votes still count, or no election
   * would ever succeed where an answer takes longer than the retry.
   */
  readonly candidacy: Campaign | undefined;
}

export type RoleState = { readonly role: 'follower' } | Campaign | Leading;

export type PreVote = Extract<RaftMessage, { readonly type: 'preVote' }>;

const FOLLOWER: RoleState = { role: 'follower' };

export class Core {
  readonly self: MemberId;
  readonly timing: RaftTiming;
  readonly random: () => number;
  readonly log: RaftLog;
  readonly outbox: Outbox;
  readonly #mutants: ReadonlySet<string>;
  now: number;
  term: Term;
  votedFor: MemberId | '';
  state: RoleState = FOLLOWER;
  leader: MemberId | '' = '';
  commitIndex: LogIndex;
  /** When the newest valid word of `leader` came in. */
  leaderContactAt = -Infinity;
  /** When an election starts unless something happens before; Infinity for members that never campaign. */
  electionAt: number;
  /** The leader's process was found to be gone at that time and none was heard since (rule 8). */
  lostLeaderAt = -Infinity;
  /** After `stepDown`: no campaign before. */
  heldUntil = -Infinity;
  /** Peers whose connection is not up. */
  readonly links = new Map<MemberId, LinkState>();
  /** PreVotes with `lostLeader` that wait for a redial of the leader. */
  readonly heldPreVotes = new Map<MemberId, PreVote>();

  constructor(init: RaftInit) {
    this.self = init.self;
    this.timing = init.timing;
    this.random = init.random;
    this.#mutants = init.mutants ?? new Set();
    this.now = init.now;
    this.log = new RaftLog(init.snapshot, init.entries, init.tailEntriesMax);
    this.outbox = new Outbox(this.log.lastIndex, this.#mutants);
    this.term = init.hard.term;
    this.votedFor = init.hard.votedFor;
    this.commitIndex = init.snapshot.index;
    // A snapshot may have been synced before the term of its newest entry; nothing was promised in that term then.
    if (this.log.lastTerm > this.term) this.setHard(this.log.lastTerm, '');
    this.electionAt = this.soleVoter ? this.now : this.now + this.electionTimeout();
  }

  get role(): Role {
    return this.state.role;
  }

  /** Latest one in the log, committed or not: effective on append. */
  get config(): Config {
    return this.log.config;
  }

  mutant(name: RaftMutant): boolean {
    return this.#mutants.has(name);
  }

  /** U[E, 2E). */
  electionTimeout(): number {
    return this.timing.electionMs * (1 + this.random());
  }

  /** Rule 7. */
  retryDelay(): number {
    if (this.mutant('full-timeout-retry')) return this.electionTimeout();
    return RETRY_MIN_MS + this.random() * (RETRY_MAX_MS - RETRY_MIN_MS);
  }

  /** Rule 8 holds for one E after the loss; then the ordinary pace is enough. */
  get lostLeaderFresh(): boolean {
    return this.now - this.lostLeaderAt < this.timing.electionMs;
  }

  /** Whether a live leader is known: this node itself, or one heard within E. */
  hearsLeader(now: number): boolean {
    if (this.state.role === 'leader') return true;
    if (this.leader === '') return false;
    if (this.leader === this.self) return this.mutant('remember-leadership');
    return now - this.leaderContactAt < this.timing.electionMs;
  }

  /** Nobody else can lead a cell of one, so there is nobody to wait for. */
  get soleVoter(): boolean {
    const { voters, outgoing } = this.config;
    return voters.length === 1 && outgoing.length === 0 && voters[0] === this.self;
  }

  /** Evicted, and that is committed here. */
  refuses(member: MemberId): boolean {
    return isRemoved(this.log.configAt(this.commitIndex), member) && !this.mutant('removed-accepted');
  }

  /** Rule 9: only voters of the own latest configuration campaign. */
  get mayCampaign(): boolean {
    return isVoter(this.config, this.self) || (this.mutant('nonvoter-campaigns') && this.config.voters.length > 0);
  }

  setHard(term: Term, votedFor: MemberId | ''): void {
    assert(term >= this.term, `term goes back from ${this.term} to ${term}`);
    this.term = term;
    this.votedFor = votedFor;
    this.outbox.hard({ term, votedFor });
  }

  /** any → follower, of `leader` if one is known. A leader forgets that it led (rule 5). */
  becomeFollower(term: Term, leader: MemberId | ''): void {
    const wasLeader = this.state.role === 'leader';
    if (this.state.role === 'leader') {
      for (const read of this.state.reads) this.outbox.note({ type: 'readFailed', id: read.id });
    }
    if (term > this.term) this.setHard(term, '');
    this.state = FOLLOWER;
    this.leader = leader === '' && wasLeader && this.mutant('remember-leadership') ? this.self : leader;
    if (leader === '') this.leaderContactAt = -Infinity;
  }

  setCommit(index: LogIndex): void {
    assert(index > this.commitIndex && index <= this.log.lastIndex, `commit ${index} outside (${this.commitIndex}, ${this.log.lastIndex}]`);
    this.commitIndex = index;
    this.outbox.note({ type: 'commit', index });
  }

  setLink(peer: MemberId, state: LinkState): void {
    this.links.delete(peer);
    if (state === 'up') return;
    if (this.links.size >= BROKEN_LINKS_MAX) this.links.delete(this.links.keys().next().value!);
    this.links.set(peer, state);
  }
}
