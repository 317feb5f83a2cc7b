/**
 * Files that come with a run. The node that accepts it has them first, so that there is one holder at least when the
 * first module starts, whatever becomes of the node on which they were put.
 */
import { submittedFiles } from '../../core/cell/files.ts';
import type { FilesRef, RunSpec } from '../../core/cell/types.ts';
import type { Cid } from '../../core/lib/ids.ts';
import { isSkeinError, SkeinError } from '../../errors.ts';
import { checkedCid } from '../../protocol/cid.ts';
import { decodeTree } from '../../protocol/tree-codec.ts';
import type { Blobs } from './blobs.ts';

type Done = (error?: Error) => void;

/** Calls `done` when all files of the run are here, or with what keeps one of them away; at once when it has none. */
export function gatherSubmitted(blobs: Blobs, { params }: Pick<RunSpec, 'params'>, done: (error?: SkeinError) => void): void {
  const refs = [...submittedFiles(params)];
  const next = (position: number): void => {
    const [name, ref] = refs[position] ?? [];
    if (name === undefined || ref === undefined) return done();
    gather(blobs, ref, (error) => (error === undefined ? next(position + 1) : done(blamed(name, error))));
  };
  next(0);
}

function gather(blobs: Blobs, ref: FilesRef, done: Done): void {
  try {
    checkedCid(ref.cid);
  } catch (error) {
    return done(error as Error);
  }
  blobs.fetch(ref.cid, (error, size) => {
    if (error !== undefined) return done(error);
    if (ref.kind === 'tree') return gatherTree(blobs, ref, done);
    done(size === ref.size ? undefined : new SkeinError('PARAM_INVALID', `it is said to have ${ref.size} bytes, and ${ref.cid} has ${size}`));
  });
}

function gatherTree(blobs: Blobs, { cid }: FilesRef, done: Done): void {
  blobs.readWhole(cid, (error, bytes) => {
    if (error !== undefined || bytes === undefined) return done(error ?? new SkeinError('BLOB_INVALID', `${cid} is empty`));
    try {
      fetchAll(blobs, [...new Set(decodeTree(bytes).map((file) => file.cid))], done);
    } catch (cause) {
      done(cause as Error);
    }
  });
}

/** One after the other: those that are here take no time, and the others come in parts from several nodes anyway. */
function fetchAll(blobs: Blobs, cids: readonly Cid[], done: Done): void {
  const next = (position: number): void => {
    const cid = cids[position];
    if (cid === undefined) return done();
    blobs.fetch(cid, (error) => (error === undefined ? next(position + 1) : done(error)));
  };
  next(0);
}

function blamed(param: string, error: Error): SkeinError {
  const code = isSkeinError(error) ? error.code : 'PARAM_INVALID';
  return new SkeinError(code, `parameter ${JSON.stringify(param)}: ${error.message}`, { param }, { cause: error });
}
