/** Claims of runs whose Submit is on its way into the log: they hold room until they are applied, or never will be. */
import type { Requirement } from '../cell/matching.ts';
import { newRun } from '../cell/run-record.ts';
import { specProblem } from '../cell/run-spec.ts';
import type { CellState, RunRecord } from '../cell/state.ts';
import type { ClaimItem, Command } from '../cell/types.ts';
import type { RunNumber } from '../lib/ids.ts';
import type { Reservations } from './reservations.ts';

/** In a larger run the first claims are a small part of all that follows. */
const FORESEEN_MODULES_MAX = 64;

/** The run as its Submit will make it. @returns undefined for one that makes none, or that is not worth it. */
export function foreseenRun(state: CellState, { spec, requestKey, now }: Extract<Command, { type: 'submit' }>, number: RunNumber): RunRecord | undefined {
  if (state.cellId === '' || spec.modules.length > FORESEEN_MODULES_MAX || state.requests.has(requestKey) || specProblem(spec) !== undefined) return undefined;
  return newRun(state.cellId, number, spec, requestKey, now, number);
}

interface First {
  readonly item: ClaimItem;
  readonly requirement: Requirement;
}

export class FirstClaims {
  private readonly reserved: Reservations;
  /** By the number that the run will have, if nothing else gets it. */
  private readonly runs = new Map<RunNumber, readonly First[]>();

  /** @param reserved holds the room of the items already. */
  constructor(reserved: Reservations) {
    this.reserved = reserved;
  }

  /** @param run as foreseen: not the record that the state will have. */
  add(run: RunRecord, items: readonly ClaimItem[]): void {
    if (items.length === 0) return;
    const added = items.map((item): First => ({ item, requirement: run.modules[item.module]!.requirement }));
    this.runs.set(run.number, [...(this.runs.get(run.number) ?? []), ...added]);
  }

  /** Gives back the room of some claims: the state knows of them now, or nobody ever will. */
  end(run: RunNumber, which: (item: ClaimItem) => boolean): void {
    const list = this.runs.get(run);
    if (list === undefined) return;
    const left = list.filter(({ item }) => !which(item));
    for (const { item, requirement } of list) if (which(item)) this.reserved.remove(item.session, requirement);
    if (left.length === 0) this.runs.delete(run);
    else this.runs.set(run, left);
  }

  clear(): void {
    this.runs.clear();
  }
}
