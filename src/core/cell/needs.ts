/**
 * What needs what in a run, as flat arrays. Written as generators: a large graph is worked on in slices by whoever has
 * other things to do, and drained at once by everybody else.
 */
import { drained, type Slice } from '../lib/slice.ts';

export type Graph = readonly { readonly needs: readonly number[] }[];

export interface Children {
  /** Children of module i are `childList[childStart[i]]` to before `childStart[i + 1]`, rising. */
  readonly childStart: Int32Array;
  readonly childList: Int32Array;
}

/** Elements of a new array that cost one step: fresh memory is handed out page by page, when it is first touched. */
const NEW_PER_STEP = 8;

export function childrenOf(modules: Graph): Children {
  return drained((slice) => childrenInSlices(modules, slice));
}

export function* childrenInSlices(modules: Graph, slice: Slice): Generator<undefined, Children> {
  const childStart = new Int32Array(modules.length + 1);
  for (const { needs } of modules) {
    for (const need of needs) childStart[need + 1]!++;
    if (slice.spent(1 + needs.length)) yield undefined;
  }
  for (let i = 0; i < modules.length; i++) childStart[i + 1]! += childStart[i]!;
  const cursor = childStart.slice();
  const childList = new Int32Array(childStart[modules.length]!);
  if (slice.spent((3 * modules.length + childList.length) / NEW_PER_STEP)) yield undefined;
  for (let i = 0; i < modules.length; i++) {
    const { needs } = modules[i]!;
    for (const need of needs) childList[cursor[need]!++] = i;
    if (slice.spent(1 + needs.length)) yield undefined;
  }
  return { childStart, childList };
}

/** Modules in an order in which every need comes before what needs it; shorter than the list if there is a cycle. */
export function topologicalOrder(modules: Graph): Int32Array {
  return drained((slice) => orderInSlices(modules, slice));
}

export function* orderInSlices(modules: Graph, slice: Slice, known?: Children): Generator<undefined, Int32Array> {
  const { childStart, childList } = known ?? (yield* childrenInSlices(modules, slice));
  const missing = new Int32Array(modules.length);
  const order = new Int32Array(modules.length);
  if (slice.spent((2 * modules.length) / NEW_PER_STEP)) yield undefined;
  let end = 0;
  for (let i = 0; i < modules.length; i++) {
    missing[i] = modules[i]!.needs.length;
    if (missing[i] === 0) order[end++] = i;
  }
  if (slice.spent(modules.length / NEW_PER_STEP)) yield undefined;
  for (let next = 0; next < end; next++) {
    const at = order[next]!;
    const [from, to] = [childStart[at]!, childStart[at + 1]!];
    for (let c = from; c < to; c++) if (--missing[childList[c]!]! === 0) order[end++] = childList[c]!;
    if (slice.spent(1 + to - from)) yield undefined;
  }
  return order.subarray(0, end);
}
