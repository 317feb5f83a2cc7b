/** Which of two cells is senior (PROTOCOL §7): static facts and a total order, so that the answer never flaps. */
import type { CellId } from '../lib/ids.ts';

export interface CellRank {
  readonly id: CellId;
  readonly createdAt: number;
  /** Was a Submit ever accepted in it? */
  readonly established: boolean;
}

/** `established` first, then the earlier one, then the lower id. False for one and the same cell. */
export function isSenior(a: CellRank, b: CellRank): boolean {
  if (a.established !== b.established) return a.established;
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt;
  return a.id < b.id;
}
