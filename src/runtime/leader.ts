/**
 * What a node does besides replication while it leads: sessions, planning, claims, results, clients' requests. Exists
 * from the moment its Noop is applied until it steps down; everything it knows beyond the log is soft.
 */
import { fenceOf, type Fence, type LogIndex, type NodeId, type SessionId } from '../core/lib/ids.ts';
import { ownFailure } from '../core/cell/outcome.ts';
import { openNeeds, specOf } from '../core/cell/accessors.ts';
import { isExclusive } from '../core/cell/policy.ts';
import type { CellState, ModuleRecord } from '../core/cell/state.ts';
import type { CellEvent, ClaimItem, Command, Reply, RunningClaim } from '../core/cell/types.ts';
import type { PlacementSource } from '../core/plan/explain-placement.ts';
import { Planner, type PlannableSession } from '../core/plan/planner.ts';
import type { Contact, LeaderHint, StopReason, WorkMessage } from '../protocol/messages.ts';
import { Assigner } from './assigner.ts';
import { Copies } from './blobs/copies.ts';
import type { CopyRequests } from './blobs/copy-requests.ts';
import { ClaimDeadlines } from './claim-deadlines.ts';
import type { NodeContext } from './context.ts';
import { LeaderSessions, type SoftSession } from './leader-sessions.ts';
import { plannable } from './plannable.ts';
import type { ProposalDone } from './proposals.ts';
import { isOfAnother, reconcile } from './reconcile.ts';
import type { Replica } from './replica.ts';
import { ResultIntake } from './result-intake.ts';
import { Retirement } from './retirement.ts';
import { Reuse } from './reuse.ts';
import { SessionOpenings } from './session-openings.ts';

/** Claims in one ClaimBatch entry: about 12 bytes each, far below the entry limit. */
const CLAIMS_PER_ENTRY = 2048;

export interface LeaderHooks {
  /** Voters and where to reach them, for workers that lose this leader. */
  contacts(): readonly Contact[];
  readonly requests: Pick<CopyRequests, 'ask'>;
  hint(): LeaderHint;
}

export class Leader {
  readonly sessions = new LeaderSessions();
  readonly #context: NodeContext;
  readonly #replica: Replica;
  readonly #hooks: LeaderHooks;
  readonly #planner = new Planner();
  readonly #assigner: Assigner;
  readonly #deadlines = new ClaimDeadlines();
  readonly #copies: Copies;
  readonly #retirement: Retirement;
  readonly #reuse: Reuse;
  #planning = false;
  #slicing = false;
  #wakeAt = Infinity;
  readonly #results: ResultIntake;
  #stopped = false;
  readonly #openings: SessionOpenings;
  readonly #expiring = new Set<SessionId>();
  #tickedAt: number;
  readonly #tickTimer: { cancel(): void };

  constructor(context: NodeContext, replica: Replica, hooks: LeaderHooks) {
    this.#context = context;
    this.#replica = replica;
    this.#hooks = hooks;
    this.#results = new ResultIntake(context, replica, {
      proposed: (items) => {
        this.#planner.foresee(this.#state, items);
        this.#plan();
      },
      settled: (items) => this.#planner.heardOf(this.#state, items),
    });
    this.#assigner = new Assigner({
      context,
      cell: replica.cell,
      refused: ({ run, module, generation, fence, inputsHash }, reason) => this.#results.add([{ run, module, generation, fence, inputsHash, outcome: ownFailure('LIMIT_EXCEEDED', reason) }], () => undefined),
    });
    this.#copies = new Copies({ context, requests: hooks.requests, state: () => replica.state, propose: (command) => replica.propose(command), stamp: () => replica.stamp() });
    this.#retirement = new Retirement((command) => replica.propose(command));
    this.#reuse = new Reuse((claims) => replica.propose({ type: 'reuse', now: replica.stamp(), claims }));
    this.#openings = new SessionOpenings({
      context,
      replica,
      sessions: this.sessions,
      hint: () => hooks.hint(),
      givenUp: (session) => this.#expiring.has(session.id),
      heard: (session, addresses) => this.#heard(session, addresses),
    });
    this.#tickedAt = context.now();
    this.sessions.reset(replica.state, context.now(), (node) => node === context.self || context.ports.transport.isConnected(node));
    this.#planner.rebuild(replica.state);
    this.#reuse.rebuild(replica.state);
    this.#deadlines.rebuild(replica.state);
    this.#copies.rebuild();
    this.#tickTimer = context.every(() => Math.min(100, context.timing.heartbeatMs), () => this.#tick());
    this.#planSoon();
  }

  stop(): void {
    this.#stopped = true;
    this.#tickTimer.cancel();
    this.#results.stop();
    this.#copies.stop();
  }

  get #state(): CellState {
    return this.#replica.state;
  }

  applied(_index: LogIndex, events: readonly CellEvent[]): void {
    if (events.length === 0) return;
    for (const event of events) this.#onEvent(event);
    this.#reuse.onEvents(this.#state, events);
    this.#planner.onEvents(this.#state, events);
    this.#planSoon();
  }

  #onEvent(event: CellEvent): void {
    switch (event.type) {
      case 'sessionOpened':
        this.sessions.open(this.#state, event.session, this.#context.now());
        this.#copies.nodeCame(event.node);
        return;
      case 'sessionClosed':
        this.sessions.close(event.session);
        this.#copies.nodeWent(event.node);
        return;
      case 'claimEnded':
        this.#tellStop(event.session, [event.fence], event.why);
        return;
      case 'module':
        if (event.phase === 'claimed') this.#deadlines.claimed(this.#state, event.run, event.module, event.fence, event.at);
        else this.#copies.made(event.run, event.module);
        return;
      case 'checkpointed':
        this.#copies.checkpointed(event.run, event.module);
        return;
      case 'hedge':
        if (event.on) this.#deadlines.claimed(this.#state, event.run, event.module, event.fence, event.at);
        return;
      case 'runFinal':
        this.sessions.forgetRun(event.run);
        return;
      case 'runSubmitted':
        this.#copies.submitted(event.run);
        return;
      default:
    }
  }

  #tellStop(id: SessionId, fences: readonly number[], reason: StopReason): void {
    const session = this.sessions.get(id);
    if (session === undefined) return;
    this.#context.sendWork(session.node, { type: 'stop', cell: this.#replica.cell, session: id, fences, reason });
  }

  // ── Messages from workers ──────────────────────────────────────────────────────────────────────────────────────

  receive(from: NodeId, message: WorkMessage): void {
    switch (message.type) {
      case 'sessionOpen':
        this.#openings.receive(from, message);
        return;
      case 'keepalive':
        this.#keepalive(from, message);
        return;
      case 'decline':
        this.#declined(from, message);
        return;
      case 'checkpoint':
        if (!isOfAnother(this.#state, from, message.claim)) this.#replica.propose({ type: 'checkpoint', now: this.#replica.stamp(), claim: message.claim, inputsHash: message.inputsHash, files: message.files });
        return;
      case 'results':
        if (message.items.some((item) => isOfAnother(this.#state, from, item))) {
          this.#context.note('error', 'message-dropped', `${from} sent a result of a claim that another node has`, { from });
          return;
        }
        this.#results.add(message.items, (verdicts) => {
          this.#copies.heardOf(message.items);
          const nodes = verdicts.includes('needCopies') ? this.#copies.couldKeep(from) : [];
          this.#context.sendWork(from, { type: 'resultsReply', id: message.id, verdicts, nodes, hint: this.#hooks.hint() });
        });
        return;
      default:
        this.#context.note('warn', 'message-dropped', `a ${message.type} message from ${from} is not for a leader`, { from });
    }
  }

  #heard(session: SoftSession, addresses?: readonly string[]): void {
    session.lastHeardAt = this.#context.now();
    session.downSince = undefined;
    session.released = false;
    if (addresses !== undefined && addresses.length > 0) {
      session.addresses = addresses;
      if (session.node !== this.#context.self) this.#context.ports.transport.learn(session.node, addresses);
    }
  }

  #keepalive(from: NodeId, message: Extract<WorkMessage, { type: 'keepalive' }>): void {
    // Not acked without the planner lease: the worker must not think that somebody watches over it (PROTOCOL §4).
    if (!this.#replica.mayPlan()) return;
    const session = this.sessions.get(message.session);
    // Given up already: an ack would let it go on with exclusive modules that are about to be given to others.
    if (session !== undefined && this.#expiring.has(session.id)) return;
    // Evicted while its session was open: it says hello again, and is told then that it needs a new disk.
    const known = session !== undefined && session.node === from && !this.#replica.evicted(session.member);
    const stop = known ? this.#reconcile(session, message.running) : [];
    if (known) {
      this.#heard(session);
      const { slots, load, receiveBytesPerSecond, committing, fetching } = message;
      Object.assign(session, { slots, load, receiveBytesPerSecond, committing: new Set(committing), fetching: new Set(fetching) });
      this.#planSoon();
    }
    this.#context.sendWork(from, { type: 'keepaliveReply', cell: this.#replica.cell, session: message.session, sequence: message.sequence, known, stop, contacts: this.#hooks.contacts() });
  }

  /** @returns fences that the worker should stop. */
  #reconcile(session: SoftSession, running: readonly RunningClaim[]): readonly Fence[] {
    const { assign, late, stop } = reconcile(this.#state, session, running, this.#context.now() - this.#context.timing.keepaliveMs / 2);
    for (const { module, fence } of assign) this.#assigner.assign(this.#state, session, module, fence);
    if (late.length > 0) this.#replica.propose({ type: 'release', now: this.#replica.stamp(), claims: late, reason: 'released' });
    return stop;
  }

  #declined(from: NodeId, message: Extract<WorkMessage, { type: 'decline' }>): void {
    const session = this.sessions.ofNode(from);
    if (session === undefined) return;
    const record = this.#state.sessions.get(session.id);
    const claims = message.claims.filter((claim) => record?.claims.has(claim.fence));
    // It waits for what is not its own any more.
    if (message.needSpec && claims.length < message.claims.length) {
      this.#tellStop(session.id, message.claims.filter((claim) => !claims.includes(claim)).map(({ fence }) => fence), 'released');
    }
    if (!message.needSpec) {
      for (const { fence } of message.claims) {
        const ending = this.#state.ending.get(fence);
        if (ending?.session === session.id) claims.push({ run: ending.run, module: ending.module, fence });
      }
    }
    if (claims.length === 0) return;
    if (message.needSpec) {
      for (const claim of claims) {
        session.specs.delete(claim.run);
        const module = record?.claims.get(claim.fence);
        // What it needs may be made again since: then there is nothing to begin with, and the next keepalive hands it back.
        if (module !== undefined && openNeeds(module) === 0) this.#assigner.assign(this.#state, session, module, claim.fence);
      }
      return;
    }
    this.#replica.propose({ type: 'release', now: this.#replica.stamp(), claims, reason: 'declined' });
  }

  // ── Planning ───────────────────────────────────────────────────────────────────────────────────────────────────

  #planSoon(): void {
    if (this.#planning || this.#stopped) return;
    this.#planning = true;
    this.#context.defer(() => {
      this.#planning = false;
      this.#plan();
    });
  }

  /** Sessions that can be given work now. */
  plannable(): PlannableSession[] {
    return plannable(this.sessions, this.#context.self);
  }

  readonly placements = (): PlacementSource => this.#planner.placements(this.#state, this.#replica.stamp(), this.plannable());

  #plan(): void {
    if (this.#stopped || !this.#replica.mayPlan()) return;
    const now = this.#replica.stamp();
    const sessions = this.plannable();
    const claims = this.#planner.plan(this.#state, now, sessions, CLAIMS_PER_ENTRY);
    this.#maybeSlice();
    this.#proposeClaims('claimBatch', claims, now);
    if (claims.length === CLAIMS_PER_ENTRY) this.#planSoon();
    else this.#proposeClaims('hedgeBatch', this.#planner.planHedges(this.#state, now, sessions, CLAIMS_PER_ENTRY), now);
    this.#wakeAt = this.#planner.nextWakeAt(now);
  }

  #proposeClaims(type: 'claimBatch' | 'hedgeBatch', claims: readonly ClaimItem[], now: number): void {
    if (claims.length === 0) return;
    this.#planner.proposed(claims);
    if (this.#context.mutant('assign-before-commit')) this.#assign(claims, claims.map((_, position) => fenceOf(this.#replica.nextIndex, position)));
    this.#replica.propose({ type, now, claims }, (answer) => this.#claimed(claims, answer));
  }

  /** A large graph is looked at a slice each turn, so that heartbeats and results pass between two of them. */
  #maybeSlice(): void {
    if (!this.#planner.busy || this.#slicing) return;
    this.#slicing = true;
    this.#context.after(0, () => {
      this.#slicing = false;
      this.#planSoon();
    });
  }

  #claimed(claims: readonly ClaimItem[], answer: Parameters<ProposalDone>[0]): void {
    this.#planner.settled(this.#state, claims);
    if (answer === undefined || answer.reply.type !== 'claims' || this.#stopped) return;
    this.#assign(claims, answer.reply.fences);
    if (answer.reply.fences.includes(0)) this.#planSoon(); // What refused it was planned on before its room was given back.
  }

  /** The answer may come late (two machines): by now the claim can have ended, cancelled for example. */
  #assign(claims: readonly ClaimItem[], fences: readonly Fence[]): void {
    for (const [position, claim] of claims.entries()) {
      const fence = fences[position] ?? 0;
      const session = this.sessions.get(claim.session);
      const module = this.#state.runs.get(claim.run)?.modules[claim.module];
      const early = this.#context.mutant('assign-before-commit');
      if (fence === 0 || session === undefined || module === undefined || (!early && this.#state.sessions.get(claim.session)?.claims.get(fence) !== module)) continue;
      if (openNeeds(module) === 0 || early) this.#assigner.assign(this.#state, session, module, fence);
    }
  }

  // ── Time ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #tick(): void {
    const now = this.#context.now();
    // What they said while this process did not run has not been read yet: its own silence is not theirs.
    const late = now - this.#tickedAt - this.#context.timing.keepaliveMs;
    if (late > 0) this.sessions.excuse(late);
    this.#tickedAt = now;
    if (!this.#replica.mayPlan()) return;
    const { sessionTtlMs, socketGraceMs } = this.#context.timing;
    for (const session of this.sessions.all()) {
      if (now - session.lastHeardAt > this.#ttl(sessionTtlMs)) this.#expire(session, 'silent');
      else if (session.downSince !== undefined && !session.released && now - session.downSince > socketGraceMs) this.#releaseOf(session);
    }
    const stamp = this.stamp();
    const overdue = this.#deadlines.due(this.#state, stamp, (fence) => this.sessions.isCommitting(fence));
    if (overdue.length > 0) this.#replica.propose({ type: 'release', now: stamp, claims: overdue, reason: 'timeout' });
    if (stamp >= this.#wakeAt) this.#planSoon();
    this.#retirement.tick(this.#state, stamp);
  }

  #ttl(baseMs: number): number {
    return this.sessions.ttlMs(baseMs) / (this.#context.mutant('session-expires-early') ? 2 : 1);
  }

  #expire(session: SoftSession, reason: 'silent' | 'socket' | 'left'): void {
    if (this.#expiring.has(session.id) || this.#context.mutant('session-never-expires')) return;
    this.#expiring.add(session.id);
    this.#replica.propose({ type: 'sessionExpire', now: this.#replica.stamp(), session: session.id, reason }, () => this.#expiring.delete(session.id));
  }

  /** Its process is gone as far as we can see: what is safe to execute twice goes to others now. */
  #releaseOf(session: SoftSession): void {
    session.released = true;
    this.sessions.flap(session.node);
    const record = this.#state.sessions.get(session.id);
    if (record === undefined) return;
    const isFree = (module: ModuleRecord): boolean => !isExclusive(specOf(module)) || this.#context.mutant('effectful-released-early');
    const claims = [...record.claims].filter(([, module]) => isFree(module)).map(([fence, { run, index }]): RunningClaim => ({ run: run.number, module: index, fence }));
    if (claims.length > 0) this.#replica.propose({ type: 'release', now: this.#replica.stamp(), claims, reason: 'lost' });
  }

  peerDown(node: NodeId): void {
    const session = this.sessions.ofNode(node);
    if (session === undefined) return;
    session.downSince ??= this.#context.now();
    session.specs.clear();
  }

  peerUp(node: NodeId): void {
    const session = this.sessions.ofNode(node);
    if (session?.released === false) session.downSince = undefined;
  }

  /** Modules of which only this node, which wants to leave, has the files: others are made to keep them. */
  handOver(node: NodeId): number {
    return this.#copies.handOver(node);
  }

  /** The session of a node that leaves ends by its own wish. */
  endSession(node: NodeId): void {
    const session = this.sessions.ofNode(node);
    if (session !== undefined) this.#expire(session, 'left');
  }

  // ── Clients ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Proposes a client's command. `undefined`: not led here any more, outcome unknown. */
  command(commands: readonly Command[], done: (reply: Reply | undefined) => void): void {
    const [only] = commands;
    const index = this.#replica.nextIndex;
    for (const [position, command] of commands.entries()) {
      if (position < commands.length - 1) this.#replica.propose(command);
      else this.#replica.propose(command, (answer) => done(answer?.reply));
    }
    if (commands.length > 1 || only?.type !== 'submit' || !this.#replica.mayPlan()) return;
    this.#proposeClaims('claimBatch', this.#planner.planFirst(this.#state, only, index, this.plannable(), CLAIMS_PER_ENTRY), only.now);
  }

  stamp(): number {
    return this.#replica.stamp();
  }
}
