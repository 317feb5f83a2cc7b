/**
 * The Raft core of one member of one cell: a state machine without clock, disk or network. `step` is the only door;
 * what it wants done comes back as effects (PROTOCOL §1–§5, src/core/raft/DESIGN.md).
 */
import { unreachable } from '../lib/assert.ts';
import type { LogIndex, MemberId, Term } from '../lib/ids.ts';
import { isJoint } from './config.ts';
import { adoptTerm, electionDue, electionResult, onLink, onPreVote, onPreVoteReply, onResume, onStepDown, onTimeoutNow, onVote, onVoteReply } from './election.ts';
import { onAppend, onSnapshotArrived } from './follower.ts';
import { appendEntries, becomeLeader, dropLeft, maybeCommit, maybeFinishJoint } from './leader.ts';
import { checkQuorum, mayPlan } from './lease.ts';
import { ENTRY_BYTES_MAX, UNCOMMITTED_BYTES_MAX } from './limits.ts';
import { onProposeConfig } from './membership.ts';
import { onReadIndex, settleReads } from './read-index.ts';
import { neededBy, onAppendReply, replicate } from './replication.ts';
import { Core } from './state.ts';
import { expireTransfer, maybeHandOver, onTransfer } from './transfer.ts';
import type { Config, Entry, FollowerProgress, RaftEffect, RaftInit, RaftInput, RaftLoad, RaftMessage, Role, SnapshotMeta } from './types.ts';

export class Raft {
  readonly #core: Core;

  /** Starts as follower in the state that the disk holds. */
  constructor(init: RaftInit) {
    this.#core = new Core(init);
  }

  /**
   * Takes one input and returns what it causes: `role` first, then at most one `persist`, then `send`s, then the rest
   * in the order it happened. Inputs from peers never throw; a broken promise of the caller (a gap in sequences or in
   * the log) is an assertion.
   */
  step(input: RaftInput): RaftEffect[] {
    const core = this.#core;
    const { role, term, leader } = core;
    core.now = Math.max(core.now, input.now);
    const heartbeat = this.#handle(input);
    this.#settle(heartbeat);
    const changed = core.role !== role || core.term !== term || core.leader !== leader;
    return core.outbox.flush(changed ? { type: 'role', role: core.role, term: core.term, leader: core.leader } : undefined);
  }

  get self(): MemberId {
    return this.#core.self;
  }

  get role(): Role {
    return this.#core.role;
  }

  get term(): Term {
    return this.#core.term;
  }

  get votedFor(): MemberId | '' {
    return this.#core.votedFor;
  }

  /** Last known leader of this term, itself included; '' when none is known. It may be dead: see `hearsLeader`. */
  get leader(): MemberId | '' {
    return this.#core.leader;
  }

  get commitIndex(): LogIndex {
    return this.#core.commitIndex;
  }

  get lastIndex(): LogIndex {
    return this.#core.log.lastIndex;
  }

  get lastTerm(): Term {
    return this.#core.log.lastTerm;
  }

  /** Newest snapshot in force. */
  get snapshot(): SnapshotMeta {
    return this.#core.log.snapshot;
  }

  /** Latest configuration in the log: effective although it may not be committed yet. */
  get config(): Config {
    return this.#core.config;
  }

  get configIndex(): LogIndex {
    return this.#core.log.configIndex;
  }

  get committedConfig(): Config {
    return this.#core.log.configAt(this.#core.commitIndex);
  }

  /** In force at a committed index that no snapshot covers yet. */
  configAt(index: LogIndex): Config {
    return this.#core.log.configAt(index);
  }

  /** A change is on its way: not committed, or joint. */
  get configChangePending(): boolean {
    return isJoint(this.#core.config) || this.#core.log.configIndex > this.#core.commitIndex;
  }

  /** Last index of the present log that is synced on this disk. */
  get persistedIndex(): LogIndex {
    return this.#core.outbox.durableIndex;
  }

  /** Target of a transfer under way, else ''. */
  get transferTarget(): MemberId | '' {
    return this.#core.state.role === 'leader' ? (this.#core.state.transfer?.target ?? '') : '';
  }

  /** Monotonic ms at which the next `tick` is needed; Infinity when only messages can change anything. */
  get nextTickAt(): number {
    return this.#core.state.role === 'leader' ? this.#core.state.heartbeatAt : this.#core.electionAt;
  }

  /** Undefined outside the log, also for entries that a snapshot replaced (a bounded tail before it is kept). */
  entry(index: LogIndex): Entry | undefined {
    return this.#core.log.entry(index);
  }

  /** Entries `from`…`to`, both included, as far as the log holds them. */
  entries(from: LogIndex, to: LogIndex): Entry[] {
    return this.#core.log.slice(from, to);
  }

  termAt(index: LogIndex): Term | undefined {
    return this.#core.log.termAt(index);
  }

  /** Planner lease: whether planning now is likely to be committed. Advice, never a promise. */
  mayPlan(now: number): boolean {
    return mayPlan(this.#core, now);
  }

  /** Whether a live leader is known, itself included: within E of its last word. */
  hearsLeader(now: number): boolean {
    return this.#core.hearsLeader(now);
  }

  /** For whoever checks the bounds; nothing depends on it. */
  get load(): RaftLoad {
    const { state, log, heldPreVotes, links } = this.#core;
    const leading = state.role === 'leader' ? state : undefined;
    let inflightAppends = 0;
    let inflightBytes = 0;
    for (const progress of leading?.progress.values() ?? []) {
      inflightAppends = Math.max(inflightAppends, progress.inflightAppends);
      inflightBytes = Math.max(inflightBytes, progress.inflightBytes);
    }
    return {
      uncommittedBytes: leading?.uncommittedBytes ?? 0,
      inflightAppends,
      inflightBytes,
      reads: leading?.reads.length ?? 0,
      heldPreVotes: heldPreVotes.size,
      brokenLinks: links.size,
      tailEntries: log.snapshot.index - log.firstIndex + 1,
    };
  }

  /** One per follower and standby while leading, else empty. */
  progress(): FollowerProgress[] {
    const { state } = this.#core;
    return state.role === 'leader' ? [...state.progress.values()].filter((progress) => progress.leaves === undefined).map((progress) => progress.view()) : [];
  }

  /** @returns whether a heartbeat is due with this input. */
  #handle(input: RaftInput): boolean {
    const core = this.#core;
    switch (input.type) {
      case 'tick':
        return this.#tick();
      case 'message':
        if (input.from !== core.self && !core.refuses(input.from)) this.#receive(input.from, input.message);
        return false;
      case 'propose':
        this.#propose(input.commands);
        return false;
      case 'proposeConfig':
        onProposeConfig(core, input);
        return false;
      case 'persisted':
        this.#persisted(input.sequence);
        return false;
      case 'readIndex':
        onReadIndex(core, input.id);
        return false;
      case 'transfer':
        onTransfer(core, input.target);
        return false;
      case 'link':
        onLink(core, input.peer, input.state);
        return false;
      case 'compacted':
        if (input.meta.index > core.log.snapshot.index) core.log.compact(input.meta, core.state.role === 'leader' ? neededBy(core, core.state) : undefined);
        return false;
      case 'snapshotArrived':
        if (!core.refuses(input.from)) onSnapshotArrived(core, input.from, input.term, input.meta);
        return false;
      case 'stepDown':
        onStepDown(core);
        return false;
      case 'resume':
        onResume(core);
        return false;
      default:
        return unreachable(input);
    }
  }

  #tick(): boolean {
    const core = this.#core;
    electionDue(core);
    checkQuorum(core);
    const { state } = core;
    if (state.role !== 'leader') return false;
    expireTransfer(core, state);
    dropLeft(core, state);
    if (core.now < state.heartbeatAt) return false;
    state.heartbeatAt = core.now + core.timing.heartbeatMs;
    return true;
  }

  #receive(from: MemberId, message: RaftMessage): void {
    const core = this.#core;
    switch (message.type) {
      case 'preVote':
        return onPreVote(core, from, message);
      case 'preVoteReply':
        return onPreVoteReply(core, from, message);
      case 'vote':
        return onVote(core, from, message);
      case 'voteReply':
        return onVoteReply(core, from, message);
      case 'append':
        return onAppend(core, from, message);
      case 'appendReply':
        if (message.term > core.term) adoptTerm(core, message.term);
        else if (message.term === core.term && core.state.role === 'leader') onAppendReply(core, core.state, from, message);
        return undefined;
      case 'timeoutNow':
        return onTimeoutNow(core, from, message);
      default:
        return unreachable(message);
    }
  }

  #propose(commands: readonly Uint8Array[]): void {
    const core = this.#core;
    const { state } = core;
    const reason =
      state.role !== 'leader'
        ? 'not leader'
        : state.transfer !== undefined
          ? 'leadership is being transferred'
          : state.uncommittedBytes >= UNCOMMITTED_BYTES_MAX
            ? 'too much is not committed yet'
            : commands.some((command) => command.length > ENTRY_BYTES_MAX)
              ? `a command is over ${ENTRY_BYTES_MAX} bytes`
              : commands.length === 0
                ? 'nothing to propose'
                : undefined;
    if (reason !== undefined || state.role !== 'leader') {
      core.outbox.note({ type: 'refused', reason: reason ?? 'not leader' });
      return;
    }
    const first = core.log.lastIndex + 1;
    appendEntries(core, state, 'command', commands);
    core.outbox.note({ type: 'appended', first, count: commands.length, term: core.term });
  }

  #persisted(sequence: number): void {
    const core = this.#core;
    core.outbox.persisted(sequence);
    const { state } = core;
    // A slow disk must not eat the time that the others have to answer.
    if (state.role === 'candidate' && sequence >= state.voteSequence && state.ballots.size === 1) core.electionAt = Math.max(core.electionAt, core.now + core.retryDelay());
  }

  /** What follows from an input whatever it was, in one place and in one order. */
  #settle(heartbeat: boolean): void {
    const core = this.#core;
    if (electionResult(core) === 'won') becomeLeader(core);
    const { state } = core;
    if (state.role !== 'leader') return;
    maybeCommit(core, state);
    maybeFinishJoint(core, state);
    settleReads(core, state);
    replicate(core, state, heartbeat);
    maybeHandOver(core, state, heartbeat);
  }
}
