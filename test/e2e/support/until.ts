/** Waiting for what shall come true. The only sleeps of these tests are here: between two looks. */
import { setTimeout as pause } from 'node:timers/promises';

const LOOK_MS = 40;
/** Generous: on a machine that does other things as well, only a real fault takes this long. */
export const PATIENCE_MS = 60_000;

/** Looks until `check` gives something other than undefined or false; an error counts as "not yet" and is told at the end. */
export async function until<T>(what: string, check: () => Promise<T | undefined | false> | T | undefined | false, patienceMs = PATIENCE_MS): Promise<T> {
  const end = performance.now() + patienceMs;
  let last = '';
  for (;;) {
    try {
      const found = await check();
      if (found !== undefined && found !== false) return found;
      last = '';
    } catch (error) {
      last = ` (${error instanceof Error ? error.message : String(error)})`;
    }
    if (performance.now() > end) throw new Error(`${what}: not within ${patienceMs} ms${last}`);
    await pause(LOOK_MS);
  }
}

/** Something that must not come true is watched for so long. */
export async function never(what: string, check: () => boolean | Promise<boolean>, forMs: number): Promise<void> {
  const end = performance.now() + forMs;
  while (performance.now() < end) {
    if (await check()) throw new Error(`${what}, which must not happen`);
    await pause(LOOK_MS);
  }
}
