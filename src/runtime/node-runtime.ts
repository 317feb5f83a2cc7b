/**
 * One node: finds others, belongs to one cell at a time, works for it, holds its log when asked to, leads it when elected.
 * The same class runs in production and in the simulator.
 */
import type { CellId, NodeId, RunId, RunNumber } from '../core/lib/ids.ts';
import type { CellEvent, Json, RunSpec } from '../core/cell/types.ts';
import { isSkeinError, SkeinError } from '../errors.ts';
import type { Channel } from '../ports/transport.ts';
import { decodeBulk } from '../protocol/bulk-codec.ts';
import { decodeBlob, type BlobMessage } from '../protocol/blob-codec.ts';
import type { LeaderHint, WorkMessage } from '../protocol/messages.ts';
import { decodeRaft } from '../protocol/raft-codec.ts';
import { decodeWork } from '../protocol/work-codec.ts';
import type { CellPhase } from './api.ts';
import { Blobs } from './blobs/blobs.ts';
import { Housekeeper } from './blobs/housekeeper.ts';
import { InputGate } from './blobs/input-gate.ts';
import { gatherSubmitted } from './blobs/submitted.ts';
import { BLOB_QUOTA, BLOB_RETENTION_MS } from './blobs/quota.ts';
import { CellFinder } from './cell-finder.ts';
import { CellHost } from './cell-host.ts';
import { NodeContext } from './context.ts';
import { Discovery } from './discovery.ts';
import { EventFeed } from './event-feed.ts';
import { Gateway, type GatewayDone, type ReadAnswer } from './gateway.ts';
import type { NodeRuntimeInit } from './init.ts';
import { Leaver } from './leaver.ts';
import { Logs } from './logs/logs.ts';
import type { Replica } from './replica.ts';
import { SuspendWatch } from './suspend-watch.ts';
import { queryContext } from './outlook.ts';
import { answerQuery, type QueryContext } from './queries.ts';
import { ProgressBoard } from './progress/board.ts';
import { ProgressTeller } from './progress/teller.ts';
import { ReadFloor } from './read-floor.ts';
import { WatchClient, WatchServer } from './watch.ts';
import { Worker } from './worker.ts';

/** How long a client's write may look for a leader before its outcome is reported as unknown. */
const WRITE_TIMEOUT_MS = 30_000;
const READ_TIMEOUT_MS = 10_000;

export class NodeRuntime {
  readonly context: NodeContext;
  readonly host: CellHost;
  readonly worker: Worker;
  readonly discovery: Discovery;
  readonly feed = new EventFeed();
  readonly watches: WatchClient;
  readonly blobs: Blobs;
  readonly housekeeper: Housekeeper;
  readonly logs: Logs;
  readonly #progress = new ProgressBoard();
  readonly #watchServer: WatchServer;
  readonly #floor: ReadFloor;
  readonly #gateway: Gateway;
  readonly #leaver: Leaver;
  readonly #suspend: SuspendWatch;
  readonly #finder: CellFinder;
  #load = 0;

  constructor(init: NodeRuntimeInit) {
    this.context = new NodeContext(init);
    this.context.receiveWork = (from, message) => this.#work(from, message);
    this.context.receiveBlob = (from, message) => this.#blob(from, message);
    this.logs = new Logs(this.context, { blobs: () => this.blobs, read: (query, argument, strong, done) => this.read(query, argument, strong, done) });
    const finder = new CellFinder(this.context, () => this);
    this.#finder = finder;
    this.discovery = new Discovery(this.context, {
      self: () => ({ cell: finder.sighting(), stopping: finder.stopping, seeking: finder.cell === '', load: this.#load, receiveBytesPerSecond: this.blobs.receiveBytesPerSecond, slotsUsed: this.worker.slotsUsed }),
      heard: (beacon) => {
        this.host.nodeSeen(beacon.node);
        finder.heard(beacon);
      },
    });
    this.blobs = new Blobs(this.context, init.ports.blobs, init.blobBytesPerSecond ?? 0);
    this.host = new CellHost(this.context, {
      requests: this.blobs.requests,
      applied: (index, events) => this.#applied(index, events),
      replaced: (state) => this.feed.reset(state),
      role: () => finder.followLeader(),
      adopted: (cell) => finder.adopt(cell),
      knownNode: (node) => this.discovery.node(node),
      checkSuspended: () => this.#suspend.check(),
      worksFor: (cell) => cell === finder.cell,
    });
    this.housekeeper = new Housekeeper({
      context: this.context,
      store: init.ports.blobs,
      blobs: this.blobs,
      read: (query, argument, done) => this.read(query, argument, true, done),
      unrecorded: () => [...this.worker.results.unrecorded(), ...this.blobs.unrecorded()],
      retentionMs: init.blobRetentionMs ?? BLOB_RETENTION_MS,
      quota: init.blobQuota ?? BLOB_QUOTA,
    });
    const teller = new ProgressTeller(this.context, { leader: () => ({ cell: finder.cell, node: finder.target().node, session: this.worker.sessionId }) });
    this.worker = new Worker(this.context, {
      inputs: teller.around(new InputGate(this.context, this.blobs)),
      requests: this.blobs.requests,
      receiveBytesPerSecond: () => this.blobs.receiveBytesPerSecond,
      others: () => this.#othersOfCell(),
      specOf: (run) => this.#specOf(run),
      hinted: (hint) => finder.hinted(hint),
      contacts: (contacts) => finder.contacts(contacts),
      member: () => this.host.memberToOffer,
      checkSuspended: () => this.#suspend.check(),
      refused: (code) => finder.refused(code),
    });
    this.#floor = new ReadFloor(this.context.mutant('reads-go-back'));
    this.#gateway = new Gateway(this.context, {
      leader: () => this.host.leader,
      target: () => finder.target(),
      hint: () => finder.leaderHint(),
      hinted: (hint) => finder.hinted(hint),
      stalled: () => this.phase === 'stalled',
      answer: (query, argument, strong, done) => this.#answer(query, argument, strong, done),
      floor: this.#floor,
    });
    this.#watchServer = new WatchServer(this.context, this.feed, () => this.replica?.state);
    this.watches = new WatchClient(this.context, { target: () => finder.target(), local: () => (this.current === undefined ? undefined : { feed: this.feed, state: this.current.state }) });
    this.#leaver = new Leaver(this.context, { target: () => finder.target(), host: this.host, worker: this.worker, session: () => this.worker.sessionId });
    this.#suspend = new SuspendWatch(this.context, { suspended: () => this.#suspended(), lagging: () => this.host.autopilot?.handOver() });
  }

  // ── Life ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Recovers what is on disk and begins to listen. Throws SkeinError DISK_FAILED or LOG_DAMAGED only for unreadable folders. */
  start(): void {
    const { transport } = this.context.ports;
    this.host.recover();
    this.blobs.start();
    this.housekeeper.start();
    if (this.host.cell !== '') this.#finder.adopt(this.host.cell);
    transport.start({
      message: (from, channel, bytes) => this.#message(from, channel, bytes),
      peerUp: (peer, bootId) => this.#peerUp(peer, bootId),
      peerDown: (peer) => this.#peerDown(peer),
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
    this.#finder.stop();
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

  /**
   * The own copy of the state, for reads that may be a little behind. Not that of a member that was left out of the
   * configuration while it was away: the cell is led, its leader is connected, and it sends nothing here any more.
   */
  get current(): Replica | undefined {
    const { replica } = this;
    if (replica === undefined || replica.state.cellId === '') return undefined;
    const { node } = this.#finder.target();
    const { transport } = this.context.ports;
    const leftOut = this.host.leaderSilentMs > 3 * this.context.timing.electionMs && node !== '' && node !== this.context.self && transport.isConnected(node);
    return leftOut ? undefined : replica;
  }

  /** Cell that this node works for; '' while it seeks. */
  get cell(): CellId | '' {
    return this.#finder.cell;
  }

  get phase(): CellPhase {
    return this.#finder.phase;
  }

  leaderHint(): LeaderHint {
    return this.#finder.leaderHint();
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
    gatherSubmitted(this.context, this.blobs, spec, (error) => {
      if (error === undefined) this.#gateway.submit(spec, requestKey, WRITE_TIMEOUT_MS, done);
      else done(error);
    });
  }

  cancelRun(run: RunNumber, reason: string, done: GatewayDone<void>): void {
    this.#gateway.cancel(run, reason, WRITE_TIMEOUT_MS, done);
  }

  drainNode(node: NodeId, on: boolean, done: GatewayDone<void>): void {
    this.#gateway.drain(node, on, WRITE_TIMEOUT_MS, done);
  }

  rerun(run: RunNumber, failedOnly: boolean, requestKey: string, done: GatewayDone<{ readonly runId: RunId; readonly run: RunNumber; readonly duplicate: boolean }>): void {
    this.#gateway.rerun(run, failedOnly, requestKey, WRITE_TIMEOUT_MS, done);
  }

  pauseRun(run: RunNumber, on: boolean, reason: string, done: GatewayDone<void>): void {
    this.#gateway.pauseRun(run, on, reason, WRITE_TIMEOUT_MS, done);
  }

  pauseQueue(on: boolean, reason: string, done: GatewayDone<void>): void {
    this.#gateway.pauseQueue(on, reason, WRITE_TIMEOUT_MS, done);
  }

  /**
   * Local when this node holds the log and `strong` is false; else from the leader. Never from a state before one that this
   * node has shown already.
   */
  read(query: string, argument: Json, strong: boolean, done: GatewayDone<Json>): void {
    const replica = strong || this.context.stopped ? undefined : this.current;
    if (replica !== undefined && replica.appliedIndex >= this.#floor.of(replica.cell)) {
      this.#floor.raise(replica.cell, replica.appliedIndex);
      const answer = answerQuery(replica.state, this.#queryContext, query, argument);
      this.context.defer(() => (answer instanceof SkeinError ? done(answer) : done(undefined, answer)));
      return;
    }
    this.#gateway.read(query, argument, strong, READ_TIMEOUT_MS, done);
  }

  readonly #queryContext: QueryContext = () => queryContext(this.context, this.host.leader, this.#progress);

  #answer(query: string, argument: Json, strong: boolean, done: (answer: ReadAnswer | undefined) => void): void {
    const { replica } = this;
    const answer = (from: Replica): ReadAnswer => ({ index: from.appliedIndex, value: answerQuery(from.state, this.#queryContext, query, argument) });
    if (replica === undefined || replica.state.cellId === '') {
      done(undefined);
      return;
    }
    if (!strong) {
      done(answer(replica));
      return;
    }
    replica.readIndex((index) => done(index === undefined ? undefined : answer(replica)));
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
          return;
        case 'blob':
          this.#blob(from, decodeBlob(bytes));
      }
    } catch (error) {
      if (!isSkeinError(error, 'FRAME_INVALID')) throw error;
      this.context.note('warn', 'frame-dropped', `a message from ${from} on ${channel} could not be read: ${error.message}`, { from, channel });
    }
  }

  #blob(from: NodeId, message: BlobMessage): void {
    if (message.type === 'readLog' || message.type === 'logPiece') this.logs.receive(from, message);
    else this.blobs.receive(from, message);
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
      case 'checkpoint':
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
        if (message.cell === this.cell) this.#gateway.forwarded(from, message);
        else this.context.sendWork(from, { type: 'forwardReply', id: message.id, reply: null, hint: this.leaderHint() });
        return;
      case 'read':
        if (message.cell === this.cell) this.#gateway.asked(from, message);
        else this.context.sendWork(from, { type: 'readReply', id: message.id, index: 0, code: 'NO_LEADER', message: '', part: 0, parts: 1, bytes: new Uint8Array(0), hint: this.leaderHint() });
        return;
      case 'forwardReply':
      case 'readReply':
        this.#gateway.answered(from, message);
        return;
      case 'leave':
      case 'leaveReply':
        this.#leaver.receive(from, message);
        return;
      case 'progress': return this.#progress.receive(this.host.leader && this.replica?.state, from, message);
      case 'watch':
        this.#watchServer.receive(from, message);
        return;
      case 'watchEvents':
        this.watches.receive(from, message);
    }
  }

  #toLeader(from: NodeId, message: Extract<WorkMessage, { type: 'sessionOpen' | 'keepalive' | 'decline' | 'results' | 'checkpoint' }>): void {
    const { leader } = this.host;
    if (leader !== undefined && message.cell === this.host.cell) {
      leader.receive(from, message);
      return;
    }
    const hint = this.leaderHint();
    if (message.type === 'sessionOpen') this.context.sendWork(from, { type: 'sessionReply', id: message.id, session: 0, error: '', hint });
    if (message.type === 'results') this.context.sendWork(from, { type: 'resultsReply', id: message.id, verdicts: [], nodes: [], hint });
  }

  #peerUp(peer: NodeId, bootId: string): void {
    this.discovery.greet(peer);
    this.host.peerUp(peer, bootId);
    this.worker.peerUp(peer);
    this.blobs.peerUp();
  }

  #peerDown(peer: NodeId): void {
    this.host.peerDown(peer);
    this.blobs.peerDown(peer);
    this.logs.peerDown(peer);
    this.watches.peerDown(peer);
    this.#watchServer.peerDown(peer);
  }

  #applied(index: number, events: readonly CellEvent[]): void {
    const { replica } = this;
    if (replica === undefined) return;
    if (events.length > 0) this.feed.push(index, events, replica.state);
    for (const event of events) {
      if (event.type === 'closed') this.#finder.closed(event.senior);
      if (event.type === 'runSubmitted') this.discovery.publishIfChanged();
    }
  }

  #tick(): void {
    this.#finder.tick();
    this.discovery.forgetOld();
    this.host.tick();
  }

  #suspended(): void {
    this.host.suspended();
    this.worker.suspended();
  }

  #othersOfCell(): NodeId[] {
    const { transport } = this.context.ports;
    const found: NodeId[] = [];
    for (const known of this.discovery.nodes()) if (known.beacon.cell?.id === this.cell && this.discovery.isFresh(known) && transport.isConnected(known.beacon.node)) found.push(known.beacon.node);
    return found;
  }

  #specOf(run: RunNumber): { readonly runId: RunId; readonly spec: RunSpec } | undefined {
    const record = this.replica?.state.runs.get(run);
    return record === undefined || record.summary ? undefined : { runId: record.runId, spec: record.spec };
  }
}
