/** Specifications of finished runs, encoded, so that they can be run once more; as many as there is room for, the newest. */
import { assert } from '../lib/assert.ts';
import { SOURCE_BYTES_MAX, SOURCES_BYTES_MAX } from './limits.ts';
import { editRun } from './mutate.ts';
import type { CellState, RunRecord } from './state.ts';

/** Call before its specification is reduced to a summary. */
export function keepSource(state: CellState, run: RunRecord): void {
  const source = state.hooks.encodeSubmit(run.spec);
  if (source.length === 0 || source.length > SOURCE_BYTES_MAX) return;
  editRun(state, run).source = source;
  addSource(state, run);
  while (state.sourceBytes > SOURCES_BYTES_MAX) {
    const oldest = oldestOf(state);
    dropSource(state, oldest);
    editRun(state, oldest).source = null;
  }
}

/** Of those that ended in the same millisecond the first submitted, whatever order they are remembered in. */
function oldestOf({ sources }: CellState): RunRecord {
  let oldest: RunRecord | undefined;
  for (const run of sources.values()) {
    if (oldest === undefined || (run.finishedAt === oldest.finishedAt && run.number < oldest.number)) oldest = run;
    else if (run.finishedAt > oldest.finishedAt) break;
  }
  assert(oldest !== undefined, 'what takes room is there');
  return oldest;
}

export function addSource(state: CellState, run: RunRecord): void {
  state.sources.set(run.number, run);
  state.sourceBytes += run.source?.length ?? 0;
}

/** The run is removed, or its source is to be. */
export function dropSource(state: CellState, run: RunRecord): void {
  if (state.sources.delete(run.number)) state.sourceBytes -= run.source?.length ?? 0;
}
