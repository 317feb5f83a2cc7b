/**
 * Executions that take much longer than predicted, of modules that ask for a second copy then. There is one for each
 * claim: if it comes to nothing, none is made again.
 */
import { runProblem } from '../cell/admission.ts';
import { hedgeProblem, isHedgeable } from '../cell/hedges.ts';
import { specOf } from '../cell/accessors.ts';
import { modulePolicy } from '../cell/policy.ts';
import type { CellState, ModuleRecord } from '../cell/state.ts';
import type { ClaimItem } from '../cell/types.ts';
import { Heap } from '../lib/heap.ts';
import type { Fence } from '../lib/ids.ts';
import { knownDurationMs } from './durations.ts';
import type { Foresight } from './foresight.ts';
import { STRAGGLER_LOOKS_MAX } from './limits.ts';
import { Choices, type Room } from './placement.ts';
import { Proposals } from './proposals.ts';
import type { Unapplied } from './unapplied.ts';

/** Fewer entries are never swept. */
const WATCHED_MIN = 1_000;

/** Nothing shorter is worth a second execution, whatever was predicted. */
const STRAGGLER_MIN_MS = 1_000;

interface Watched {
  /** Wall ms when it takes too long. */
  readonly at: number;
  readonly module: ModuleRecord;
  /** Of the first copy. */
  readonly fence: Fence;
}

/** Wall ms from which this execution is too long, or undefined when nobody knows how long it should take. */
function lateAt(state: CellState, module: ModuleRecord): number | undefined {
  const predicted = knownDurationMs(state, module);
  if (predicted === undefined) return undefined;
  return module.startedAt + Math.max(STRAGGLER_MIN_MS, predicted * modulePolicy(specOf(module)).hedgeFactor);
}

export class Stragglers {
  readonly proposals = new Proposals();
  private readonly unapplied: Unapplied;
  private readonly foresight: Foresight;
  private watched = newWatch();
  /** Entries at which those of modules that have ended are thrown out; else they would stay until they are due. */
  private sweepAt = WATCHED_MIN;
  /** They take too long, and wait for a node; by module, the fence of the first copy. */
  private readonly late = new Map<ModuleRecord, Fence>();

  constructor(unapplied: Unapplied, foresight: Foresight) {
    this.unapplied = unapplied;
    this.foresight = foresight;
  }

  /** Modules that are watched, with some that have ended. */
  get size(): number {
    return this.watched.size;
  }

  clear(): void {
    this.watched = newWatch();
    this.sweepAt = WATCHED_MIN;
    this.late.clear();
    this.proposals.clear();
  }

  rebuild(state: CellState): void {
    for (const session of state.sessions.values()) for (const [fence, module] of session.claims) if (module.fence === fence) this.watch(state, module);
  }

  /** It was claimed. */
  watch(state: CellState, module: ModuleRecord): void {
    if (specOf(module).policy === undefined || !isHedgeable(module)) return;
    const at = lateAt(state, module);
    if (at === undefined) return;
    this.watched.push({ at, module, fence: module.fence });
    if (this.watched.size < this.sweepAt) return;
    this.watched.filter((one) => isAlone(one.module, one.fence));
    this.sweepAt = Math.max(WATCHED_MIN, 2 * this.watched.size);
  }

  /** Wall ms when the next one takes too long, Infinity for none. */
  nextAt(): number {
    for (let top = this.watched.peek(); top !== undefined; top = this.watched.peek()) {
      if (isAlone(top.module, top.fence)) return top.at;
      this.watched.pop();
    }
    return Infinity;
  }

  /** Whether any takes too long now. */
  areLate(now: number): boolean {
    while (this.nextAt() <= now) {
      const { module, fence } = this.watched.pop()!;
      this.late.set(module, fence);
    }
    return this.late.size > 0;
  }

  /** Second copies on what room is left, at most `max`. Those that find none are looked at again, others first. */
  plan(state: CellState, rooms: readonly Room[], max: number): ClaimItem[] {
    const items: ClaimItem[] = [];
    let looks = Math.min(this.late.size, STRAGGLER_LOOKS_MAX);
    for (const [module, fence] of this.late) {
      if (items.length >= max || looks-- === 0) break;
      this.late.delete(module);
      if (!isAlone(module, fence)) continue;
      const room = this.roomFor(state, module, rooms);
      if (room === undefined) {
        this.late.set(module, fence);
        continue;
      }
      const item: ClaimItem = { run: module.run.number, module: module.index, session: room.record.id };
      this.proposals.plan({ module, item, holding: this.unapplied.claim(module, item.session) });
      items.push(item);
    }
    return items;
  }

  private roomFor(state: CellState, module: ModuleRecord, rooms: readonly Room[]): Room | undefined {
    if (this.foresight.isEnding(module) || runProblem(state, module.run, this.unapplied.pendingClaims(module.run.number)) !== '') return undefined;
    const others = rooms.filter(({ record }) => hedgeProblem(state, module, record) === '');
    return others.length === 0 ? undefined : new Choices(others, module.requirement).take();
  }
}

function newWatch(): Heap<Watched> {
  return new Heap<Watched>((a, b) => (a.at === b.at ? a.fence < b.fence : a.at < b.at));
}

function isAlone(module: ModuleRecord, fence: Fence): boolean {
  return module.phase === 'claimed' && module.fence === fence && !module.hedged;
}
