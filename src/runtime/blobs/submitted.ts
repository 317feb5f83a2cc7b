/**
 * Files that come with a run, and bundles that are blobs. The node that accepts it has them first, so that there is one holder at least when the
 * first module starts, whatever becomes of the node on which they were put.
 */
import { bundleBlobs, submittedFiles } from '../../core/cell/files.ts';
import type { FilesRef, RunSpec } from '../../core/cell/types.ts';
import type { Cid } from '../../core/lib/ids.ts';
import { isSkeinError, SkeinError, type ErrorCode } from '../../errors.ts';
import { checkedCid } from '../../protocol/cid.ts';
import { decodeTree } from '../../protocol/tree-codec.ts';
import type { Blobs } from './blobs.ts';

type Done = (error?: Error) => void;

interface Brought {
  readonly ref: FilesRef;
  /** For messages. */
  readonly what: string;
  readonly data: Readonly<Record<string, string>>;
  /** When it is not what it is said to be. */
  readonly code: ErrorCode;
}

/** Calls `done` when all that the run brings is here, or with what keeps a part of it away; at once when it brings nothing. */
export function gatherSubmitted(blobs: Blobs, { params, bundles }: Pick<RunSpec, 'params' | 'bundles'>, done: (error?: SkeinError) => void): void {
  const brought: Brought[] = [
    ...Array.from(submittedFiles(params), ([param, ref]): Brought => ({ ref, what: `parameter ${JSON.stringify(param)}`, data: { param }, code: 'PARAM_INVALID' })),
    ...Array.from(bundleBlobs(bundles).values(), (ref): Brought => ({ ref, what: `the bundle of ${ref.name}`, data: { file: ref.name }, code: 'PIPELINE_INVALID' })),
  ];
  const next = (position: number): void => {
    const one = brought[position];
    if (one === undefined) return done();
    gather(blobs, one, (error) => (error === undefined ? next(position + 1) : done(blamed(one, error))));
  };
  next(0);
}

function gather(blobs: Blobs, { ref, code }: Brought, done: Done): void {
  try {
    checkedCid(ref.cid);
  } catch (error) {
    return done(error as Error);
  }
  blobs.fetch(ref.cid, (error, size) => {
    if (error !== undefined) return done(error);
    if (ref.kind === 'tree') return gatherTree(blobs, ref, done);
    done(size === ref.size ? undefined : new SkeinError(code, `it is said to have ${ref.size} bytes, and ${ref.cid} has ${size}`));
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

function blamed({ what, data, code }: Brought, error: Error): SkeinError {
  return new SkeinError(isSkeinError(error) ? error.code : code, `${what}: ${error.message}`, data, { cause: error });
}
