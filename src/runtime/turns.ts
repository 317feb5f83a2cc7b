/** Sliced work over several turns of the event loop. */
import { Slice, STEPS_PER_SLICE } from '../core/lib/slice.ts';
import type { NodeContext } from './context.ts';

/** How much is done in one turn. */
export function stepsPerTurn(context: NodeContext): number {
  return context.init.storage?.stepsPerSlice ?? STEPS_PER_SLICE;
}

/**
 * The first piece at once, so that what is small is done when this returns; each further one in a turn of its own.
 * @param done called once, unless the node stops first: then `stopped` is.
 */
export function inTurns<T>(context: NodeContext, work: (slice: Slice) => Generator<undefined, T>, done: (result: T) => void, stopped: () => void = () => undefined): void {
  const slice = new Slice(0);
  const generator = work(slice);
  let forget: (() => void) | undefined;
  const goOn = (): void => {
    slice.refill(stepsPerTurn(context));
    const next = generator.next();
    if (next.done === true) {
      forget?.();
      done(next.value);
      return;
    }
    forget ??= context.onStop(stopped);
    context.after(0, goOn);
  };
  goOn();
}
