/** How much of a module's inputs a node would have to fetch: the files that it needs and the log does not know it to have. */
import { specOf } from '../cell/accessors.ts';
import { filesOf } from '../cell/files.ts';
import { listedFile, producersOf } from '../cell/foreach.ts';
import type { ModuleRecord } from '../cell/state.ts';
import type { ResultItem } from '../cell/types.ts';
import type { NodeId } from '../lib/ids.ts';
import { own } from '../lib/own.ts';

/** Less than this is moved in the time that a module takes to start. */
export const LOCALITY_BYTES_MIN = 4 * 1024 * 1024;

/** Bytes by node; a node that is not in it has none of them. */
export interface InputPlaces {
  readonly totalBytes: number;
  readonly here: ReadonlyMap<NodeId, number>;
}

const nowhere: InputPlaces = { totalBytes: 0, here: new Map() };

/** What is on its way into the log, by the module that it is of. */
export type Arriving = ReadonlyMap<ModuleRecord, Pick<ResultItem, 'outcome' | 'holders'>>;

/** What came with the run is on nodes that the log does not name: it counts for none of them. */
export function inputPlaces(module: ModuleRecord, arriving?: Arriving): InputPlaces {
  const { run } = module;
  const { inputs } = filesOf(specOf(module));
  const file = module.item === -1 ? undefined : listedFile(module);
  if (inputs.length === 0 && file === undefined) return nowhere;
  const here = new Map<NodeId, number>();
  let totalBytes = 0;
  const add = (size: number, holders: readonly NodeId[] = []): void => {
    totalBytes += size;
    for (const node of holders) here.set(node, (here.get(node) ?? 0) + size);
  };
  for (const input of inputs) {
    if ('param' in input) continue;
    for (const source of producersOf(run, input.module)) {
      const result = arriving?.get(source) ?? source;
      add(own(result.outcome?.files, input.output)?.size ?? 0, result.holders);
    }
  }
  // How large one file of a list is, the log does not know.
  if (file !== undefined) add(file.files.size / Math.max(1, file.files.count), file.holders);
  return { totalBytes, here };
}

export function missingBytes({ totalBytes, here }: InputPlaces, node: NodeId): number {
  return totalBytes - (here.get(node) ?? 0);
}
