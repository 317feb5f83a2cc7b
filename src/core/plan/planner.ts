/**
 * Chooses the next claims on the leader: the ready module that is first in line, each time to the node that fits best. A hint machine: the reducer checks every claim again, so a planner that lags or forgets costs time, not truth.
 * Work per call is proportional to the claims made (plus the nodes, times the distinct requirements that wait).
 */
import { queueIsPaused } from '../cell/admission.ts';
import { cellMutant } from '../cell/mutants.ts';
import { limitIsFull } from '../cell/seats.ts';
import { moduleAt, type CellState } from '../cell/state.ts';
import type { CellEvent, ClaimItem, Command, ResultItem } from '../cell/types.ts';
import { Heap } from '../lib/heap.ts';
import type { RunNumber } from '../lib/ids.ts';
import { STEPS_PER_SLICE } from '../lib/slice.ts';
import { Arrivals } from './arrivals.ts';
import type { PlacementSource } from './explain-placement.ts';
import { FirstClaims, foreseenRun, type First } from './first-claims.ts';
import { Foresight } from './foresight.ts';
import { HOLDER_LOOK_MS } from './limits.ts';
import { Choices, roomOf, type PlannableSession, type Room } from './placement.ts';
import { look, Placer, type Look } from './placer.ts';
import { Proposals, type Proposal } from './proposals.ts';
import { queueBefore, type Bucket, type Queue } from './queues.ts';
import { ReadyModules, type Aside } from './ready.ts';
import { Stragglers } from './stragglers.ts';
import { Unapplied } from './unapplied.ts';

export type { PlannableSession } from './placement.ts';

/** What the state does not know of yet. */
interface Sight {
  readonly unapplied: Unapplied;
  readonly foresight: Foresight;
}

/** A queue whose turn it is, and the node that gets its best module. */
interface Choice {
  readonly queue: Queue;
  readonly room: Room;
  readonly seen: Look;
}

/** The best of one bucket, and the nodes that could take it, once somebody asks. */
interface Front {
  readonly bucket: Bucket;
  queue: Queue;
  choices: Choices | undefined;
}

function newSight(): Sight {
  const unapplied = new Unapplied();
  return { unapplied, foresight: new Foresight(unapplied) };
}

export class Planner {
  private readonly unapplied: Unapplied;
  private readonly foresight: Foresight;
  private readonly ready: ReadyModules;
  private readonly arrivals: Arrivals;
  private readonly placer: Placer;
  private readonly proposals = new Proposals();
  private readonly first: FirstClaims;
  private readonly stragglers: Stragglers;
  /** In the last plan modules were left waiting for nodes without room. */
  private areWaiting = false;

  /** @param stepsPerSlice how much `advance` does at once; tests take less. @param sight another planner's. */
  constructor(stepsPerSlice = STEPS_PER_SLICE, sight: Sight = newSight()) {
    this.unapplied = sight.unapplied;
    this.foresight = sight.foresight;
    this.ready = new ReadyModules(this.unapplied, this.foresight);
    this.placer = new Placer(this.proposals, this.ready, this.foresight);
    this.arrivals = new Arrivals(this.ready, this.placer, stepsPerSlice);
    this.first = new FirstClaims(this.unapplied);
    this.stragglers = new Stragglers(this.unapplied, this.foresight);
  }

  /** Forgets everything: on step-down. */
  reset(): void {
    this.ready.clear();
    this.arrivals.clear();
    this.proposals.clear();
    this.unapplied.clear();
    this.foresight.clear();
    this.placer.clear();
    this.first.clear();
    this.stragglers.clear();
  }

  /** Starts over from the state, as a new leader does. The runs are looked at by `advance`, in slices. */
  rebuild(state: CellState): void {
    this.reset();
    for (const run of state.runs.values()) this.arrivals.add(state, run);
    this.stragglers.rebuild(state);
  }

  /** Runs came that are not looked at to the end: `plan` (or `advance`) should be called again soon, in another turn. */
  get busy(): boolean {
    return this.arrivals.busy;
  }

  /**
   * Goes on with the runs that came, for a slice (a few ms at most). Runs of up to some thousand modules need no more
   * than one, and do not wait for larger ones. Called by `plan`.
   */
  advance(): void {
    this.arrivals.advance();
  }

  /** Follows the reducer. `state` is the one that the events came from, after them. */
  onEvents(state: CellState, events: readonly CellEvent[]): void {
    for (const event of events) {
      switch (event.type) {
        case 'module':
          this.onModule(state, event);
          break;
        case 'hedge':
          this.onHedge(state, event);
          break;
        case 'runSubmitted': {
          const run = state.runs.get(event.run);
          if (run !== undefined) this.arrivals.add(state, run);
          break;
        }
        case 'expanded': {
          const run = state.runs.get(event.run);
          if (run !== undefined) this.arrivals.addItems(state, run, event.first, event.count);
          break;
        }
        case 'runFinal':
          this.arrivals.drop(event.run);
          this.ready.drop(event.run);
          break;
        case 'runPaused':
          this.ready.touch(event.run);
          break;
        case 'queuePaused':
          if (!event.on) this.ready.restart(event.at);
          break;
        default:
      }
    }
  }

  /** These results are on their way into the log: what they free can be planned now, to be claimed right behind them. */
  foresee(state: CellState, items: readonly ResultItem[]): void {
    for (const item of items) {
      const module = moduleAt(state, item.run, item.module);
      if (module === undefined || module.phase !== 'claimed' || module.fence !== item.fence || module.generation !== item.generation || module.hedge !== null) continue;
      if (item.outcome.ok && item.outcome.files !== undefined) this.placer.arriving.set(module, item);
      for (const child of this.foresight.foresee(module, item.outcome.ok)) this.ready.enqueue(state, child);
      this.ready.touch(item.run);
    }
  }

  /** These results were applied, refused or lost: what was foreseen of them is forgotten. */
  heardOf(state: CellState, items: readonly ResultItem[]): void {
    for (const item of items) {
      const module = moduleAt(state, item.run, item.module);
      if (module !== undefined) this.placer.arriving.delete(module);
      if (module === undefined || cellMutant(state, 'foresight-kept')) continue;
      this.foresight.drop(module);
      this.ready.touch(item.run);
    }
  }

  /**
   * The first claims of a run whose Submit is on its way into the log, to be proposed right behind it. None while others
   * could be given that room: what is ready already has its turn first.
   * @param number that the run will have. @returns as `plan`; of these `settled` is to be told, too.
   */
  planFirst(state: CellState, submit: Extract<Command, { type: 'submit' }>, number: RunNumber, sessions: readonly PlannableSession[], max: number): ClaimItem[] {
    if (this.busy) return [];
    const run = foreseenRun(state, submit, number);
    if (run === undefined || this.othersCouldBegin(state, submit.now, sessions)) return [];
    const scratch = new Planner(Infinity, { unapplied: this.unapplied, foresight: this.foresight });
    scratch.arrivals.add(state, run);
    const items = scratch.plan(state, submit.now, sessions, max);
    scratch.ready.drop(number);
    this.first.add(number, [...scratch.proposals.takePlanned()].map(({ item, holding }): First => ({ item, holding })));
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
    for (const proposal of this.proposals.takePlanned()) this.takeBack(state, proposal);
    this.advance();
    this.ready.wake(now);
    const items: ClaimItem[] = [];
    if (max <= 0) return items;
    for (const { queue, room, seen } of this.choose(state, now, sessions)) {
      items.push(this.place(seen, queue, room));
      if (items.length >= max) break;
    }
    return items;
  }

  /**
   * Second copies of modules that take too long, for a HedgeBatch, at most `max`. To be called when `plan` had nothing
   * more to give: they get what room is left. Confirmed and settled like the claims of `plan`.
   */
  planHedges(state: CellState, now: number, sessions: readonly PlannableSession[], max: number): ClaimItem[] {
    for (const { holding } of this.stragglers.proposals.takePlanned()) this.unapplied.unclaim(holding);
    if (this.busy || queueIsPaused(state) || !this.stragglers.areLate(now)) return [];
    return this.stragglers.plan(state, this.rooms(state, sessions), max);
  }

  /** These items of the last plan are on their way into the log. */
  proposed(items: readonly ClaimItem[]): void {
    this.proposals.propose(items);
    this.stragglers.proposals.propose(items);
  }

  /**
   * These proposals were applied, refused or lost. What is still ready is planned again.
   * @param items the objects that `plan` returned.
   */
  settled(state: CellState, items: readonly ClaimItem[]): void {
    for (const item of items) {
      this.first.end(item.run, (other) => other === item);
      // A run that may claim no more while they count is free again, also where none of them became a claim.
      this.ready.touch(item.run);
      const proposal = this.proposals.takeItem(item);
      if (proposal !== undefined) this.takeBack(state, proposal);
      const copy = this.stragglers.proposals.takeItem(item);
      if (copy !== undefined) this.unapplied.unclaim(copy.holding);
    }
  }

  /**
   * Wall ms at which a retry becomes due, a module takes too long, or one that waits for a node had better go elsewhere;
   * Infinity for none, `now` while busy: call `plan` again then.
   */
  nextWakeAt(now: number): number {
    const lookAt = this.areWaiting ? now + HOLDER_LOOK_MS : Infinity;
    return this.busy ? now : Math.max(now, Math.min(this.ready.nextRetryAt(), this.stragglers.nextAt(), lookAt));
  }

  /** For people: where a ready module would go now, or one that is executed went, and why. */
  placements(state: CellState, now: number, sessions: readonly PlannableSession[]): PlacementSource {
    return {
      of: (module) => this.placer.placement(look(state, now, this.rooms(state, sessions)), module),
      hasWaited: (module) => this.placer.hasWaited(module),
    };
  }

  /** Ready modules in the queues; entries that went stale may be counted. */
  get queuedCount(): number {
    return this.ready.count;
  }

  private onModule(state: CellState, event: Extract<CellEvent, { type: 'module' }>): void {
    const module = moduleAt(state, event.run, event.module);
    if (module === undefined) return;
    if (!cellMutant(state, 'foresight-kept')) this.foresight.drop(module);
    this.placer.arriving.delete(module);
    this.ready.touch(event.run);
    if (event.phase !== 'claimed') this.placer.ended(module);
    if (event.phase === 'ready') return this.ready.enqueue(state, module);
    if (event.phase !== 'claimed') return;
    if (module.nodeId !== '') this.placer.executes(module, module.nodeId);
    this.first.end(event.run, (item) => item.module === event.module);
    this.stragglers.watch(state, module);
    const proposal = this.proposals.takeModule(module);
    if (proposal !== undefined) this.takeBack(state, proposal);
  }

  private onHedge(state: CellState, event: Extract<CellEvent, { type: 'hedge' }>): void {
    const module = moduleAt(state, event.run, event.module);
    this.ready.touch(event.run);
    if (module === undefined) return;
    const proposal = event.on ? this.stragglers.proposals.takeModule(module) : undefined;
    if (proposal !== undefined) this.unapplied.unclaim(proposal.holding);
  }

  /**
   * One after the other the queue whose turn it is, with the node that gets its best module. Whoever asks for the next one
   * has taken that module. Room, seats and places only shrink meanwhile, so what is passed over once stays so.
   */
  private *choose(state: CellState, now: number, sessions: readonly PlannableSession[]): Generator<Choice, void> {
    const rooms = queueIsPaused(state) ? [] : this.rooms(state, sessions);
    this.areWaiting = false;
    if (rooms.length === 0) return;
    const fronts = this.fronts(state, now);
    const seen = look(state, now, rooms);
    const asides: Aside[] = [];
    try {
      for (let front = fronts.peek(); front !== undefined; front = fronts.peek()) {
        const { bucket } = front;
        const queue = this.ready.head(state, bucket, now);
        if (queue !== undefined && queue !== front.queue) front.queue = queue;
        fronts.topChanged();
        if (fronts.peek() !== front) continue;
        front.choices ??= new Choices(rooms, bucket.requirement);
        const room = queue === undefined || this.isFull(state, bucket) ? undefined : this.placer.roomFor(seen, front.choices, queue.modules.peek()!);
        if (queue === undefined || room === undefined) fronts.pop();
        else if (room === 'wait') asides.push(this.ready.setAside(queue, now));
        else yield { queue, room, seen };
      }
    } finally {
      for (const aside of asides) this.ready.bringBack(aside, now);
      this.areWaiting = asides.length > 0;
    }
  }

  private rooms(state: CellState, sessions: readonly PlannableSession[]): Room[] {
    const rooms: Room[] = [];
    for (const session of sessions) {
      const room = roomOf(state, session, this.unapplied.reserved.of(session.session), this.unapplied.freed.of(session.session));
      if (room !== undefined && room.milliCpu >= 0) rooms.push(room);
    }
    return rooms;
  }

  /** One entry per bucket that has a module to give, best first. */
  private fronts(state: CellState, now: number): Heap<Front> {
    const fronts: Front[] = [];
    for (const bucket of this.ready.buckets(state, now)) {
      const queue = this.isFull(state, bucket) ? undefined : this.ready.head(state, bucket, now);
      if (queue !== undefined) fronts.push({ bucket, queue, choices: undefined });
    }
    return new Heap<Front>((a, b) => queueBefore(a.queue, b.queue), fronts);
  }

  private isFull(state: CellState, { limits }: Bucket): boolean {
    return limits.some((limit) => limitIsFull(state, limit, this.unapplied.seatsOf(limit.key)));
  }

  private othersCouldBegin(state: CellState, now: number, sessions: readonly PlannableSession[]): boolean {
    const choices = this.choose(state, now, sessions);
    const first = choices.next();
    choices.return();
    return first.done !== true;
  }

  private place(seen: Look, queue: Queue, room: Room): ClaimItem {
    const { state, now } = seen;
    const module = queue.modules.peek()!;
    const session = room.record.id;
    const item: ClaimItem = { run: module.run.number, module: module.index, session };
    this.placer.placed(seen, module, room);
    this.proposals.plan({ module, item, holding: this.unapplied.claim(module, session) });
    this.ready.take(state, queue, now);
    return item;
  }

  /** Ends a proposal: what it holds is free again, and if the module is ready it queues again. */
  private takeBack(state: CellState, { module, holding }: Proposal): void {
    this.unapplied.unclaim(holding);
    this.ready.putBack(state, module);
  }
}
