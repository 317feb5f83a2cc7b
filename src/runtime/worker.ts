/**
 * The side of a node that works: keeps a session with the leader, takes claims, executes them, hands in results until it
 * is told that they are recorded. Knows nothing of the log; a node without a log works the same way.
 */
import type { CellId, Fence, MemberId, NodeId, RunId, RunNumber, SessionId } from '../core/lib/ids.ts';
import { copiesWanted } from '../core/cell/copies.ts';
import { isExclusive } from '../core/cell/policy.ts';
import type { Outcome, RunningClaim, RunSpec } from '../core/cell/types.ts';
import type { AssignItem, LeaderHint, WorkMessage } from '../protocol/messages.ts';
import type { NodeContext } from './context.ts';
import type { InputGate } from './blobs/input-gate.ts';
import { Deliveries, type DeliveriesHooks } from './deliveries.ts';
import { claimOf, executionOf, filesOfClaim, templateOf } from './execution.ts';
import { FenceMemory } from './fence-memory.ts';
import { LeaderWord } from './leader-word.ts';
import { SpecCache } from './spec-cache.ts';

/** Own addresses told to the leader. */
const ADDRESSES_MAX = 16;
/** Keepalives whose answer is still told apart. */
const KEEPALIVES_REMEMBERED_MAX = 64;
/** A node that could not start a module offers no slots for so long. */
const REST_MS = 10_000;

type Session =
  | { readonly state: 'none' }
  | { readonly state: 'opening'; readonly id: number; readonly since: number; readonly target: NodeId }
  | { readonly state: 'open'; readonly id: SessionId };

interface Running {
  readonly item: AssignItem;
  readonly cpu: number;
  readonly exclusive: boolean;
  /** That its files need for its result to count; 0 when it leaves none. */
  readonly copies: number;
}

export interface WorkerHooks extends Omit<DeliveriesHooks, 'send'> {
  readonly inputs: Pick<InputGate, 'start' | 'cancel' | 'fenced' | 'fetching'>;
  receiveBytesPerSecond(): number;
  /** Specification of a run if this node holds the log. */
  specOf(run: RunNumber): { readonly runId: RunId; readonly spec: RunSpec } | undefined;
  /** Somebody told where the leader is. */
  hinted(hint: LeaderHint): void;
  contacts(contacts: ReadonlyArray<{ readonly node: NodeId; readonly addresses: readonly string[] }>): void;
  /** Member id to open the session with, '' for a node that stores no log, undefined while that is not settled. */
  member(): MemberId | '' | undefined;
  /** Calls `suspended` if this process has slept and nobody has noticed yet. */
  checkSuspended(): void;
  /** The leader does not take us: `code` says why. */
  refused(code: string): void;
}

/** To a leader that did not answer yet; twice as long each time. Its Noop takes a round trip and a sync. */
const GREET_AGAIN_MS = 10;

export class Worker {
  readonly #context: NodeContext;
  readonly #hooks: WorkerHooks;
  readonly #specs: SpecCache;
  readonly #word: LeaderWord;
  readonly results: Deliveries;
  readonly #running = new Map<Fence, Running>();
  /** Of the cell before, and not over yet: that fence is another one here. */
  readonly #foreign = new Map<Fence, Running>();
  readonly #done = new FenceMemory();
  /** Handed back; the leader may not have heard it and assign again. */
  readonly #declined = new FenceMemory();
  /** Assigned, but the specification is not here yet. */
  readonly #waitingForSpec = new Map<Fence, AssignItem>();
  #cell: CellId | '' = '';
  #leader: NodeId | '' = '';
  #leaderAnswered = false;
  #session: Session = { state: 'none' };
  /** As which the session was opened. */
  #member: MemberId | '' = '';
  #refusedAt = -Infinity;
  #requestId: number;
  #sequence = 0;
  /** Keepalives on their way: when and to whom. */
  readonly #sent = new Map<number, { readonly at: number; readonly to: NodeId }>();
  #cpuUsed = 0;
  #restUntil = -Infinity;
  #stopping = false;
  #load = 0;

  constructor(context: NodeContext, hooks: WorkerHooks) {
    this.#context = context;
    this.#hooks = hooks;
    this.#word = new LeaderWord(context, () => hooks.checkSuspended());
    this.#specs = new SpecCache(context, (run) => this.#startWaiting(run));
    this.#requestId = context.firstId();
    const send: DeliveriesHooks['send'] = (items, id) => void (this.#cell !== '' && this.#leader !== '' && context.sendWork(this.#leader, { type: 'results', cell: this.#cell, id, items }));
    this.results = new Deliveries(context, { requests: hooks.requests, others: () => hooks.others(), send });
    context.every(() => context.timing.keepaliveMs, () => this.#keepalive());
  }

  get sessionId(): SessionId {
    return this.#session.state === 'open' ? this.#session.id : 0;
  }

  get slotsUsed(): number {
    return this.#cpuUsed;
  }

  get idle(): boolean {
    return this.#running.size === 0 && this.results.empty && this.#waitingForSpec.size === 0;
  }

  setLoad(load: number): void {
    this.#load = load;
  }

  /** Called whenever cell or leader change. Another cell means another session; another leader only another address. */
  follow(cell: CellId | '', leader: NodeId | ''): void {
    if (cell !== this.#cell) {
      this.#forgetCell();
      this.#cell = cell;
    }
    const changed = leader !== this.#leader;
    this.#leader = leader;
    if (cell === '' || leader === '') return;
    // The disk became another member (or none): the leader must hear of it, the claims go along.
    const member = this.#hooks.member();
    if (this.#session.state === 'open' && member !== undefined && member !== this.#member) this.#session = { state: 'none' };
    if (!changed) {
      // Refused before, for instance by a leader that was elected but had not begun: ask again, though not in the same breath.
      if (this.#session.state === 'none' && this.#context.now() - this.#refusedAt >= this.#context.timing.heartbeatMs) this.#open();
      return;
    }
    if (this.#session.state === 'opening') this.#session = { state: 'none' };
    this.#leaderAnswered = false;
    this.#greet(leader, GREET_AGAIN_MS);
    this.results.resend();
  }

  /** A leader that was just elected hears nobody before its Noop is committed: say it again soon, until it answers. */
  #greet(leader: NodeId, againMs: number): void {
    this.#keepalive();
    if (againMs >= this.#context.timing.keepaliveMs) return;
    this.#context.after(againMs, () => {
      if (this.#leader === leader && !this.#leaderAnswered) this.#greet(leader, 2 * againMs);
    });
  }

  /**
   * A connection is there again. What was said since the last answer is lost, and the next keepalive may come too late: a
   * blip of the network must not end an exclusive module that ran for hours.
   */
  peerUp(peer: NodeId): void {
    if (peer !== this.#leader) return;
    this.#keepalive();
    this.results.resend();
  }

  /** Take no more work; `now`: hand back what runs as well. */
  drain(now: boolean): void {
    this.#stopping = true;
    const claims = [...this.#waitingForSpec.values()].map(claimOf);
    this.#waitingForSpec.clear();
    if (claims.length > 0) this.#decline(claims, false);
    if (now) for (const fence of this.#running.keys()) this.#hooks.inputs.cancel(fence, 'grace', 'NODE_STOPPING');
    this.#keepalive();
  }

  /** The monotonic clock stood still or the loop was blocked: what was promised by time is void. */
  suspended(): void {
    for (const [fence, { exclusive }] of this.#running) {
      if (exclusive) this.#hooks.inputs.cancel(fence, 'now', 'MODULE_FENCED');
    }
    // Answers to what was said before are worth nothing now, and what was assigned before may be given away: the session
    // is asked for anew, and until then nothing is begun.
    this.#word.voidAll();
    this.#sent.clear();
    if (!this.#stopping) this.#session = { state: 'none' };
    this.#keepalive();
  }

  receive(from: NodeId, message: WorkMessage): void {
    switch (message.type) {
      case 'sessionReply':
        this.#sessionReply(from, message);
        return;
      case 'keepaliveReply':
        this.#keepaliveReply(from, message);
        return;
      case 'runSpec':
        if (message.cell === this.#cell && this.#specs.add(message.run, message.runId, message.offset, message.total, message.bytes)) this.#startWaiting(message.run);
        return;
      case 'assign':
        // For an earlier session: what it held has been given to others, or is listed again by the leader of this one.
        if (message.cell !== this.#cell || this.#session.state !== 'open' || message.session !== this.#session.id) return;
        for (const item of message.items) this.#assigned(item);
        return;
      case 'stop':
        if (message.cell === this.#cell) this.#stopAll(message.fences, message.reason === 'timeout');
        return;
      case 'resultsReply':
        this.#hooks.hinted(message.hint);
        this.results.answered(message, (fence) => this.#done.add(fence));
        return;
      default:
        this.#context.note('warn', 'message-dropped', `a ${message.type} message from ${from} is not for a worker`, { from });
    }
  }

  // ── Session ────────────────────────────────────────────────────────────────────────────────────────────────────

  #keepalive(): void {
    if (this.#context.stopped || this.#cell === '' || this.#leader === '') return;
    if (this.#session.state !== 'open') {
      this.#open();
      return;
    }
    const now = this.#context.now();
    this.#sequence += 1;
    this.#sent.set(this.#sequence, { at: now, to: this.#leader });
    if (this.#sent.size > KEEPALIVES_REMEMBERED_MAX) this.#sent.delete(this.#sequence - KEEPALIVES_REMEMBERED_MAX);
    const running = this.#claims();
    const slots = this.#stopping || now < this.#restUntil ? 0 : this.#context.init.capabilities.slots;
    const cell = this.#cell;
    const unknown = [...this.#waitingForSpec.values()].filter((item) => !this.#specs.expects(item.run));
    if (unknown.length > 0) this.#decline(unknown.map(claimOf), true);
    this.#context.sendWork(this.#leader, { type: 'keepalive', cell, session: this.#session.id, sequence: this.#sequence, slots, load: this.#load, receiveBytesPerSecond: this.#hooks.receiveBytesPerSecond(), running, committing: this.results.committing(), fetching: this.#hooks.inputs.fetching() });
  }

  #claims(): RunningClaim[] {
    return [...[...this.#running.values()].map(({ item }) => claimOf(item)), ...[...this.#waitingForSpec.values()].map(claimOf), ...this.results.claims()];
  }

  #open(): void {
    const now = this.#context.now();
    const member = this.#hooks.member();
    if (this.#cell === '' || this.#leader === '' || this.#stopping || member === undefined) return;
    if (this.#session.state === 'opening' && this.#session.target === this.#leader && now - this.#session.since < this.#context.timing.electionMs) return;
    this.#member = member;
    // Not begun, and a new session need not be the one to begin it: whoever gets the claim then is told so.
    this.#waitingForSpec.clear();
    const id = ++this.#requestId;
    this.#session = { state: 'opening', id, since: now, target: this.#leader };
    const { name, version, capabilities } = this.#context.init;
    this.#context.sendWork(this.#leader, {
      type: 'sessionOpen',
      id,
      cell: this.#cell,
      member,
      bootId: this.#context.bootId,
      name,
      version,
      capabilities,
      addresses: this.#context.ports.transport.addresses().slice(0, ADDRESSES_MAX),
      running: this.#claims(),
    });
  }

  #sessionReply(from: NodeId, message: Extract<WorkMessage, { type: 'sessionReply' }>): void {
    if (this.#session.state !== 'opening' || message.id !== this.#session.id || from !== this.#session.target) return;
    const { since } = this.#session;
    if (message.session === 0) {
      this.#session = { state: 'none' };
      this.#refusedAt = this.#context.now();
      if (message.error !== '') this.#hooks.refused(message.error);
      this.#hooks.hinted(message.hint);
      return;
    }
    this.#context.note('info', 'session-opened', `session ${message.session} with ${this.#leader}`, { session: message.session });
    this.#session = { state: 'open', id: message.session };
    this.#acked(since);
    this.#keepalive();
    this.results.resend();
  }

  #keepaliveReply(from: NodeId, message: Extract<WorkMessage, { type: 'keepaliveReply' }>): void {
    if (this.#session.state !== 'open' || message.session !== this.#session.id || message.cell !== this.#cell) return;
    const sent = this.#sent.get(message.sequence);
    if (sent === undefined || sent.to !== from) return;
    // What was said to it before may have come too early. Work waits for these results: they hold their slots.
    if (!this.#leaderAnswered) this.results.resend();
    this.#leaderAnswered = true;
    this.#hooks.contacts(message.contacts);
    if (!message.known) {
      this.#session = { state: 'none' };
      this.#open();
      return;
    }
    this.#acked(sent.at);
    this.#stopAll(message.stop, false);
  }

  #acked(sentAt: number): void {
    if (this.#word.given(sentAt)) this.#hooks.inputs.fenced();
  }

  #forgetCell(): void {
    for (const [fence, running] of this.#running) {
      this.#foreign.set(fence, running);
      this.#hooks.inputs.cancel(fence, 'now', 'MODULE_CANCELLED');
    }
    this.#running.clear();
    this.#waitingForSpec.clear();
    this.#done.clear();
    this.#declined.clear();
    this.#cpuUsed = 0;
    this.results.clear();
    this.#specs.clear();
    this.#session = { state: 'none' };
    this.#leader = '';
  }

  // ── Work ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #assigned(item: AssignItem): void {
    const { fence } = item;
    if (this.#running.has(fence) || this.#done.has(fence) || this.#waitingForSpec.has(fence) || this.results.has(fence)) return;
    if (this.#stopping || this.#declined.has(fence)) return this.#decline([claimOf(item)], false);
    const known = this.#hooks.specOf(item.run) ?? this.#specs.get(item.run);
    if (known === undefined) {
      this.#waitingForSpec.set(fence, item);
      if (!this.#specs.expects(item.run)) this.#decline([claimOf(item)], true);
      return;
    }
    this.#start(item, known.runId, known.spec);
  }

  #startWaiting(run: RunNumber): void {
    const known = this.#specs.get(run);
    if (known === undefined) return;
    for (const [fence, item] of this.#waitingForSpec) {
      if (item.run !== run) continue;
      this.#waitingForSpec.delete(fence);
      this.#start(item, known.runId, known.spec);
    }
  }

  #start(item: AssignItem, runId: RunId, spec: RunSpec): void {
    const module = spec.modules[templateOf(item)];
    const cpu = module?.requires.cpu ?? 1;
    const hasRoom = this.#cpuUsed + cpu <= this.#context.init.capabilities.slots && !this.#foreign.has(item.fence);
    if (module === undefined || !hasRoom) return this.#decline([claimOf(item)], false);
    const exclusive = isExclusive(module);
    const mayBegin = (): boolean => !exclusive || this.#word.mayBegin();
    if (!mayBegin()) return this.#decline([claimOf(item)], false);
    const running: Running = { item, cpu, exclusive, copies: copiesWanted(spec, templateOf(item)) };
    this.#cpuUsed += cpu;
    this.#running.set(item.fence, running);
    this.#context.init.probe?.started?.(this.#context.self, this.sessionId, item.fence);
    this.#hooks.inputs.start(executionOf(item, runId, spec), filesOfClaim(item, spec), {
      mayBegin,
      done: (outcome) => this.#finished(running, outcome),
      kept: (files) => void (this.#running.get(item.fence) === running && this.#cell !== '' && this.#leader !== '' && this.#context.sendWork(this.#leader, { type: 'checkpoint', cell: this.#cell, claim: claimOf(item), inputsHash: item.inputsHash, files })),
    });
  }

  #finished(running: Running, outcome: Outcome): void {
    const { item } = running;
    const { fence } = item;
    if (this.#foreign.get(fence) === running) return void this.#foreign.delete(fence);
    if (this.#running.get(fence) !== running || this.#context.stopped) return;
    this.#running.delete(fence);
    this.#cpuUsed -= running.cpu;
    const code = outcome.error?.code;
    if (code === 'NODE_EXHAUSTED') this.#rest(outcome.error?.message ?? '');
    if ((code === 'NODE_STOPPING' || code === 'MODULE_FENCED' || code === 'NODE_EXHAUSTED') && outcome.tail === '' && outcome.log === undefined) {
      // Handed back, not failed: another node executes it. One that has printed something says so as a result, which counts for nothing else.
      this.#decline([claimOf(item)], false);
      return;
    }
    const { run, module, generation, inputsHash } = item;
    this.results.add({ run, module, generation, fence, inputsHash, outcome }, running.copies);
  }

  /** Nothing could be started here: failing at once it would draw the modules of the whole cluster, and fail them all. */
  #rest(why: string): void {
    this.#restUntil = this.#context.now() + REST_MS;
    this.#context.note('warn', 'node-exhausted', `${why}; this node takes no modules for ${REST_MS / 1000} s`);
    this.#keepalive();
  }

  /** Each Stop has an answer, or the limits that the claim holds would wait for one: the result, or that nothing runs. */
  #stopAll(fences: readonly Fence[], timeout: boolean): void {
    const idle: RunningClaim[] = [];
    for (const fence of fences) {
      if (this.#running.has(fence)) this.#hooks.inputs.cancel(fence, 'grace', timeout ? 'MODULE_TIMEOUT' : 'MODULE_CANCELLED');
      else if (!this.results.stop(fence)) {
        const item = this.#waitingForSpec.get(fence);
        this.#waitingForSpec.delete(fence);
        // Of one that never arrived only the fence is known, which is enough.
        idle.push(item === undefined ? { run: 0, module: 0, fence } : claimOf(item));
      }
    }
    if (idle.length > 0) this.#decline(idle, false);
  }

  #decline(claims: RunningClaim[], needSpec: boolean): void {
    // Also when nobody can be told now: the next leader will assign it again, and a fence is executed once.
    if (!needSpec) for (const claim of claims) this.#declined.add(claim.fence);
    if (this.#cell === '' || this.#leader === '') return;
    this.#context.sendWork(this.#leader, { type: 'decline', cell: this.#cell, session: this.sessionId, claims, needSpec });
  }
}
