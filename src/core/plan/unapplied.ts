/**
 * What is on its way into the log, as far as planning must count it: claims that were proposed hold room on their node,
 * the seats of their limits and a part of their run's share; results in sight give the same back. Each is taken out again
 * when the state itself says how things are. Kept in holdings, since the specification of a run that ends is reduced.
 */
import type { Requirement } from '../cell/matching.ts';
import { limitsOf } from '../cell/seats.ts';
import type { ModuleRecord } from '../cell/state.ts';
import type { Limit } from '../cell/types.ts';
import type { RunNumber, SessionId } from '../lib/ids.ts';
import { Reservations } from './reservations.ts';

/** What a run will have more than the state says; may be less than nothing. */
export interface RunChange {
  readonly run: RunNumber;
  claims: number;
  milliCpu: number;
  /** Holdings and planners that look at it. */
  users: number;
}

/** One claim, or the end of one. */
export interface Holding {
  readonly session: SessionId;
  readonly change: RunChange;
  readonly requirement: Requirement;
  readonly limits: readonly Limit[];
}

export class Unapplied {
  /** By claims that are not applied yet. */
  readonly reserved = new Reservations();
  /** By results that are not applied yet. */
  readonly freed = new Reservations();
  private readonly runs = new Map<RunNumber, RunChange>();
  private readonly seats = new Map<string, number>();

  /** To look at until `leave`. */
  changeOf(run: RunNumber): RunChange {
    let change = this.runs.get(run);
    if (change === undefined) this.runs.set(run, (change = { run, claims: 0, milliCpu: 0, users: 0 }));
    change.users++;
    return change;
  }

  leave(change: RunChange): void {
    if (--change.users === 0 && this.runs.get(change.run) === change) this.runs.delete(change.run);
  }

  /** Claims that a run will have beyond those of the state. */
  pendingClaims(run: RunNumber): number {
    return this.runs.get(run)?.claims ?? 0;
  }

  /** Claims that will hold a limit's key, beyond those of the state. */
  seatsOf(key: string): number {
    return this.seats.get(key) ?? 0;
  }

  clear(): void {
    this.reserved.clear();
    this.freed.clear();
    this.runs.clear();
    this.seats.clear();
  }

  /** A claim is planned. */
  claim(module: ModuleRecord, session: SessionId): Holding {
    const holding = this.hold(module, session);
    this.reserved.add(session, holding.requirement);
    this.count(holding, 1);
    return holding;
  }

  unclaim(holding: Holding): void {
    this.reserved.remove(holding.session, holding.requirement);
    this.count(holding, -1);
    this.leave(holding.change);
  }

  /** A claim is about to end. */
  end(module: ModuleRecord, session: SessionId): Holding {
    const holding = this.hold(module, session);
    this.freed.add(session, holding.requirement);
    this.count(holding, -1);
    return holding;
  }

  unend(holding: Holding): void {
    this.freed.remove(holding.session, holding.requirement);
    this.count(holding, 1);
    this.leave(holding.change);
  }

  private hold(module: ModuleRecord, session: SessionId): Holding {
    return { session, change: this.changeOf(module.run.number), requirement: module.requirement, limits: limitsOf(module) };
  }

  private count({ change, requirement, limits }: Holding, by: 1 | -1): void {
    change.claims += by;
    change.milliCpu += by * requirement.milliCpu;
    for (const { key } of limits) {
      const seats = this.seatsOf(key) + by;
      if (seats === 0) this.seats.delete(key);
      else this.seats.set(key, seats);
    }
  }
}
