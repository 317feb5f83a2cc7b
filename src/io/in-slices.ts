/** Long work in pieces, each in a turn of the event loop of its own: what else the node has to do comes in between. */
import { setImmediate } from 'node:timers/promises';
import { Slice, STEPS_PER_SLICE } from '../core/lib/slice.ts';

/** Rejects with what `work` throws. */
export async function inSlices<T>(work: (slice: Slice) => Generator<undefined, T>): Promise<T> {
  const slice = new Slice(STEPS_PER_SLICE);
  const generator = work(slice);
  for (let next = generator.next(); ; next = generator.next()) {
    if (next.done === true) return next.value;
    await setImmediate();
    slice.refill(STEPS_PER_SLICE);
  }
}
