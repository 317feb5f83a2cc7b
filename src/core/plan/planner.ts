/**
 * Chooses the next claims on the leader: ready modules by longest remaining path, each to the least loaded node that
 * fits. A hint machine: the reducer checks every claim again, so a planner that lags or forgets costs time, not truth.
 * Work per call is proportional to the claims made (plus the nodes, times the distinct requirements that wait).
 */
import { topologicalOrder } from '../cell/run-spec.ts';
import { isRunFinal, moduleAt, type CellState, type ModuleRecord, type RunRecord } from '../cell/state.ts';
import type { CellEvent, ClaimItem } from '../cell/types.ts';
import { assert } from '../lib/assert.ts';
import { Heap } from '../lib/heap.ts';
import type { RunNumber, SessionId } from '../lib/ids.ts';
import { expectedDurationsOf, remainingPaths } from './durations.ts';
import { Choices, roomOf, type PlannableSession, type Reservation, type Room } from './placement.ts';

export type { PlannableSession } from './placement.ts';

/** A ready module in the queue. An entry whose module is not ready any more is dropped when it comes to the top. */
interface Task {
  readonly module: ModuleRecord;
  readonly run: RunNumber;
  readonly index: number;
  readonly remainingMs: number;
}

/** Longest remaining path first, then the older run, then file order. */
function before(a: Task, b: Task): boolean {
  if (a.remainingMs !== b.remainingMs) return a.remainingMs > b.remainingMs;
  return a.run === b.run ? a.index < b.index : a.run < b.run;
}

interface Retry {
  readonly at: number;
  readonly task: Task;
}

interface Proposal {
  readonly task: Task;
  readonly item: ClaimItem;
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
}

export class Planner {
  private readonly runs = new Map<RunNumber, PlannedRun>();
  /** Ready modules by requirement key: those that no node can take do not stand in the way of others. */
  private readonly buckets = new Map<string, Heap<Task>>();
  private retries = newRetries();
  /** Returned by `plan` and not yet confirmed by `proposed`. */
  private planned = new Map<ClaimItem, Proposal>();
  private readonly proposals = new Map<ModuleRecord, Proposal>();
  private readonly reserved = new Map<SessionId, Reservation>();

  /** Forgets everything: on step-down. */
  reset(): void {
    this.runs.clear();
    this.buckets.clear();
    this.retries = newRetries();
    this.planned.clear();
    this.proposals.clear();
    this.reserved.clear();
  }

  /** Starts over from the state, as a new leader does. O(modules of live runs). */
  rebuild(state: CellState): void {
    this.reset();
    for (const run of state.runs.values()) if (!isRunFinal(run.phase)) this.addRun(state, run);
  }

  /** Follows the reducer. `state` is the one that the events came from, after them. */
  onEvents(state: CellState, events: readonly CellEvent[]): void {
    for (const event of events) {
      if (event.type === 'module') this.onModule(state, event);
      else if (event.type === 'runFinal') this.dropRun(event.run);
      else if (event.type === 'runSubmitted') {
        const run = state.runs.get(event.run);
        if (run !== undefined && !isRunFinal(run.phase)) this.addRun(state, run);
      }
    }
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
    this.wake(state, now);
    const rooms: Room[] = [];
    for (const session of sessions) {
      const room = roomOf(state, session, this.reserved.get(session.session));
      if (room !== undefined && room.milliCpu >= 0) rooms.push(room);
    }
    const items: ClaimItem[] = [];
    if (rooms.length === 0 || max <= 0) return items;
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
      this.proposals.set(proposal.task.module, proposal);
    }
  }

  /**
   * These proposals were applied, refused or lost. What is still ready is planned again.
   * @param items the objects that `plan` returned.
   */
  settled(state: CellState, items: readonly ClaimItem[]): void {
    for (const item of items) {
      const module = moduleAt(state, item.run, item.module);
      const proposal = module === undefined ? undefined : this.proposals.get(module);
      if (proposal?.item === item) {
        this.proposals.delete(proposal.task.module);
        this.takeBack(state, proposal);
      }
    }
  }

  /** Wall ms at which a retry becomes due, Infinity for none: call `plan` again then. */
  nextWakeAt(now: number): number {
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

  private addRun(state: CellState, run: RunRecord): void {
    assert(!this.runs.has(run.number), 'a run is added once');
    const durations = expectedDurationsOf(state, run.spec);
    const remainingMs = remainingPaths(durations, topologicalOrder(run.spec.modules), run.childStart, run.childList);
    this.runs.set(run.number, { remainingMs, marks: new Uint8Array(run.modules.length), queued: 0 });
    for (const module of run.modules) if (module.phase === 'ready') this.enqueue(state, module);
  }

  private dropRun(number: RunNumber): void {
    const run = this.runs.get(number);
    if (run === undefined) return;
    this.runs.delete(number);
    if (run.queued === 0) return;
    for (const [key, bucket] of this.buckets) {
      bucket.filter((task) => task.run !== number);
      if (bucket.size === 0) this.buckets.delete(key);
    }
    this.retries.filter((retry) => retry.task.run !== number);
  }

  private onModule(state: CellState, event: Extract<CellEvent, { type: 'module' }>): void {
    if (event.phase !== 'ready' && event.phase !== 'claimed') return;
    const module = moduleAt(state, event.run, event.module);
    if (module === undefined) return;
    if (event.phase === 'ready') return this.enqueue(state, module);
    const proposal = this.proposals.get(module);
    if (proposal === undefined) return;
    this.proposals.delete(module);
    this.takeBack(state, proposal);
  }

  private enqueue(state: CellState, module: ModuleRecord): void {
    const run = this.runs.get(module.run.number);
    if (run === undefined || module.phase !== 'ready' || run.marks[module.index] !== IDLE) return;
    run.marks[module.index] = QUEUED;
    run.queued++;
    this.file(state.now, { module, run: module.run.number, index: module.index, remainingMs: run.remainingMs[module.index]! });
  }

  private file(now: number, task: Task): void {
    const { notBefore, requirement } = task.module;
    if (notBefore > now) return this.retries.push({ at: notBefore, task });
    let bucket = this.buckets.get(requirement.key);
    if (bucket === undefined) this.buckets.set(requirement.key, (bucket = new Heap(before)));
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
    return module.phase === 'ready' && !isRunFinal(module.run.phase);
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
    for (const [key, bucket] of this.buckets) {
      const task = this.head(bucket, state, now);
      if (task === undefined) this.buckets.delete(key);
      else fronts.push({ bucket, task, choices: undefined });
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
    const reservation = this.reserved.get(session) ?? { milliCpu: 0, memory: 0 };
    reservation.milliCpu += task.module.requirement.milliCpu;
    reservation.memory += task.module.requirement.memory;
    this.reserved.set(session, reservation);
    const item: ClaimItem = { run: task.run, module: task.index, session };
    this.planned.set(item, { task, item });
    return item;
  }

  /** Ends a proposal: its reservation goes, and if the module is ready it queues again. */
  private takeBack(state: CellState, { task, item }: Proposal): void {
    const { milliCpu, memory } = task.module.requirement;
    const reservation = this.reserved.get(item.session);
    assert(reservation !== undefined && reservation.milliCpu >= milliCpu, 'a proposal has its reservation');
    reservation.milliCpu -= milliCpu;
    reservation.memory -= memory;
    if (reservation.milliCpu === 0 && reservation.memory === 0) this.reserved.delete(item.session);
    const run = this.runs.get(task.run);
    if (run === undefined) return;
    run.marks[task.index] = IDLE;
    this.enqueue(state, task.module);
  }
}

interface Front {
  readonly bucket: Heap<Task>;
  task: Task;
  choices: Choices | undefined;
}

function newRetries(): Heap<Retry> {
  return new Heap<Retry>((a, b) => (a.at === b.at ? before(a.task, b.task) : a.at < b.at));
}
