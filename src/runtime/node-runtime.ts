/**
 * One node: finds others, belongs to one cell at a time, works for it, holds its log when asked to, leads it when elected.
 * The same class runs in production and in the simulator.
 */
import type { CellId, MemberId, NodeId, RunId, RunNumber } from '../core/lib/ids.ts';
import { nodeOfMember } from '../core/lib/ids.ts';
import { isSenior } from '../core/cells/rank.ts';
import type { CellEvent, Json, RunSpec } from '../core/cell/types.ts';
import { isSkeinError, SkeinError } from '../errors.ts';
import type { Channel } from '../ports/transport.ts';
import { decodeBulk } from '../protocol/bulk-codec.ts';
import type { Beacon, CellSighting, LeaderHint, WorkMessage } from '../protocol/messages.ts';
import { decodeRaft } from '../protocol/raft-codec.ts';
import { decodeWork } from '../protocol/work-codec.ts';
import type { CellPhase } from './api.ts';
import { CellHost } from './cell-host.ts';
import { NodeContext } from './context.ts';
import { Discovery, type DiscoveryHooks } from './discovery.ts';
import { EventFeed } from './event-feed.ts';
import { Gateway, type GatewayDone } from './gateway.ts';
import type { NodeRuntimeInit } from './init.ts';
import { Leaver } from './leaver.ts';
import type { Replica } from './replica.ts';
import { SuspendWatch } from './suspend-watch.ts';
import { answerQuery } from './queries.ts';
import { WatchClient, WatchServer } from './watch.ts';
import { Worker } from './worker.ts';

/** How long a client's write may look for a leader before its outcome is reported as unknown. */
const WRITE_TIMEOUT_MS = 30_000;
const READ_TIMEOUT_MS = 10_000;
/** A member of an unestablished, leaderless cell waits this long in sight of a senior one before it goes over. */
const ABANDON_AFTER_MS = 5000;

export class NodeRuntime {
  readonly context: NodeContext;
  readonly host: CellHost;
  readonly worker: Worker;
  readonly discovery: Discovery;
  readonly feed = new EventFeed();
  readonly watches: WatchClient;
  readonly #watchServer: WatchServer;
  readonly #gateway: Gateway;
  readonly #leaver: Leaver;
  readonly #suspend: SuspendWatch;
  /** Cell that this node works for; '' while it seeks. */
  #cell: CellId | '' = '';
  #hint: LeaderHint = { cell: '', node: '', addresses: [] };
  #seekingSince = 0;
  #leaderSeenAt = 0;
  #seniorSeenSince: number | undefined;
  #closing = false;
  #stopping = false;
  #load = 0;

  constructor(init: NodeRuntimeInit) {
    this.context = new NodeContext(init);
    this.context.receiveWork = (from, message) => this.#work(from, message);
    this.discovery = new Discovery(this.context, { self: () => this.#announcement(), heard: (beacon) => this.#heard(beacon) });
    this.host = new CellHost(this.context, {
      applied: (index, events) => this.#applied(index, events),
      role: () => this.#roleChanged(),
      adopted: (cell) => this.#adopt(cell),
      knownNode: (node) => this.discovery.node(node),
      worksFor: (cell) => cell === this.#cell,
    });
    this.worker = new Worker(this.context, {
      specOf: (run) => this.#specOf(run),
      hinted: (hint) => this.#hinted(hint),
      contacts: (contacts) => this.#contacts(contacts),
      member: () => (init.vote ? this.host.member : ''),
      refused: (code) => this.#refused(code),
    });
    this.#gateway = new Gateway(this.context, {
      leader: () => this.host.leader,
      target: () => this.#target(),
      hint: () => this.leaderHint(),
      hinted: (hint) => this.#hinted(hint),
      stalled: () => this.phase === 'stalled',
      answer: (query, argument, strong, done) => this.#answer(query, argument, strong, done),
    });
    this.#watchServer = new WatchServer(this.context, this.feed, () => this.replica?.state);
    this.watches = new WatchClient(this.context, { target: () => this.#target(), local: () => (this.replica === undefined ? undefined : { feed: this.feed, state: this.replica.state }) });
    this.#leaver = new Leaver(this.context, { target: () => this.#target(), host: this.host, worker: this.worker, session: () => this.worker.sessionId });
    this.#suspend = new SuspendWatch(this.context, () => this.#suspended());
  }

  // ── Life ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Recovers what is on disk and begins to listen. Throws SkeinError DISK_FAILED or LOG_DAMAGED only for unreadable folders. */
  start(): void {
    const { transport } = this.context.ports;
    this.host.recover();
    this.#seekingSince = this.context.now();
    this.#leaderSeenAt = this.context.now();
    if (this.host.cell !== '') this.#adopt(this.host.cell);
    transport.start({
      message: (from, channel, bytes) => this.#message(from, channel, bytes),
      peerUp: (peer, bootId) => this.#peerUp(peer, bootId),
      peerDown: (peer) => this.host.peerDown(peer),
      gossip: (from, bytes) => this.discovery.receive(from, bytes),
    });
    this.host.start();
    this.#suspend.start();
    this.discovery.start();
    this.context.every(() => Math.min(250, this.context.timing.electionMs / 2), () => this.#tick());
  }

  /** Ends at once, without a word to others. */
  stop(): void {
    this.#gateway.stop();
    this.host.stop();
    this.context.stop();
    this.context.ports.transport.stop();
  }

  /** Finishes (or, `now`, hands back) what runs, leaves the cell in good order, then stops. */
  leave(now: boolean, done: () => void): void {
    this.#stopping = true;
    this.discovery.publishIfChanged();
    this.#leaver.leave(now, () => {
      this.discovery.publish();
      this.context.after(50, () => {
        this.stop();
        done();
      });
    });
  }

  get replica(): Replica | undefined {
    return this.host.replica;
  }

  get cell(): CellId | '' {
    return this.#cell;
  }

  get phase(): CellPhase {
    if (this.#stopping) return 'stopping';
    if (this.host.damaged !== undefined && this.worker.sessionId === 0) return 'damaged';
    if (this.#cell === '') return 'seeking';
    if (this.context.now() - this.#leaderSeenAt > this.context.timing.stalledMs) return 'stalled';
    if (this.worker.sessionId === 0) return 'joining';
    return this.host.isMember ? 'member' : 'worker';
  }

  get load(): number {
    return this.#load;
  }

  setLoad(load: number): void {
    this.#load = load;
    this.worker.setLoad(load);
  }

  // ── Clients ────────────────────────────────────────────────────────────────────────────────────────────────────

  submit(spec: RunSpec, requestKey: string, done: GatewayDone<{ readonly runId: RunId; readonly run: RunNumber; readonly duplicate: boolean }>): void {
    this.#gateway.submit(spec, requestKey, WRITE_TIMEOUT_MS, done);
  }

  cancelRun(run: RunNumber, reason: string, done: GatewayDone<void>): void {
    this.#gateway.cancel(run, reason, WRITE_TIMEOUT_MS, done);
  }

  drainNode(node: NodeId, on: boolean, done: GatewayDone<void>): void {
    this.#gateway.drain(node, on, WRITE_TIMEOUT_MS, done);
  }

  /** Local when this node holds the log and `strong` is false; else from the leader. */
  read(query: string, argument: Json, strong: boolean, done: GatewayDone<Json>): void {
    const { replica } = this;
    if (!strong && replica !== undefined && replica.state.cellId !== '') {
      const answer = answerQuery(replica.state, this.host.leader, query, argument);
      this.context.defer(() => (answer instanceof SkeinError ? done(answer) : done(undefined, answer)));
      return;
    }
    this.#gateway.read(query, argument, strong, READ_TIMEOUT_MS, done);
  }

  #answer(query: string, argument: Json, strong: boolean, done: (answer: Json | SkeinError | undefined) => void): void {
    const { replica } = this;
    if (replica === undefined || replica.state.cellId === '') {
      done(undefined);
      return;
    }
    if (!strong) {
      done(answerQuery(replica.state, this.host.leader, query, argument));
      return;
    }
    replica.readIndex((index) => done(index === undefined ? undefined : answerQuery(replica.state, this.host.leader, query, argument)));
  }

  // ── Messages ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** A frame that does not fit is dropped and noted; it never harms the node. */
  #message(from: NodeId, channel: Channel, bytes: Uint8Array): void {
    try {
      switch (channel) {
        case 'raft':
          this.host.raft(from, decodeRaft(bytes));
          return;
        case 'work':
          this.#work(from, decodeWork(bytes));
          return;
        case 'bulk':
          this.host.bulk(from, decodeBulk(bytes));
      }
    } catch (error) {
      if (!isSkeinError(error, 'FRAME_INVALID')) throw error;
      this.context.note('warn', 'frame-dropped', `a message from ${from} on ${channel} could not be read: ${error.message}`, { from, channel });
    }
  }

  #work(from: NodeId, message: WorkMessage): void {
    switch (message.type) {
      case 'beacon':
        this.discovery.receive(from, message.beacon);
        return;
      case 'sessionOpen':
      case 'keepalive':
      case 'decline':
      case 'results':
        this.#toLeader(from, message);
        return;
      case 'sessionReply':
      case 'keepaliveReply':
      case 'runSpec':
      case 'assign':
      case 'stop':
      case 'resultsReply':
        this.worker.receive(from, message);
        return;
      case 'forward':
        if (message.cell === this.#cell) this.#gateway.forwarded(from, message);
        else this.context.sendWork(from, { type: 'forwardReply', id: message.id, reply: null, hint: this.leaderHint() });
        return;
      case 'read':
        this.#gateway.asked(from, message);
        return;
      case 'forwardReply':
      case 'readReply':
        this.#gateway.answered(message);
        return;
      case 'leave':
      case 'leaveReply':
        this.#leaver.receive(from, message);
        return;
      case 'watch':
        this.#watchServer.receive(from, message);
        return;
      case 'watchEvents':
        this.watches.receive(message);
    }
  }

  #toLeader(from: NodeId, message: Extract<WorkMessage, { type: 'sessionOpen' | 'keepalive' | 'decline' | 'results' }>): void {
    const { leader } = this.host;
    if (leader !== undefined && message.cell === this.host.cell) {
      leader.receive(from, message);
      return;
    }
    const hint = this.leaderHint();
    if (message.type === 'sessionOpen') this.context.sendWork(from, { type: 'sessionReply', id: message.id, session: 0, error: '', hint });
    if (message.type === 'results') this.context.sendWork(from, { type: 'resultsReply', id: message.id, verdicts: [], hint });
  }

  #peerUp(peer: NodeId, bootId: string): void {
    this.discovery.greet(peer);
    this.host.peerUp(peer, bootId);
  }

  // ── Which cell, which leader ───────────────────────────────────────────────────────────────────────────────────

  #announcement(): ReturnType<DiscoveryHooks['self']> {
    return { cell: this.#sighting(), stopping: this.#stopping, seeking: this.#cell === '', load: this.#load, slotsUsed: this.worker.slotsUsed };
  }

  #sighting(): CellSighting | null {
    const state = this.replica?.state;
    if (this.#cell === '') return null;
    const { node, addresses } = this.leaderHint();
    if (state === undefined || state.cellId !== this.#cell) {
      const known = this.discovery.leaderOf(this.#cell);
      // A worker without a log repeats nobody's word: it only says which cell it works for.
      return { id: this.#cell, createdAt: known?.createdAt ?? 0, established: known?.established ?? true, term: 0, leader: '', leaderAddresses: [] };
    }
    const leader = this.host.hearsLeader() ? node : '';
    return { id: this.#cell, createdAt: state.createdAt, established: state.established, term: this.replica!.raft.term, leader, leaderAddresses: leader === '' ? [] : addresses };
  }

  leaderHint(): LeaderHint {
    const { node } = this.#target();
    const { transport } = this.context.ports;
    if (node === '') return { cell: this.#cell, node, addresses: [] };
    return { cell: this.#cell, node, addresses: (node === this.context.self ? transport.addresses() : transport.addressesOf(node)).slice(0, 16) };
  }

  #target(): { readonly cell: CellId | ''; readonly node: NodeId | '' } {
    if (this.#cell === '') return { cell: '', node: '' };
    // The log's own word while it is fresh; a member that was left out of the configuration hears of it by hints only.
    const leader = this.replica?.raft.leader ?? '';
    if (leader !== '' && this.host.hearsLeader()) return { cell: this.#cell, node: nodeOfMember(leader) };
    if (this.#hint.cell === this.#cell && this.#hint.node !== this.context.self) return { cell: this.#cell, node: this.#hint.node };
    return { cell: this.#cell, node: '' };
  }

  #hinted(hint: LeaderHint): void {
    if (hint.cell === '' || hint.cell !== this.#cell || hint.node === '') return;
    if (hint.node !== this.context.self && hint.addresses.length > 0) this.context.ports.transport.learn(hint.node, hint.addresses);
    this.#hint = hint;
    this.#followLeader();
  }

  #contacts(contacts: ReadonlyArray<{ readonly node: NodeId; readonly addresses: readonly string[] }>): void {
    this.#leaderSeenAt = this.context.now();
    for (const { node, addresses } of contacts) if (node !== this.context.self && addresses.length > 0) this.context.ports.transport.learn(node, addresses);
  }

  #heard(beacon: Beacon): void {
    this.host.nodeSeen(beacon.node);
    const { cell } = beacon;
    if (cell === null) return;
    if (cell.id === this.#cell && cell.leader !== '' && !this.host.hearsLeader()) {
      const known = this.discovery.leaderOf(cell.id);
      if (known !== undefined) this.#hinted({ cell: known.id, node: known.leader, addresses: known.leaderAddresses });
    }
    if (this.#cell === '') this.#maybeJoin();
    else if (cell.id !== this.#cell && cell.leader !== '') this.#maybeClose(cell);
  }

  #adopt(cell: CellId | ''): void {
    this.#cell = cell;
    this.#hint = { cell: '', node: '', addresses: [] };
    this.#seekingSince = this.context.now();
    this.#leaderSeenAt = this.context.now();
    this.#seniorSeenSince = undefined;
    this.#closing = false;
    this.#followLeader();
    this.discovery.publishIfChanged();
  }

  #followLeader(): void {
    const { cell, node } = this.#target();
    this.worker.follow(cell, node);
  }

  #roleChanged(): void {
    this.#followLeader();
    this.discovery.publishIfChanged();
  }

  #maybeJoin(): void {
    const best = this.discovery.bestCell('');
    if (best === undefined || this.#stopping) return;
    this.context.note('info', 'cell-joining', `found cell ${best.id.slice(0, 8)}, led by ${best.leader.slice(-8)}`, { cell: best.id });
    this.#adopt(best.id);
    this.#hinted({ cell: best.id, node: best.leader, addresses: best.leaderAddresses });
  }

  /** Two founders: a cell in which nothing was ever submitted gives way to a senior one (PROTOCOL §7). */
  #maybeClose(other: CellSighting): void {
    const { leader, replica } = this.host;
    if (leader === undefined || replica === undefined || this.#closing || replica.state.established) return;
    if (!replica.mayPlan() || !isSenior(other, { id: replica.cell, createdAt: replica.state.createdAt, established: replica.state.established })) return;
    this.#closing = true;
    this.context.note('info', 'cell-closing', `cell ${replica.cell.slice(0, 8)} has no runs and gives way to the older ${other.id.slice(0, 8)}`, { senior: other.id });
    leader.command([{ type: 'close', now: leader.stamp(), senior: other.id }], () => {
      this.#closing = false;
    });
  }

  #applied(index: number, events: readonly CellEvent[]): void {
    const { replica } = this;
    if (replica === undefined) return;
    if (events.length > 0) this.feed.push(index, events, replica.state);
    for (const event of events) if (event.type === 'closed') this.#closed(event.senior);
    if (events.some((event) => event.type === 'runSubmitted')) this.discovery.publishIfChanged();
  }

  /** The leader stays a moment, so that its followers learn that the Close is committed. */
  #closed(senior: CellId): void {
    const closed = this.#cell;
    const delay = this.host.leader === undefined ? 0 : 5 * this.context.timing.heartbeatMs;
    this.context.after(delay, () => {
      if (this.#cell !== closed) return;
      this.#goOver(this.discovery.bestCell(closed) === undefined ? '' : senior);
    });
  }

  /** Leaves the present cell behind, with its files, for another one or for a new search. */
  #goOver(to: CellId | ''): void {
    this.host.forget(() => {
      this.#adopt('');
      const sighting = to === '' ? undefined : this.discovery.leaderOf(to);
      if (sighting === undefined) {
        this.#maybeJoin();
        return;
      }
      this.#adopt(sighting.id);
      this.#hinted({ cell: sighting.id, node: sighting.leader, addresses: sighting.leaderAddresses });
    });
  }

  #refused(code: string): void {
    if (code === 'MEMBER_REMOVED') {
      this.context.note('warn', 'member-removed', 'this disk was evicted from the cell and joins again as a new member');
      this.host.renewStorage(() => this.#followLeader());
    } else if (code === 'CELL_CLOSED') {
      this.#goOver('');
    }
  }

  #tick(): void {
    const now = this.context.now();
    if (this.host.hearsLeader()) this.#leaderSeenAt = now;
    this.discovery.forgetOld();
    this.#followLeader();
    this.discovery.publishIfChanged();
    this.host.tick();
    if (this.#stopping) return;
    if (this.#cell === '') this.#seek(now);
    else this.#maybeAbandon(now);
  }

  #seek(now: number): void {
    this.#maybeJoin();
    if (this.#cell !== '' || !this.context.init.vote || this.host.busy || this.host.damaged !== undefined) return;
    const { seekMs, seekStepMs } = this.context.timing;
    const wait = this.discovery.lowestSeeker() ? seekMs : seekMs + seekStepMs;
    if (now - this.#seekingSince < wait) return;
    this.host.found();
  }

  /**
   * Nobody leads the cell we know and another one is in sight. A worker without a log simply goes over; a member does so
   * only when, as far as its own log says, nothing was ever submitted here (it then returns as a new member).
   */
  #maybeAbandon(now: number): void {
    const { replica } = this;
    const leaderless = now - this.#leaderSeenAt > 3 * this.context.timing.electionMs + this.context.timing.sessionTtlMs / 2;
    const other = this.discovery.bestCell(this.#cell);
    const mayGo = replica === undefined || replica.state.cellId === '' || !replica.state.established;
    if (!leaderless || other === undefined || !mayGo || this.host.busy || this.discovery.leaderOf(this.#cell as CellId) !== undefined) {
      this.#seniorSeenSince = undefined;
      return;
    }
    this.#seniorSeenSince ??= now;
    if (now - this.#seniorSeenSince < (replica === undefined ? this.context.timing.electionMs : ABANDON_AFTER_MS)) return;
    this.context.note('info', 'cell-abandoned', `nobody leads cell ${this.#cell.slice(0, 8)}; going over to ${other.id.slice(0, 8)}`);
    this.#goOver(other.id);
  }

  #suspended(): void {
    this.host.suspended();
    this.worker.suspended();
  }

  #specOf(run: RunNumber): { readonly runId: RunId; readonly spec: RunSpec } | undefined {
    const record = this.replica?.state.runs.get(run);
    return record === undefined || record.summary ? undefined : { runId: record.runId, spec: record.spec };
  }

  /** Members as the checkers and `status` want them. */
  get memberId(): MemberId | '' {
    return this.host.member;
  }
}
