/**
 * Chooses the next claims on the leader: ready modules by longest remaining path, each to the least loaded node that
 * fits. A hint machine: the reducer checks every claim again, so a planner that lags or forgets costs time, not truth.
 * Work per call is proportional to the claims made (plus the nodes, times the distinct requirements that wait).
 */
import { cellMutant } from '../cell/mutants.ts';
import { isRunFinal, moduleAt, type CellState, type ModuleRecord, type RunRecord } from '../cell/state.ts';
import type { CellEvent, ClaimItem, Command, ResultItem } from '../cell/types.ts';
import { assert } from '../lib/assert.ts';
import { Heap } from '../lib/heap.ts';
import type { RunNumber } from '../lib/ids.ts';
import { expectedDurationsOf, remainingInSlices } from './durations.ts';
import { FirstClaims, foreseenRun } from './first-claims.ts';
import { Foresight } from './foresight.ts';
import { Choices, roomOf, type PlannableSession, type Room } from './placement.ts';
import { Reservations } from './reservations.ts';
import { Slice, STEPS_PER_SLICE } from '../lib/slice.ts';
import { before, newRetries, type Buckets, type Front, type Task } from './tasks.ts';

export type { PlannableSession } from './placement.ts';

interface Proposal {
  readonly task: Task;
  readonly item: ClaimItem;
}

/** What the state does not know of yet. */
interface Unapplied {
  readonly reserved: Reservations;
  readonly foresight: Foresight;
}

/** Marks of a module: in no queue, in a bucket or waiting for its retry, in a plan or a proposal. */
const IDLE = 0;
const QUEUED = 1;
const PROPOSED = 2;

interface PlannedRun {
  readonly remainingMs: Float64Array;
  readonly marks: Uint8Array;
  /** Modules marked QUEUED. */
  queued: number;
  /** Buckets of a large run alone, so that they can be filled in slices and thrown away at once; small runs share theirs. */
  readonly own: Buckets | undefined;
}

type Arrivals = Map<RunNumber, Generator<undefined, void>>;

/** Steps for one module that is put into its queue. */
const QUEUE_STEPS = 10;

export class Planner {
  private readonly runs = new Map<RunNumber, PlannedRun>();
  private readonly buckets: Buckets = new Map();
  /** Large runs whose queues are complete. */
  private readonly large = new Map<RunNumber, Buckets>();
  /** Runs that came and are not planned yet, oldest first, with what is left to do for them: small ones, large ones. */
  private readonly arrivals: Arrivals = new Map();
  private readonly largeArrivals: Arrivals = new Map();
  private readonly slice = new Slice(0);
  private readonly stepsPerSlice: number;
  private retries = newRetries();
  /** Returned by `plan` and not yet confirmed by `proposed`. */
  private planned = new Map<ClaimItem, Proposal>();
  /** On their way into the log: by item, since the run may be gone before a late answer says what became of it; by module. */
  private readonly proposals = new Map<ClaimItem, Proposal>();
  private readonly proposalOf = new Map<ModuleRecord, Proposal>();
  /** By claims that were planned and are not applied yet. */
  private readonly reserved: Reservations;
  private readonly foresight: Foresight;
  private readonly first: FirstClaims;

  /** @param stepsPerSlice how much `advance` does at once; tests take less. @param shared another planner's. */
  constructor(stepsPerSlice = STEPS_PER_SLICE, shared: Unapplied = { reserved: new Reservations(), foresight: new Foresight() }) {
    this.stepsPerSlice = stepsPerSlice;
    this.reserved = shared.reserved;
    this.foresight = shared.foresight;
    this.first = new FirstClaims(this.reserved);
  }

  /** Forgets everything: on step-down. */
  reset(): void {
    this.runs.clear();
    this.arrivals.clear();
    this.largeArrivals.clear();
    this.large.clear();
    this.buckets.clear();
    this.retries = newRetries();
    this.planned.clear();
    this.proposals.clear();
    this.proposalOf.clear();
    this.reserved.clear();
    this.foresight.clear();
    this.first.clear();
  }

  /** Starts over from the state, as a new leader does. The runs are looked at by `advance`, in slices. */
  rebuild(state: CellState): void {
    this.reset();
    for (const run of state.runs.values()) if (!isRunFinal(run.phase)) this.expect(state, run);
  }

  /** Runs came that are not looked at to the end: `plan` (or `advance`) should be called again soon, in another turn. */
  get busy(): boolean {
    return this.arrivals.size > 0 || this.largeArrivals.size > 0;
  }

  /**
   * Goes on with the runs that came, for a slice (a few ms at most): paths, then queues. Runs of up to some thousand
   * modules need no more than one, and do not wait for larger ones. Called by `plan`.
   */
  advance(): void {
    for (const arrivals of [this.arrivals, this.largeArrivals]) {
      this.slice.refill(this.stepsPerSlice);
      for (const [run, work] of arrivals) {
        if (work.next().done === true) arrivals.delete(run);
        if (this.slice.over) break;
      }
    }
  }

  /** Follows the reducer. `state` is the one that the events came from, after them. */
  onEvents(state: CellState, events: readonly CellEvent[]): void {
    for (const event of events) {
      if (event.type === 'module') this.onModule(state, event);
      else if (event.type === 'runFinal') this.dropRun(event.run);
      else if (event.type === 'runSubmitted') {
        const run = state.runs.get(event.run);
        if (run !== undefined && !isRunFinal(run.phase)) this.expect(state, run);
      }
    }
  }

  /** These results are on their way into the log: what they free can be planned now, to be claimed right behind them. */
  foresee(state: CellState, items: readonly ResultItem[]): void {
    for (const item of items) {
      const module = moduleAt(state, item.run, item.module);
      if (module === undefined || module.phase !== 'claimed' || module.fence !== item.fence || module.generation !== item.generation) continue;
      for (const child of this.foresight.expect(module, item.outcome.ok)) this.enqueue(state, child);
    }
  }

  /** These results were applied, refused or lost. */
  refute(state: CellState, items: readonly ResultItem[]): void {
    for (const item of items) {
      const module = moduleAt(state, item.run, item.module);
      if (module !== undefined && !cellMutant(state, 'foresight-kept')) this.foresight.drop(module);
    }
  }

  /**
   * The first claims of a run whose Submit is on its way into the log, to be proposed right behind it. None while others
   * wait: what is ready already has its turn first.
   * @param number that the run will have. @returns as `plan`; of these `settled` is to be told, too.
   */
  planFirst(state: CellState, submit: Extract<Command, { type: 'submit' }>, number: RunNumber, sessions: readonly PlannableSession[], max: number): ClaimItem[] {
    const othersWait = this.busy || this.large.size > 0 || [...this.buckets.values()].some((bucket) => bucket.size > 0);
    const run = othersWait ? undefined : foreseenRun(state, submit, number);
    if (run === undefined) return [];
    const scratch = new Planner(Infinity, { reserved: this.reserved, foresight: this.foresight });
    scratch.expect(state, run);
    const items = scratch.plan(state, submit.now, sessions, max);
    this.first.add(run, items);
    return items;
  }

  /** Results that were foreseen and not heard of since. */
  get foreseenCount(): number {
    return this.foresight.size;
  }

  /**
   * The next claims, best first, at most `max`. They count as taken until `settled`; those that are not confirmed with
   * `proposed` before the next call go back to their queues.
   * @param now wall ms as stamped in the log.
   * @param sessions those that are alive and want work.
   */
  plan(state: CellState, now: number, sessions: readonly PlannableSession[], max: number): ClaimItem[] {
    for (const proposal of this.planned.values()) this.takeBack(state, proposal);
    this.planned.clear();
    this.advance();
    this.wake(state, now);
    const rooms: Room[] = [];
    for (const session of sessions) {
      const room = roomOf(state, session, this.reserved.of(session.session), this.foresight.freed.of(session.session));
      if (room !== undefined && room.milliCpu >= 0) rooms.push(room);
    }
    const items: ClaimItem[] = [];
    if (rooms.length === 0 || max <= 0 || state.queuePaused !== null) return items;
    const fronts = this.fronts(state, now);
    while (items.length < max) {
      const front = fronts.peek();
      if (front === undefined) break;
      front.choices ??= new Choices(rooms, front.task.module.requirement);
      const room = front.choices.take();
      if (room === undefined) {
        fronts.pop();
        continue;
      }
      items.push(this.place(front.task, front.bucket, room));
      const next = this.head(front.bucket, state, now);
      if (next === undefined) fronts.pop();
      else {
        front.task = next;
        fronts.topChanged();
      }
    }
    return items;
  }

  /** These items of the last plan are on their way into the log. */
  proposed(items: readonly ClaimItem[]): void {
    for (const item of items) {
      const proposal = this.planned.get(item);
      if (proposal === undefined) continue;
      this.planned.delete(item);
      this.proposals.set(item, proposal);
      this.proposalOf.set(proposal.task.module, proposal);
    }
  }

  /**
   * These proposals were applied, refused or lost. What is still ready is planned again.
   * @param items the objects that `plan` returned.
   */
  settled(state: CellState, items: readonly ClaimItem[]): void {
    for (const item of items) {
      this.first.end(item.run, (other) => other === item);
      const proposal = this.proposals.get(item);
      if (proposal !== undefined) this.endProposal(state, proposal);
    }
  }

  /** Wall ms at which a retry becomes due, Infinity for none, `now` while busy: call `plan` again then. */
  nextWakeAt(now: number): number {
    if (this.busy) return now;
    for (let top = this.retries.peek(); top !== undefined; top = this.retries.peek()) {
      if (this.isWaiting(top.task)) return Math.max(now, top.at);
      this.retries.pop();
      this.forget(top.task);
    }
    return Infinity;
  }

  /** Ready modules in the queues; entries that went stale may be counted. */
  get queuedCount(): number {
    let count = 0;
    for (const run of this.runs.values()) count += run.queued;
    return count;
  }

  private expect(state: CellState, run: RunRecord): void {
    (this.isLarge(run) ? this.largeArrivals : this.arrivals).set(run.number, this.arrive(state, run));
  }

  private isLarge({ modules, childList }: RunRecord): boolean {
    return modules.length + childList.length > this.stepsPerSlice / QUEUE_STEPS;
  }

  /**
   * The states of modules may change between two slices. Until the run is known here their events are ignored, since the
   * walk over all modules comes after; from then on events and walk queue what is ready, each module once.
   */
  private *arrive(state: CellState, run: RunRecord): Generator<undefined, void> {
    const { number, spec, modules, childStart } = run;
    assert(!this.runs.has(number), 'a run is added once');
    const durations = yield* expectedDurationsOf(state, spec, this.slice);
    const remainingMs = yield* remainingInSlices(spec.modules, durations, childStart, this.slice);
    const own: Buckets | undefined = this.isLarge(run) ? new Map() : undefined;
    this.runs.set(number, { remainingMs, marks: new Uint8Array(modules.length), queued: 0, own });
    for (const module of modules) {
      if (module.phase === 'ready') this.enqueue(state, module);
      if (this.slice.spent(module.phase === 'ready' ? QUEUE_STEPS : 1)) yield undefined;
    }
    // Not before: the first to be claimed would be those that happened to be queued first.
    if (own !== undefined) this.large.set(number, own);
  }

  private dropRun(number: RunNumber): void {
    this.arrivals.delete(number);
    this.largeArrivals.delete(number);
    this.large.delete(number);
    const run = this.runs.get(number);
    if (run === undefined) return;
    this.runs.delete(number);
    if (run.queued === 0) return;
    this.retries.filter((retry) => retry.task.run !== number);
    if (run.own !== undefined) return;
    for (const [key, bucket] of this.buckets) {
      bucket.filter((task) => task.run !== number);
      if (bucket.size === 0) this.buckets.delete(key);
    }
  }

  private onModule(state: CellState, event: Extract<CellEvent, { type: 'module' }>): void {
    const module = moduleAt(state, event.run, event.module);
    if (module === undefined) return;
    if (!cellMutant(state, 'foresight-kept')) this.foresight.drop(module);
    if (event.phase !== 'ready' && event.phase !== 'claimed') return;
    if (event.phase === 'ready') return this.enqueue(state, module);
    this.first.end(event.run, (item) => item.module === event.module);
    const proposal = this.proposalOf.get(module);
    if (proposal !== undefined) this.endProposal(state, proposal);
  }

  private endProposal(state: CellState, proposal: Proposal): void {
    this.proposals.delete(proposal.item);
    this.proposalOf.delete(proposal.task.module);
    this.takeBack(state, proposal);
  }

  private enqueue(state: CellState, module: ModuleRecord): void {
    const run = this.runs.get(module.run.number);
    if (run === undefined || !this.isReady(module) || run.marks[module.index] !== IDLE) return;
    run.marks[module.index] = QUEUED;
    run.queued++;
    this.file(state.now, { module, run: module.run.number, index: module.index, remainingMs: run.remainingMs[module.index]! });
  }

  private file(now: number, task: Task): void {
    const { notBefore, requirement } = task.module;
    if (notBefore > now) return this.retries.push({ at: notBefore, task });
    const buckets = this.runs.get(task.run)?.own ?? this.buckets;
    let bucket = buckets.get(requirement.key);
    if (bucket === undefined) buckets.set(requirement.key, (bucket = new Heap(before)));
    bucket.push(task);
  }

  private wake(state: CellState, now: number): void {
    for (let top = this.retries.peek(); top !== undefined && top.at <= now; top = this.retries.peek()) {
      this.retries.pop();
      if (this.isWaiting(top.task)) this.file(Math.max(now, state.now), top.task);
      else this.forget(top.task);
    }
  }

  private isWaiting({ module }: Task): boolean {
    return this.isReady(module) && !isRunFinal(module.run.phase);
  }

  private isReady(module: ModuleRecord): boolean {
    return module.phase === 'ready' || this.foresight.isReady(module);
  }

  private forget(task: Task): void {
    const run = this.runs.get(task.run);
    if (run === undefined || run.marks[task.index] !== QUEUED) return;
    run.marks[task.index] = IDLE;
    run.queued--;
  }

  /** One entry per bucket that has a module to give, best first. */
  private fronts(state: CellState, now: number): Heap<Front> {
    const fronts: Front[] = [];
    for (const buckets of [this.buckets, ...this.large.values()]) {
      for (const [key, bucket] of buckets) {
        const task = this.head(bucket, state, now);
        if (task === undefined) buckets.delete(key);
        else fronts.push({ bucket, task, choices: undefined });
      }
    }
    return new Heap<Front>((a, b) => before(a.task, b.task), fronts);
  }

  /** The bucket's best module that is really ready, what is not any more being dropped on the way. */
  private head(bucket: Heap<Task>, state: CellState, now: number): Task | undefined {
    for (let top = bucket.peek(); top !== undefined; top = bucket.peek()) {
      const waits = this.isWaiting(top);
      if (waits && top.module.notBefore <= now) return top;
      bucket.pop();
      if (waits) this.retries.push({ at: top.module.notBefore, task: top });
      else this.forget(top);
    }
    return undefined;
  }

  private place(task: Task, bucket: Heap<Task>, room: Room): ClaimItem {
    bucket.pop();
    const run = this.runs.get(task.run)!;
    run.marks[task.index] = PROPOSED;
    run.queued--;
    const session = room.record.id;
    this.reserved.add(session, task.module.requirement);
    const item: ClaimItem = { run: task.run, module: task.index, session };
    this.planned.set(item, { task, item });
    return item;
  }

  /** Ends a proposal: its reservation goes, and if the module is ready it queues again. */
  private takeBack(state: CellState, { task, item }: Proposal): void {
    this.reserved.remove(item.session, task.module.requirement);
    const run = this.runs.get(task.run);
    if (run === undefined) return;
    run.marks[task.index] = IDLE;
    this.enqueue(state, task.module);
  }
}
