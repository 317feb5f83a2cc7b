/**
 * A cell's state as snapshot sections: the header first, then one section per run. A run that did not change since the
 * last snapshot is not encoded again.
 */
import type { RunNumber } from '../core/lib/ids.ts';
import type { Plain } from '../core/lib/plain.ts';
import { fromSections, toSections } from '../core/cell/snapshot.ts';
import { createCell, type CellHooks, type CellState } from '../core/cell/state.ts';
import { isSkeinError, SkeinError } from '../errors.ts';
import { decodePlain, encodePlain } from '../protocol/plain-codec.ts';
import { decodeSpecInSlices } from '../protocol/spec-codec.ts';

export const cellHooks: CellHooks = {
  *decodeSubmit(bytes, slice) {
    try {
      return yield* decodeSpecInSlices(bytes, slice);
    } catch (error) {
      if (isSkeinError(error, 'FRAME_INVALID')) return undefined;
      throw error;
    }
  },
};

export class SnapshotImage {
  #runs = new Map<RunNumber, { readonly revision: number; readonly bytes: Uint8Array }>();

  encode(state: CellState): Uint8Array[] {
    const { header, runs } = toSections(state);
    const sections = [encodePlain(header)];
    const kept = new Map<RunNumber, { readonly revision: number; readonly bytes: Uint8Array }>();
    for (const { run, revision, plain } of runs) {
      const before = this.#runs.get(run);
      const section = before !== undefined && before.revision === revision ? before : { revision, bytes: encodePlain(plain()) };
      kept.set(run, section);
      sections.push(section.bytes);
    }
    this.#runs = kept;
    return sections;
  }
}

/** The state that these sections hold; an empty cell for none. @param mutants test-only. @throws SkeinError LOG_DAMAGED */
export function restoreImage(sections: readonly Uint8Array[] | undefined, mutants?: ReadonlySet<string>): CellState {
  const header = sections?.[0];
  const hooks = mutants === undefined ? cellHooks : { ...cellHooks, mutants };
  if (sections === undefined || header === undefined) return createCell(hooks);
  const runs: Plain[] = [];
  try {
    for (const section of sections.slice(1)) runs.push(decodePlain(section));
    return fromSections(decodePlain(header), runs, hooks);
  } catch (error) {
    if (isSkeinError(error, 'FRAME_INVALID')) throw new SkeinError('LOG_DAMAGED', `a snapshot section cannot be read: ${error.message}`, {}, { cause: error });
    throw error;
  }
}
