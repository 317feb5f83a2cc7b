/** A process that takes and gives back data directories as its parent says. */
import { acquireDataDir, type DataDir } from '../../../src/io/data-dir/data-dir.ts';
import { isSkeinError } from '../../../src/errors.ts';

let held: DataDir | undefined;

export type Request = { readonly type: 'acquire'; readonly dataDir?: string } | { readonly type: 'release' };
/** `slot` and `path` of what is held, or why nothing is. */
export type Answer = { readonly path: string; readonly slot: number | undefined } | { readonly code: string };

process.on('message', (request: Request) => {
  if (request.type === 'release') {
    held?.release();
    held = undefined;
    process.send?.({ code: 'RELEASED' } satisfies Answer);
    return;
  }
  acquireDataDir(request.dataDir === undefined ? {} : { dataDir: request.dataDir }).then(
    (dir) => {
      held = dir;
      process.send?.({ path: dir.path, slot: dir.slot } satisfies Answer);
    },
    (error: unknown) => process.send?.({ code: isSkeinError(error) ? error.code : String(error) } satisfies Answer),
  );
});
process.on('disconnect', () => process.exit());
process.send?.({ code: 'READY' } satisfies Answer);
