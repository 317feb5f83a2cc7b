/** How much of a module's inputs a node would have to fetch: the files that it needs and the log does not know it to have. */
import { filesOf } from '../cell/files.ts';
import type { ModuleRecord } from '../cell/state.ts';
import type { ResultItem } from '../cell/types.ts';
import type { NodeId } from '../lib/ids.ts';

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
export function inputPlaces({ run, index }: ModuleRecord, arriving?: Arriving): InputPlaces {
  const { inputs } = filesOf(run.spec.modules[index]!);
  if (inputs.length === 0) return nowhere;
  const here = new Map<NodeId, number>();
  let totalBytes = 0;
  for (const input of inputs) {
    if ('param' in input) continue;
    const source = run.modules[input.module];
    const result = source === undefined ? undefined : (arriving?.get(source) ?? source);
    const size = result?.outcome?.files?.[input.output]?.size ?? 0;
    totalBytes += size;
    for (const node of result?.holders ?? []) here.set(node, (here.get(node) ?? 0) + size);
  }
  return { totalBytes, here };
}

export function missingBytes({ totalBytes, here }: InputPlaces, node: NodeId): number {
  return totalBytes - (here.get(node) ?? 0);
}
