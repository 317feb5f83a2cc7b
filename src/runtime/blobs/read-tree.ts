/** Lists of files that are here, read in turns: one of 100,000 files at once would hold heartbeats up for longer than they may be late. */
import type { BlobFile } from '../../core/cell/types.ts';
import type { Cid } from '../../core/lib/ids.ts';
import type { Slice } from '../../core/lib/slice.ts';
import { decodeTreeInSlices } from '../../protocol/tree-codec.ts';
import type { NodeContext } from '../context.ts';
import { inTurns } from '../turns.ts';
import type { Blobs } from './blobs.ts';

/** @param done with BLOB_INVALID when it is no list; not called when the node stops. */
export function readTree(context: NodeContext, blobs: Pick<Blobs, 'readWhole'>, cid: Cid, done: (error: Error | undefined, files: readonly BlobFile[]) => void): void {
  blobs.readWhole(cid, (error, bytes) => {
    if (error !== undefined || bytes === undefined) return done(error ?? new Error(`${cid} is empty`), []);
    inTurns(context, (slice) => decoded(bytes, slice), (files) => (files instanceof Error ? done(files, []) : done(undefined, files)));
  });
}

function* decoded(bytes: Uint8Array, slice: Slice): Generator<undefined, readonly BlobFile[] | Error> {
  try {
    return yield* decodeTreeInSlices(bytes, slice);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
