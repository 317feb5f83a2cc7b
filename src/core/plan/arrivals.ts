/**
 * Runs that came and are not planned yet: durations, paths, queues, in slices, so that a large graph does not hold up the
 * leader. Small runs go before large ones.
 */
import { isRunFinal, type CellState, type RunRecord } from '../cell/state.ts';
import type { RunNumber } from '../lib/ids.ts';
import { Slice } from '../lib/slice.ts';
import { expectedDurationsOf, remainingInSlices } from './durations.ts';
import type { Placer } from './placer.ts';
import type { ReadyModules } from './ready.ts';

/** Steps for one module that is put into its queue, and for one run whatever its size. */
const QUEUE_STEPS = 10;
const RUN_STEPS = 50;

export class Arrivals {
  /** Oldest first, with what is left to do for them. */
  private readonly small = new Map<RunNumber, Generator<undefined, void>>();
  private readonly large = new Map<RunNumber, Generator<undefined, void>>();
  /** Of runs that are planned; by one key for each list. */
  private readonly items = new Map<{ readonly run: RunNumber }, Generator<undefined, void>>();
  private readonly slice = new Slice(0);
  private readonly stepsPerSlice: number;
  private readonly ready: ReadyModules;
  private readonly placer: Pick<Placer, 'executes'>;

  constructor(ready: ReadyModules, placer: Pick<Placer, 'executes'>, stepsPerSlice: number) {
    this.ready = ready;
    this.placer = placer;
    this.stepsPerSlice = stepsPerSlice;
  }

  get busy(): boolean {
    return this.small.size > 0 || this.items.size > 0 || this.large.size > 0;
  }

  clear(): void {
    this.small.clear();
    this.items.clear();
    this.large.clear();
  }

  add(state: CellState, run: RunRecord): void {
    if (isRunFinal(run.phase)) return;
    const isLarge = run.modules.length + run.childList.length > this.stepsPerSlice / QUEUE_STEPS;
    (isLarge ? this.large : this.small).set(run.number, this.arrive(state, run));
  }

  /** Items of a `foreach`, ready all at once. While their run is looked at that finds them. */
  addItems(state: CellState, run: RunRecord, first: number, count: number): void {
    if (isRunFinal(run.phase) || this.small.has(run.number) || this.large.has(run.number)) return;
    this.items.set({ run: run.number }, this.enqueueItems(state, run, first, count));
  }

  drop(run: RunNumber): void {
    this.small.delete(run);
    this.large.delete(run);
    for (const key of this.items.keys()) if (key.run === run) this.items.delete(key);
  }

  /** Does a slice of the work. */
  advance(): void {
    for (const arrivals of [this.small, this.items, this.large]) {
      this.slice.refill(this.stepsPerSlice);
      for (const [key, work] of arrivals as Map<unknown, Generator<undefined, void>>) {
        if (work.next().done === true) arrivals.delete(key as never);
        if (this.slice.over) break;
      }
    }
  }

  private *enqueueItems(state: CellState, { modules }: RunRecord, first: number, count: number): Generator<undefined, void> {
    for (let at = first; at < first + count; at++) {
      this.ready.enqueue(state, modules[at]!);
      if (this.slice.spent(QUEUE_STEPS)) yield undefined;
    }
  }

  /**
   * The states of modules may change between two slices. Until the run is added to the ready ones their events are
   * ignored, since the walk over all modules comes after; from then on events and walk queue what is ready, each once.
   */
  private *arrive(state: CellState, run: RunRecord): Generator<undefined, void> {
    const { number, spec, modules, childStart } = run;
    const { eachMs, averageMs } = yield* expectedDurationsOf(state, spec, this.slice);
    const remainingMs = yield* remainingInSlices(spec.modules, eachMs, childStart, this.slice);
    this.ready.add(run, remainingMs, averageMs);
    let since = run.submittedAt;
    for (const module of modules) {
      if (module.startedAt > since) since = module.startedAt;
      if (module.phase === 'ready') this.ready.enqueue(state, module);
      else if (module.nodeId !== '') this.placer.executes(module, module.nodeId);
      if (this.slice.spent(module.phase === 'ready' ? QUEUE_STEPS : 1)) yield undefined;
    }
    this.ready.complete(state, number, since);
    this.slice.spent(RUN_STEPS);
  }
}
