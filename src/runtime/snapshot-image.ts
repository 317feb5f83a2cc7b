/**
 * A cell's state as snapshot sections: the header first, then one section per run. A run that did not change since the
 * last snapshot is not encoded again.
 */
import type { LogIndex, RunNumber } from '../core/lib/ids.ts';
import type { Slice } from '../core/lib/slice.ts';
import type { Plain } from '../core/lib/plain.ts';
import { fromSections, toSections, type RunSection } from '../core/cell/snapshot.ts';
import { createCell, type CellHooks, type CellState } from '../core/cell/state.ts';
import type { SnapshotMeta } from '../core/raft/types.ts';
import { isSkeinError, SkeinError } from '../errors.ts';
import { decodePlain, encodePlainInSlices } from '../protocol/plain-codec.ts';
import { decodeSpecInSlices, encodeSpec } from '../protocol/spec-codec.ts';

export const cellHooks: CellHooks = {
  *decodeSubmit(bytes, slice) {
    try {
      return yield* decodeSpecInSlices(bytes, slice);
    } catch (error) {
      if (isSkeinError(error, 'FRAME_INVALID')) return undefined;
      throw error;
    }
  },
  encodeSubmit: encodeSpec,
};

export interface CapturedSnapshot {
  readonly meta: SnapshotMeta;
  /** The header of the state, then one for each run. */
  readonly sections: readonly Uint8Array[];
}

interface Encoded {
  readonly revision: LogIndex;
  readonly bytes: Uint8Array;
}

/** Steps (`Slice`) for a run besides its encoding. */
const SECTION_STEPS = 5;

export class SnapshotImage {
  #runs = new Map<RunNumber, Encoded>();

  /** Nothing may be applied to `state` before the last slice. */
  *encode(state: CellState, slice: Slice): Generator<undefined, Uint8Array[]> {
    const { header, runs } = toSections(state);
    const sections = [yield* encodePlainInSlices(header, slice)];
    const kept = new Map<RunNumber, Encoded>();
    for (const section of runs) {
      const before = this.#runs.get(section.run);
      const encoded = before?.revision === section.revision ? before : yield* encodeRun(section, slice);
      kept.set(section.run, encoded);
      sections.push(encoded.bytes);
      if (slice.spent(SECTION_STEPS)) yield undefined;
    }
    this.#runs = kept;
    return sections;
  }
}

function* encodeRun({ revision, plainInSlices }: RunSection, slice: Slice): Generator<undefined, Encoded> {
  return { revision, bytes: yield* encodePlainInSlices(yield* plainInSlices(slice), slice) };
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
