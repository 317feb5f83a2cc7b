/** What no schedule can beat, however clever. */

export interface Lengths {
  /** Per module: longest path of those before it, ms. */
  readonly headsMs: Float64Array;
  /** Per module: longest path of those after it, ms. */
  readonly tailsMs: Float64Array;
}

/** @param order as from `topologicalOrder`. */
export function pathLengths(modules: readonly { readonly needs: readonly number[] }[], durations: Float64Array, remaining: Float64Array, order: Int32Array): Lengths {
  const headsMs = new Float64Array(modules.length);
  const tailsMs = new Float64Array(modules.length);
  for (const module of order) {
    let head = 0;
    for (const need of modules[module]!.needs) head = Math.max(head, headsMs[need]! + durations[need]!);
    headsMs[module] = head;
    tailsMs[module] = remaining[module]! - durations[module]!;
  }
  return { headsMs, tailsMs };
}

/**
 * The longest of: the critical path; for each instant before which some modules cannot start, that instant plus their
 * work spread over all slots; and the same from the end. The last two see that slots must idle while a graph is still,
 * or already, narrow.
 *
 * @param workMs per module: duration × cpu slots.
 */
export function lowerBoundMs({ headsMs, tailsMs }: Lengths, durations: Float64Array, workMs: Float64Array, slots: number): number {
  let bound = 0;
  for (let i = 0; i < durations.length; i++) bound = Math.max(bound, headsMs[i]! + durations[i]! + tailsMs[i]!);
  return Math.max(bound, narrow(headsMs, workMs, slots), narrow(tailsMs, workMs, slots));
}

function narrow(lengths: Float64Array, workMs: Float64Array, slots: number): number {
  const order = Uint32Array.from(lengths, (_, i) => i).sort((a, b) => lengths[b]! - lengths[a]!);
  let sum = 0;
  let bound = 0;
  for (const i of order) {
    sum += workMs[i]!;
    bound = Math.max(bound, lengths[i]! + sum / slots);
  }
  return bound;
}
