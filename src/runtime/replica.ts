/**
 * One member's copy of one cell: drives the Raft core, keeps its log on disk, applies what is committed to the reducer.
 * Owns the order of things: nothing is sent, counted or acknowledged before the write it depends on is synced. Who does
 * what with the state (planning, sessions, clients) is the business of others, told through the hooks.
 */
import { assert } from '../core/lib/assert.ts';
import type { CellId, LogIndex, MemberId, Term } from '../core/lib/ids.ts';
import type { Applied, CellState } from '../core/cell/cell.ts';
import type { CellEvent, Command } from '../core/cell/types.ts';
import { isRemoved } from '../core/raft/config.ts';
import { Raft } from '../core/raft/raft.ts';
import type { Config, Entry, LinkState, RaftEffect, RaftInput, RaftMessage, Role, SnapshotMeta } from '../core/raft/types.ts';
import type { Timer } from '../ports/clock.ts';
import { decodeCommand, encodeCommand } from '../protocol/command-codec.ts';
import { ENTRY_DATA_BYTES_MAX } from '../protocol/limits.ts';
import { AckGate } from './ack-gate.ts';
import { Applier } from './applier.ts';
import type { NodeContext } from './context.ts';
import { LogClock } from './log-clock.ts';
import { PendingReads, type ReadDone } from './pending-reads.ts';
import { Proposals, type ProposalDone } from './proposals.ts';
import { SnapshotImage, restoreImage, type CapturedSnapshot } from './snapshot-image.ts';
import { SnapshotPace } from './snapshot-pace.ts';
import type { LogStore } from './storage/log-store.ts';
import type { Recovered } from './storage/recover.ts';

export interface ReplicaHooks {
  send(to: MemberId, message: RaftMessage): void;
  applied(index: LogIndex, events: readonly CellEvent[]): void;
  /** The whole state was replaced by a leader's snapshot. */
  replaced(state: CellState): void;
  role(role: Role, term: Term, leader: MemberId | ''): void;
  redial(peer: MemberId): void;
  sendSnapshot(to: MemberId): void;
  alarm(member: MemberId, reason: string): void;
}

export interface ReplicaInit {
  readonly context: NodeContext;
  readonly self: MemberId;
  readonly cell: CellId;
  readonly log: LogStore;
  readonly recovered: Recovered;
  readonly hooks: ReplicaHooks;
}

export class Replica {
  readonly raft: Raft;
  readonly self: MemberId;
  readonly cell: CellId;
  readonly #context: NodeContext;
  readonly #log: LogStore;
  readonly #hooks: ReplicaHooks;
  readonly #gate: AckGate;
  readonly #image: SnapshotImage;
  readonly #logClock: LogClock;
  readonly #applier: Applier;
  readonly #proposals = new Proposals();
  readonly #reads = new PendingReads();
  /** What the disk held at the start is durable. */
  #ready = false;
  #timer: Timer | undefined;
  #timerAt = Infinity;
  #snapshotUnderWay = false;
  readonly #pace: SnapshotPace;
  #stopped = false;
  #installing = false;
  /** Durable, and offered to the core in this very step. */
  #arrived: { readonly meta: SnapshotMeta; readonly sections: readonly Uint8Array[]; readonly state: CellState } | undefined;
  #lastRole: Role = 'follower';

  constructor(init: ReplicaInit) {
    const { context, recovered } = init;
    this.#context = context;
    this.self = init.self;
    this.cell = init.cell;
    this.#log = init.log;
    this.#hooks = init.hooks;
    const { heartbeatMs, electionMs, plannerLeaseMs } = context.timing;
    const { mutants, storage } = context.init;
    this.raft = new Raft({
      self: init.self,
      timing: { heartbeatMs, electionMs, plannerLeaseMs },
      random: () => context.ports.random.float(),
      now: context.now(),
      hard: recovered.hard,
      snapshot: recovered.snapshot?.meta ?? { index: 0, term: 0, config: { voters: [], outgoing: [], standbys: [], removed: [] } },
      entries: recovered.entries,
      ...(storage?.tailEntriesMax === undefined ? {} : { tailEntriesMax: storage.tailEntriesMax }),
      ...(mutants === undefined ? {} : { mutants }),
    });
    this.#applier = new Applier(context, restoreImage(recovered.snapshot?.sections, mutants), this.raft.snapshot.index, {
      entry: (index) => this.raft.entry(index)!,
      command: (entry) => this.#proposals.commandAt(entry.index, entry.term) ?? decodeCommand(entry.data),
      applied: (entry, command, applied) => this.#applied(entry, command, applied),
      wentOn: () => this.#afterwards(),
    });
    this.#image = new SnapshotImage();
    this.#pace = new SnapshotPace(storage);
    this.#pace.taken(recovered.snapshot?.sections ?? []);
    this.#logClock = new LogClock(context.ports.clock);
    this.#gate = new AckGate(this.raft, context.timing.electionMs);
  }

  /** As of `appliedIndex`, which may lie behind what is committed while a large Submit is applied. */
  get state(): CellState {
    return this.#applier.state;
  }

  get appliedIndex(): LogIndex {
    return this.#applier.index;
  }

  get config(): Config {
    return this.raft.config;
  }

  /** What was read may be in the page cache only: it is synced first, before this member answers for it. */
  start(): void {
    this.#log.persist({ entries: [] }, () => {
      this.#ready = true;
      this.#schedule();
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#applier.stop();
    this.#timer?.cancel();
    this.#failAll();
  }

  receive(from: MemberId, message: RaftMessage): void {
    if (this.#ready) this.#step({ type: 'message', now: this.#context.now(), from, message });
  }

  link(peer: MemberId, state: LinkState): void {
    this.#step({ type: 'link', now: this.#context.now(), peer, state });
  }

  stepDown(reason: string): void {
    this.#step({ type: 'stepDown', now: this.#context.now(), reason });
  }

  /** The reason to step down is over. */
  resume(): void {
    this.#step({ type: 'resume', now: this.#context.now() });
  }

  transfer(target: MemberId): void {
    this.#step({ type: 'transfer', now: this.#context.now(), target });
  }

  changeConfig(voters: readonly MemberId[], standbys: readonly MemberId[], removed: readonly MemberId[]): void {
    this.#step({ type: 'proposeConfig', now: this.#context.now(), voters, standbys, removed });
  }

  /**
   * This member never returns. Only what is committed says so: whoever is told wipes its disk, and an eviction that is
   * undone would have cost the cell a voter. @param member '' = none.
   */
  evicted(member: MemberId | ''): boolean {
    return member !== '' && isRemoved(this.raft.committedConfig, member);
  }

  /** Stores a whole snapshot from the leader, then offers it to the core. */
  installSnapshot(from: MemberId, term: Term, meta: SnapshotMeta, sections: readonly Uint8Array[], state: CellState): void {
    if (meta.index <= this.appliedIndex || this.#installing) return;
    this.#installing = true;
    this.#log.installSnapshot(meta, sections, () => {
      this.#installing = false;
      if (this.#stopped || meta.index <= this.appliedIndex) return;
      this.#arrived = { meta, sections, state };
      this.#step({ type: 'snapshotArrived', now: this.#context.now(), from, term, meta });
      this.#arrived = undefined;
    });
  }

  get leads(): boolean {
    return this.raft.role === 'leader';
  }

  mayPlan(): boolean {
    return this.raft.mayPlan(this.#context.now());
  }

  /** Time stamp for the next command, wall ms: never goes back, and one far-off clock does not freeze it. */
  stamp(): number {
    return this.#logClock.stamp(this.state.now);
  }

  /** Where the next command that is proposed will stand in the log, if no configuration comes between. */
  get nextIndex(): LogIndex {
    return this.raft.lastIndex + this.#proposals.queued + 1;
  }

  /** Appends a command together with all others of this turn. Leader only; otherwise `done(undefined)`. */
  propose(command: Command, done?: ProposalDone): void {
    if (!this.leads || this.#stopped || this.#proposals.full) {
      if (done !== undefined) this.#context.defer(() => done(undefined));
      return;
    }
    const data = encodeCommand(command);
    if (data.length > ENTRY_DATA_BYTES_MAX) {
      // The core would refuse all commands of this turn for the sake of one.
      const message = `a ${command.type} of ${data.length} bytes does not fit into a log entry of ${ENTRY_DATA_BYTES_MAX}`;
      this.#context.note('error', 'command-too-large', message, { command: command.type });
      if (done !== undefined) this.#context.defer(() => done({ reply: { type: 'error', code: 'REQUEST_TOO_LARGE', message }, index: 0 }));
    } else if (this.#proposals.add(command, data, done)) {
      this.#context.defer(() => this.#flush());
    }
  }

  #flush(): void {
    if (this.#stopped) return;
    this.#step({ type: 'propose', now: this.#context.now(), commands: this.#proposals.take() });
    this.#proposals.refused();
  }

  /** Calls back with the index that a linearizable read must see applied; by then it is. Leader only. */
  readIndex(done: ReadDone): void {
    if (!this.leads || this.#stopped) {
      this.#context.defer(() => done(undefined));
      return;
    }
    const id = this.#reads.add(done);
    this.#context.init.probe?.readAsked?.(this.#context.self, this.cell, id);
    this.#step({ type: 'readIndex', now: this.#context.now(), id });
  }

  /** Snapshot of the state as applied now or a little later: what a follower that fell behind gets. Not called back after a stop. */
  capture(done: (snapshot: CapturedSnapshot) => void): void {
    const [image, raft] = [this.#image, this.raft];
    this.#applier.between(function* (state, index, slice) {
      const sections = yield* image.encode(state, slice);
      const term = raft.termAt(index);
      assert(term !== undefined, 'the applied entry has a term');
      done({ meta: { index, term, config: raft.configAt(index) }, sections });
    });
  }

  /** With one voter: no standby has everything (`status` says "one copy"). Only the leader knows. */
  get oneCopy(): boolean | undefined {
    return this.leads ? this.#gate.oneCopy : undefined;
  }

  /** Nothing of this replica is on its way to the disk: after `stop`, its files may be removed. */
  get quiet(): boolean {
    return this.#log.oldestUnsyncedSince() === undefined && !this.#snapshotUnderWay && !this.#installing;
  }

  /** True when the oldest write has been waiting for its sync for longer than a healthy disk takes. */
  diskStalled(): boolean {
    const since = this.#log.oldestUnsyncedSince();
    return since !== undefined && this.#context.now() - since > this.#context.timing.diskStallMs && !this.#context.mutant('disk-watchdog-off');
  }

  // ── Steps and effects ──────────────────────────────────────────────────────────────────────────────────────────

  #step(input: RaftInput): void {
    if (this.#stopped) return;
    const effects = this.raft.step(input);
    for (const effect of effects) this.#perform(effect);
    this.#afterwards();
  }

  /** After a step, and after each piece of what is applied later than in its step. */
  #afterwards(): void {
    if (this.#stopped) return;
    if (this.#gate.active) this.#gate.check(this.#context.now());
    this.#maybeSnapshot();
    this.#schedule();
    this.#context.init.probe?.stepped?.(this.#context.self);
  }

  #perform(effect: RaftEffect): void {
    switch (effect.type) {
      case 'send':
        return this.#hooks.send(effect.to, effect.message);
      case 'persist':
        return this.#persist(effect);
      case 'commit':
        return this.#applier.commit(effect.index);
      case 'appended':
        this.#proposals.appended(effect.first, effect.term);
        if (this.#context.mutant('ack-before-commit')) this.#answerEarly(effect.term);
        return;
      case 'refused':
        return; // #flush sees what was not appended
      case 'readReady':
        this.#context.init.probe?.readEnded?.(this.#context.self, this.cell, effect.id, effect.index);
        return this.#reads.confirmed(effect.id, effect.index, this.appliedIndex);
      case 'readFailed':
        this.#context.init.probe?.readEnded?.(this.#context.self, this.cell, effect.id, undefined);
        return this.#reads.failed(effect.id);
      case 'sendSnapshot':
        return this.#hooks.sendSnapshot(effect.to);
      case 'redial':
        return this.#hooks.redial(effect.peer);
      case 'role':
        return this.#roleChanged(effect.role, effect.term, effect.leader);
      case 'alarm':
        return this.#hooks.alarm(effect.member, effect.reason);
    }
  }

  #answerEarly(term: Term): void {
    const { init, self } = this.#context;
    this.#proposals.answerEarly(this.cell, (index) => init.probe?.acknowledged?.(self, this.cell, index, term));
  }

  #persist(effect: Extract<RaftEffect, { type: 'persist' }>): void {
    if (effect.snapshot !== undefined) this.#adopt(effect.snapshot);
    if (effect.truncateAfter !== undefined) this.#proposals.failAfter(effect.truncateAfter);
    this.#log.persist(effect, () => {
      if (this.#stopped) return;
      for (const { to, message } of effect.messages) this.#hooks.send(to, message);
      this.#step({ type: 'persisted', now: this.#context.now(), sequence: effect.sequence });
    });
  }

  /** The log is reset to a snapshot that a leader sent: so is the state. */
  #adopt(meta: SnapshotMeta): void {
    const arrived = this.#arrived;
    assert(arrived !== undefined && arrived.meta.index === meta.index, 'only the snapshot that just arrived can come in force');
    this.#applier.replace(arrived.state, meta.index);
    this.#pace.begun();
    this.#pace.taken(arrived.sections);
    this.#hooks.replaced(arrived.state);
  }

  #applied(entry: Entry, command: Command | undefined, applied: Applied | undefined): void {
    const { index } = entry;
    this.#pace.applied(entry);
    const pending = this.#proposals.applied(index);
    const probe = this.#context.init.probe;
    const events = applied?.events ?? [];
    probe?.applied?.(this.#context.self, this.cell, entry, command, applied?.reply, events);
    this.#hooks.applied(index, events);
    this.#reads.applied(index);
    const done = pending?.done;
    if (done === undefined) return;
    if (applied === undefined || pending?.term !== entry.term) {
      done(undefined);
      return;
    }
    const { reply } = applied;
    this.#gate.pass(index, this.#context.now(), () => {
      probe?.acknowledged?.(this.#context.self, this.cell, index, entry.term);
      done({ reply, index });
    });
  }

  #roleChanged(role: Role, term: Term, leader: MemberId | ''): void {
    if (role === 'leader' && this.#lastRole !== 'leader') this.#logClock.elected(this.state.now);
    const lost = this.#lastRole === 'leader' && role !== 'leader';
    this.#lastRole = role;
    if (lost) this.#failAll();
    this.#hooks.role(role, term, leader);
  }

  /** Nobody may be told "recorded" by a leader that lost its office: the entries may survive or not. */
  #failAll(): void {
    this.#gate.clear();
    this.#proposals.failAll();
    this.#reads.failAll();
  }

  // ── Timer and snapshots ────────────────────────────────────────────────────────────────────────────────────────

  /** One timer at a time; one that fires early is harmless, one that fires late is not. */
  #schedule(): void {
    const due = Math.min(this.raft.nextTickAt, this.#gate.dueAt);
    if (!this.#ready || this.#stopped || due >= this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = due;
    this.#timer = this.#context.after(Math.max(0, due - this.#context.now()), () => {
      this.#timerAt = Infinity;
      this.#step({ type: 'tick', now: this.#context.now() });
    });
  }

  #maybeSnapshot(): void {
    const entries = this.appliedIndex - this.raft.snapshot.index;
    if (this.#snapshotUnderWay || this.#stopped) return;
    if (!this.#pace.isDue(entries)) return;
    this.#snapshotUnderWay = true;
    this.#pace.begun();
    this.capture(({ meta, sections }) => {
      this.#pace.taken(sections);
      this.#log.saveSnapshot(meta, sections, () => {
        this.#snapshotUnderWay = false;
        if (this.#stopped || meta.index <= this.raft.snapshot.index) return;
        this.#step({ type: 'compacted', now: this.#context.now(), meta });
        this.#log.dropBefore(meta.index);
      });
    });
  }
}
