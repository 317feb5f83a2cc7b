/**
 * Ready modules in queues. A bucket for each combination of requirement and limits: what no node can take, and what
 * waits for a limit, does not stand in the way of others. In it a queue for each run and priority, best first.
 */
import type { Requirement } from '../cell/matching.ts';
import { specOf } from '../cell/accessors.ts';
import { modulePolicy, runPolicy } from '../cell/policy.ts';
import { limitsOf } from '../cell/seats.ts';
import type { ModuleRecord, RunRecord } from '../cell/state.ts';
import type { Limit } from '../cell/types.ts';
import { Heap } from '../lib/heap.ts';
import { IndexedHeap, type Positioned } from '../lib/indexed-heap.ts';
import { levelOf, OVERDUE } from './levels.ts';
import type { RunChange } from './unapplied.ts';

export interface Bucket {
  readonly key: string;
  readonly requirement: Requirement;
  readonly limits: readonly Limit[];
  readonly queues: IndexedHeap<Queue>;
}

/** Modules of one run and one priority in one bucket, longest remaining path first. */
export interface Queue extends Positioned {
  readonly key: string;
  readonly run: PlannedRun;
  readonly priority: number;
  /** An entry whose module is not ready any more is dropped when it comes to the top. */
  readonly modules: Heap<ModuleRecord>;
  /** Where it stands; undefined while its run may claim nothing. */
  bucket: Bucket | undefined;
  /** Wall ms: when it was given a claim last, or came to have something to claim. */
  since: number;
  /** As of the last look; they decide about its place. `share` is the cpu that its run has. */
  level: number;
  share: number;
  /** Remaining path of its best module, ms, and its position. */
  pathMs: number;
  best: number;
}

export interface PlannedRun {
  readonly record: RunRecord;
  /** What is on its way into the log. */
  readonly change: RunChange;
  /** By position in the specification: items of a `foreach` have that of their module. */
  readonly remainingMs: Float64Array;
  /** What a module takes of which nothing is known. */
  readonly averageMs: number;
  /** What is known of each module, see ready.ts; there are more of them when a `foreach` has items. */
  marks: Uint8Array;
  /** Modules in its queues, or waiting for their retry. */
  queued: number;
  readonly queues: Map<string, Queue>;
  readonly before: (a: ModuleRecord, b: ModuleRecord) => boolean;
  /** All its ready modules are in their queues. */
  complete: boolean;
  /** Paused, or it executes as many modules as it may: its queues stand in no bucket. */
  parked: boolean;
}

export function plannedRun(record: RunRecord, change: RunChange, remainingMs: Float64Array, averageMs: number): PlannedRun {
  const before = (a: ModuleRecord, b: ModuleRecord): boolean => {
    const difference = remainingMs[a.template]! - remainingMs[b.template]!;
    return difference === 0 ? a.index < b.index : difference > 0;
  };
  return { record, change, remainingMs, averageMs, marks: new Uint8Array(record.modules.length), queued: 0, queues: new Map(), before, complete: false, parked: false };
}

/** Cpu that the run has, thousandths of a slot. */
export function shareOf({ record, change }: PlannedRun): number {
  return record.milliCpuUsed + change.milliCpu;
}

function bucketKey({ key }: Requirement, limits: readonly Limit[]): string {
  return limits.length === 0 ? key : JSON.stringify([key, ...limits.flatMap((limit) => [limit.key, limit.max])]);
}

/**
 * Level first, then the run that has the least cpu now, then the longest remaining path, the older run, file order. Among
 * the overdue the one that waits longest.
 */
export function queueBefore(a: Queue, b: Queue): boolean {
  if (a.level !== b.level) return a.level > b.level;
  if (a.level === OVERDUE && a.since !== b.since) return a.since < b.since;
  if (a.share !== b.share) return a.share < b.share;
  if (a.pathMs !== b.pathMs) return a.pathMs > b.pathMs;
  const [first, second] = [a.run.record.number, b.run.record.number];
  return first === second ? a.best < b.best : first < second;
}

export class Queues {
  private readonly buckets = new Map<string, Bucket>();

  clear(): void {
    this.buckets.clear();
  }

  all(): Iterable<Bucket> {
    return this.buckets.values();
  }

  /** The queue of a module, made if there is none: it begins to wait now. */
  queueOf(run: PlannedRun, module: ModuleRecord, now: number): Queue {
    const { priority: own } = modulePolicy(specOf(module));
    const limits = limitsOf(module);
    const runs = runPolicy(run.record.spec).priority;
    const bucket = bucketKey(module.requirement, limits);
    const key = own === 0 || own === runs ? bucket : `${own} ${bucket}`;
    const known = run.queues.get(key);
    if (known !== undefined) return known;
    const priority = own === 0 ? runs : own;
    const queue: Queue = { key, run, priority, modules: new Heap(run.before), bucket: undefined, since: now, level: priority, share: 0, pathMs: 0, best: -1, position: -1 };
    run.queues.set(key, queue);
    return queue;
  }

  /** Puts a queue that has something into its bucket, or into its right place there. */
  place(queue: Queue, now: number): void {
    const { run, bucket } = queue;
    const best = queue.modules.peek()!;
    const level = levelOf(queue.priority, queue.since, now);
    const share = shareOf(run);
    const pathMs = run.remainingMs[best.template]!;
    const same = queue.level === level && queue.share === share && queue.best === best.index && level !== OVERDUE;
    queue.level = level;
    queue.share = share;
    queue.pathMs = pathMs;
    queue.best = best.index;
    if (bucket === undefined) {
      queue.bucket = this.bucketOf(best);
      queue.bucket.queues.push(queue);
    } else if (!same) bucket.queues.changed(queue);
  }

  takeOut(queue: Queue): void {
    const { bucket } = queue;
    if (bucket === undefined) return;
    bucket.queues.remove(queue);
    queue.bucket = undefined;
    if (bucket.queues.size === 0) this.buckets.delete(bucket.key);
  }

  /** An empty queue goes: the next one begins to wait when it comes to have something. */
  drop(queue: Queue): void {
    this.takeOut(queue);
    queue.run.queues.delete(queue.key);
  }

  /** Work that was given nothing has risen meanwhile. */
  age(now: number): void {
    for (const { queues } of this.buckets.values()) {
      let changed = false;
      for (const queue of queues.all()) {
        const level = levelOf(queue.priority, queue.since, now);
        changed ||= level !== queue.level;
        queue.level = level;
      }
      if (changed) queues.allChanged();
    }
  }

  private bucketOf(module: ModuleRecord): Bucket {
    const { requirement } = module;
    const limits = limitsOf(module);
    const key = bucketKey(requirement, limits);
    let bucket = this.buckets.get(key);
    if (bucket === undefined) this.buckets.set(key, (bucket = { key, requirement, limits, queues: new IndexedHeap(queueBefore) }));
    return bucket;
  }
}
