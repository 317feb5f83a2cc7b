/** Claims of runs whose Submit is on its way into the log: they hold room until they are applied, or never will be. */
import { newRun } from '../cell/run-record.ts';
import { specProblem } from '../cell/run-spec.ts';
import type { CellState, RunRecord } from '../cell/state.ts';
import type { ClaimItem, Command } from '../cell/types.ts';
import type { RunNumber } from '../lib/ids.ts';
import type { Holding, Unapplied } from './unapplied.ts';

/** In a larger run the first claims are a small part of all that follows. */
const FORESEEN_MODULES_MAX = 64;

/** The run as its Submit will make it. @returns undefined for one that makes none, or that is not worth it. */
export function foreseenRun(state: CellState, { spec, requestKey, now }: Extract<Command, { type: 'submit' }>, number: RunNumber): RunRecord | undefined {
  if (state.cellId === '' || spec.modules.length > FORESEEN_MODULES_MAX || state.requests.has(requestKey) || specProblem(spec) !== undefined) return undefined;
  return newRun(state.cellId, number, spec, requestKey, now, number);
}

export interface First {
  readonly item: ClaimItem;
  readonly holding: Holding;
}

export class FirstClaims {
  private readonly unapplied: Unapplied;
  /** By the number that the run will have, if nothing else gets it. */
  private readonly runs = new Map<RunNumber, readonly First[]>();

  constructor(unapplied: Unapplied) {
    this.unapplied = unapplied;
  }

  /** @param claims that hold what they need already. */
  add(run: RunNumber, claims: readonly First[]): void {
    if (claims.length > 0) this.runs.set(run, [...(this.runs.get(run) ?? []), ...claims]);
  }

  /** Gives back what some claims hold: the state knows of them now, or nobody ever will. */
  end(run: RunNumber, which: (item: ClaimItem) => boolean): void {
    const list = this.runs.get(run);
    if (list === undefined) return;
    const left = list.filter(({ item }) => !which(item));
    for (const { item, holding } of list) if (which(item)) this.unapplied.unclaim(holding);
    if (left.length === 0) this.runs.delete(run);
    else this.runs.set(run, left);
  }

  clear(): void {
    this.runs.clear();
  }
}
