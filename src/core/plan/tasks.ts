/** Ready modules in queues: what stands in them and in which order. */
import type { ModuleRecord } from '../cell/state.ts';
import { Heap } from '../lib/heap.ts';
import type { RunNumber } from '../lib/ids.ts';
import type { Choices } from './placement.ts';

/** A ready module in the queue. An entry whose module is not ready any more is dropped when it comes to the top. */
export interface Task {
  readonly module: ModuleRecord;
  readonly run: RunNumber;
  readonly index: number;
  readonly remainingMs: number;
}

export interface Retry {
  readonly at: number;
  readonly task: Task;
}

/** Ready modules by requirement key: those that no node can take do not stand in the way of others. */
export type Buckets = Map<string, Heap<Task>>;

/** The best of one bucket, and the nodes that could take it, once somebody asks. */
export interface Front {
  readonly bucket: Heap<Task>;
  task: Task;
  choices: Choices | undefined;
}

/** Longest remaining path first, then the older run, then file order. */
export function before(a: Task, b: Task): boolean {
  if (a.remainingMs !== b.remainingMs) return a.remainingMs > b.remainingMs;
  return a.run === b.run ? a.index < b.index : a.run < b.run;
}

export function newRetries(): Heap<Retry> {
  return new Heap<Retry>((a, b) => (a.at === b.at ? before(a.task, b.task) : a.at < b.at));
}
