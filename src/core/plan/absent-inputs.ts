/** Inputs that nobody has who is there: whoever claimed the module would look for them in vain and hand it back. */
import { specOf } from '../cell/accessors.ts';
import { presentHolders } from '../cell/copies.ts';
import { filesOf } from '../cell/files.ts';
import { listedFile, producersOf } from '../cell/foreach.ts';
import type { CellState, ModuleRecord } from '../cell/state.ts';

/**
 * What left them. What came with the run is on nodes that the log does not name, and of a result that is
 * on its way into the log it does not say yet who has it: neither counts as absent.
 */
export function* absentSources(state: CellState, module: ModuleRecord): Generator<ModuleRecord> {
  const { run } = module;
  for (const input of filesOf(specOf(module)).inputs) {
    if ('param' in input) continue;
    for (const source of producersOf(run, input.module)) if (isAbsent(state, source)) yield source;
  }
  const producer = module.item === -1 ? undefined : listedFile(module)?.producer;
  if (producer !== undefined && isAbsent(state, producer)) yield producer;
}

function isAbsent(state: CellState, source: ModuleRecord): boolean {
  return source.phase === 'succeeded' && source.outcome?.files !== undefined && presentHolders(state, source).length === 0;
}

export function lacksInputs(state: CellState, module: ModuleRecord): boolean {
  return absentSources(state, module).next().done !== true;
}
