/** Many blobs for one purpose: the files of a list. */
import type { Cid } from '../../core/lib/ids.ts';
import type { Blobs, FetchOptions } from './blobs.ts';
import { WISHED_AT_ONCE } from './limits.ts';

/**
 * Wishes for so many at a time: 100,000 wishes at once would hold the event loop, and take memory that nobody needs before it is their turn.
 * @param done once: when all are here, or with what keeps the first of them away; the others are then given up.
 * @param each told of each that is here.
 * @returns gives up what is not here. `done` is not called then.
 */
export function fetchAll(blobs: Pick<Blobs, 'fetch'>, cids: Iterable<Cid>, options: FetchOptions, done: (error?: Error, cid?: Cid) => void, each: (cid: Cid, size: number) => void = () => undefined): () => void {
  const names = [...new Set(cids)];
  const wishes = new Map<Cid, () => void>();
  let next = 0;
  let left = names.length;
  const state = { over: left === 0 };
  let wishing = false;
  const giveUp = (): void => {
    state.over = true;
    // Those that wait first: else each that ends lets the next begin, which asks every peer for nothing.
    const open = [...wishes.values()].toReversed();
    wishes.clear();
    for (const takeBack of open) takeBack();
  };
  const wish = (cid: Cid): void => {
    let ended = false;
    const takeBack = blobs.fetch(cid, (error, size) => {
      ended = true;
      wishes.delete(cid);
      if (state.over) return;
      if (error !== undefined) {
        giveUp();
        return done(error, cid);
      }
      each(cid, size);
      left--;
      state.over = left === 0;
      if (state.over) done();
      else more();
    }, options);
    if (!ended) wishes.set(cid, takeBack);
  };
  /** A loop, since one that is here may be told of at once. */
  const more = (): void => {
    if (wishing) return;
    wishing = true;
    while (!state.over && next < names.length && wishes.size < WISHED_AT_ONCE) wish(names[next++]!);
    wishing = false;
  };
  if (state.over) done();
  else more();
  return giveUp;
}
