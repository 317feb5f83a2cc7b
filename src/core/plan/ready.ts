/**
 * The ready modules of the runs that are planned: each in one queue, waiting for its retry, or in a proposal. Runs that
 * may claim nothing now are parked; what freed them puts them back.
 */
import { runProblem } from '../cell/admission.ts';
import { isRunFinal, type CellState, type ModuleRecord, type RunRecord } from '../cell/state.ts';
import { assert } from '../lib/assert.ts';
import { Heap } from '../lib/heap.ts';
import type { RunNumber } from '../lib/ids.ts';
import { lacksInputs } from './absent-inputs.ts';
import { knownDurationMs, UNKNOWN_DURATION_MS } from './durations.ts';
import type { Foresight } from './foresight.ts';
import { INPUTS_LOOKED_MS } from './limits.ts';
import { plannedRun, Queues, shareOf, type Bucket, type PlannedRun, type Queue } from './queues.ts';
import type { Unapplied } from './unapplied.ts';

/** Marks of a module: in no queue, in a queue or waiting for its retry, in a plan or a proposal. */
const IDLE = 0;
const QUEUED = 1;
const PROPOSED = 2;

/** Between two looks at how long everybody has waited. */
const AGE_EVERY_MS = 1_000;

interface Retry {
  readonly at: number;
  readonly module: ModuleRecord;
}

/** A module that is passed over for now, and where it stood. */
export interface Aside {
  readonly module: ModuleRecord;
  readonly queue: Queue;
}

function newRetries(): Heap<Retry> {
  return new Heap<Retry>((a, b) => {
    if (a.at !== b.at) return a.at < b.at;
    return a.module.run.number === b.module.run.number ? a.module.index < b.module.index : a.module.run.number < b.module.run.number;
  });
}

/** Items came. */
function growMarks(run: PlannedRun): void {
  const marks = new Uint8Array(Math.max(run.record.modules.length, 2 * run.marks.length));
  marks.set(run.marks);
  run.marks = marks;
}

export class ReadyModules {
  private readonly runs = new Map<RunNumber, PlannedRun>();
  private readonly queues = new Queues();
  private retries = newRetries();
  /** Runs whose share, or whose right to claim, may have changed since the last call. */
  private readonly touched = new Set<PlannedRun>();
  private readonly unapplied: Unapplied;
  private readonly foresight: Foresight;
  private agedAt = -Infinity;

  constructor(unapplied: Unapplied, foresight: Foresight) {
    this.unapplied = unapplied;
    this.foresight = foresight;
  }

  clear(): void {
    this.runs.clear();
    this.queues.clear();
    this.touched.clear();
    this.retries = newRetries();
    this.agedAt = -Infinity;
  }

  /** Ready modules in the queues; entries that went stale may be counted. */
  get count(): number {
    let count = 0;
    for (const run of this.runs.values()) count += run.queued;
    return count;
  }

  /** From here on modules of this run are queued, but none is given away before `complete`: the first to be claimed would be those that happened to be queued first. */
  add(record: RunRecord, remainingMs: Float64Array, averageMs: number): void {
    assert(!this.runs.has(record.number), 'a run is added once');
    this.runs.set(record.number, plannedRun(record, this.unapplied.changeOf(record.number), remainingMs, averageMs));
  }

  /** @param since how long its work has waited already, wall ms. */
  complete(state: CellState, number: RunNumber, since: number): void {
    const run = this.runs.get(number)!;
    run.complete = true;
    for (const queue of run.queues.values()) queue.since = since;
    this.review(state, run, state.now);
  }

  drop(number: RunNumber): void {
    const run = this.runs.get(number);
    if (run === undefined) return;
    this.runs.delete(number);
    this.touched.delete(run);
    this.unapplied.leave(run.change);
    for (const queue of run.queues.values()) this.queues.takeOut(queue);
    if (run.queued > 0) this.retries.filter((retry) => retry.module.run.number !== number);
  }

  /** Something happened to this run: claims, results, a pause. */
  touch(number: RunNumber): void {
    const run = this.runs.get(number);
    if (run !== undefined) this.touched.add(run);
  }

  /** Nobody waited while the queue was paused. */
  restart(now: number): void {
    for (const run of this.runs.values()) {
      for (const queue of run.queues.values()) queue.since = Math.max(queue.since, now);
      this.touched.add(run);
    }
  }

  enqueue(state: CellState, module: ModuleRecord): void {
    const run = this.runs.get(module.run.number);
    if (run === undefined || !this.isReady(module)) return;
    if (module.index >= run.marks.length) growMarks(run);
    if (run.marks[module.index] === QUEUED) this.hasten(run, module, state.now);
    if (run.marks[module.index] !== IDLE) return;
    run.marks[module.index] = QUEUED;
    run.queued++;
    this.file(run, module, state.now);
  }

  /** Its node came back while it waited for its retry, and was lost: now it waits for less. Rare, so all retries may be gone through. */
  private hasten(run: PlannedRun, module: ModuleRecord, now: number): void {
    const before = this.retries.size;
    this.retries.filter((retry) => retry.module !== module || retry.at <= module.notBefore);
    if (this.retries.size < before) this.file(run, module, now);
  }

  /** Those whose retry has come are filed. */
  wake(now: number): void {
    for (let top = this.retries.peek(); top !== undefined && top.at <= now; top = this.retries.peek()) {
      this.retries.pop();
      const { module } = top;
      const run = this.runs.get(module.run.number);
      if (run === undefined) continue;
      if (this.isWaiting(module)) this.file(run, module, now);
      else this.forget(run, module);
    }
  }

  /** Wall ms at which the next retry becomes due, Infinity for none. */
  nextRetryAt(): number {
    for (let top = this.retries.peek(); top !== undefined; top = this.retries.peek()) {
      if (this.isWaiting(top.module)) return top.at;
      this.retries.pop();
      const run = this.runs.get(top.module.run.number);
      if (run !== undefined) this.forget(run, top.module);
    }
    return Infinity;
  }

  /** Puts everything in order for a plan at this time. @returns the buckets that may have something to give. */
  buckets(state: CellState, now: number): Iterable<Bucket> {
    for (const run of this.touched) this.review(state, run, now);
    this.touched.clear();
    if (now - this.agedAt >= AGE_EVERY_MS) {
      this.queues.age(now);
      this.agedAt = now;
    }
    return this.queues.all();
  }

  /**
   * The best queue of a bucket, whose best module is really ready; what is not any more is dropped on the way. Within one
   * plan a place only gets worse, so those that look best are looked at again and the others are not.
   */
  head(state: CellState, bucket: Bucket, now: number): Queue | undefined {
    for (let queue = bucket.queues.peek(); queue !== undefined; queue = bucket.queues.peek()) {
      if (shareOf(queue.run) !== queue.share) {
        this.queues.place(queue, now);
        continue;
      }
      const module = queue.modules.peek()!;
      const waits = this.isWaiting(module);
      const isAbsent = waits && module.notBefore <= now && lacksInputs(state, module);
      if (waits && module.notBefore <= now && !isAbsent) return queue;
      this.shorten(queue, now);
      // Who has them comes back, or somebody else is found who has, or they are made again: then it is claimed.
      if (waits) this.retries.push({ at: isAbsent ? now + INPUTS_LOOKED_MS : module.notBefore, module });
      else this.forget(queue.run, module);
    }
    return undefined;
  }

  /** The best module of a queue is in a plan now, and counted as claimed. */
  take(state: CellState, queue: Queue, now: number): void {
    const module = queue.modules.peek()!;
    const { run } = queue;
    run.marks[module.index] = PROPOSED;
    run.queued--;
    queue.since = now;
    this.shorten(queue, now);
    if (this.mayNotClaim(state, run)) this.review(state, run, now);
  }

  /** The best module of a queue is passed over in this plan, so that others get their turn, until `bringBack`. */
  setAside(queue: Queue, now: number): Aside {
    const module = queue.modules.peek()!;
    this.shorten(queue, now);
    return { module, queue };
  }

  bringBack({ module, queue }: Aside, now: number): void {
    const { run } = queue;
    // It waits where it waited: a queue that was empty meanwhile is the same one.
    run.queues.set(queue.key, queue);
    queue.modules.push(module);
    if (queue.bucket === undefined) this.touched.add(run);
    else if (queue.modules.peek() === module) this.queues.place(queue, now);
  }

  /** What a module takes, as far as anybody knows. */
  expectedMs(state: CellState, module: ModuleRecord): number {
    return knownDurationMs(state, module) ?? this.runs.get(module.run.number)?.averageMs ?? UNKNOWN_DURATION_MS;
  }

  /** The proposal of this module is over; if it is still ready, it queues again. */
  putBack(state: CellState, module: ModuleRecord): void {
    const run = this.runs.get(module.run.number);
    if (run === undefined) return;
    run.marks[module.index] = IDLE;
    this.touched.add(run);
    if (module.phase !== 'claimed') this.enqueue(state, module);
  }

  /** The best module of the queue is gone. */
  private shorten(queue: Queue, now: number): void {
    queue.modules.pop();
    if (queue.modules.size === 0) this.queues.drop(queue);
    else if (queue.bucket !== undefined) this.queues.place(queue, now);
  }

  private file(run: PlannedRun, module: ModuleRecord, now: number): void {
    const { notBefore } = module;
    if (notBefore > now) return this.retries.push({ at: notBefore, module });
    const queue = this.queues.queueOf(run, module, now);
    queue.modules.push(module);
    if (queue.bucket === undefined) this.touched.add(run);
    else if (queue.modules.peek() === module) this.queues.place(queue, now);
  }

  private mayNotClaim(state: CellState, { record, change }: PlannedRun): boolean {
    return runProblem(state, record, change.claims) !== '';
  }

  /** Whether its queues stand in buckets, and where. */
  private review(state: CellState, run: PlannedRun, now: number): void {
    if (!run.complete) return;
    if (this.mayNotClaim(state, run)) {
      run.parked = true;
      for (const queue of run.queues.values()) this.queues.takeOut(queue);
      return;
    }
    for (const queue of run.queues.values()) {
      // While it was parked it did not wait for others.
      if (run.parked) queue.since = Math.max(queue.since, now);
      this.queues.place(queue, now);
    }
    run.parked = false;
  }

  private isWaiting(module: ModuleRecord): boolean {
    return this.isReady(module) && !isRunFinal(module.run.phase);
  }

  private isReady(module: ModuleRecord): boolean {
    return module.phase === 'ready' || this.foresight.isReady(module);
  }

  private forget(run: PlannedRun, module: ModuleRecord): void {
    if (run.marks[module.index] !== QUEUED) return;
    run.marks[module.index] = IDLE;
    run.queued--;
  }
}
