/**
 * Files that come with a run, and bundles that are blobs. The node that accepts it has them first, so that there is one holder at least when the
 * first module starts, whatever becomes of the node on which they were put.
 */
import { bundleBlobs, submittedFiles } from '../../core/cell/files.ts';
import type { FilesRef, RunSpec } from '../../core/cell/types.ts';
import { isSkeinError, SkeinError, type ErrorCode } from '../../errors.ts';
import { checkedCid } from '../../protocol/cid.ts';
import type { NodeContext } from '../context.ts';
import type { Blobs } from './blobs.ts';
import { fetchAll } from './fetch-all.ts';
import { readTree } from './read-tree.ts';

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
export function gatherSubmitted(context: NodeContext, blobs: Blobs, { params, bundles }: Pick<RunSpec, 'params' | 'bundles'>, done: (error?: SkeinError) => void): void {
  const brought: Brought[] = [
    ...Array.from(submittedFiles(params), ([param, ref]): Brought => ({ ref, what: `parameter ${JSON.stringify(param)}`, data: { param }, code: 'PARAM_INVALID' })),
    ...Array.from(bundleBlobs(bundles).values(), (ref): Brought => ({ ref, what: `the bundle of ${ref.name}`, data: { file: ref.name }, code: 'PIPELINE_INVALID' })),
  ];
  const next = (position: number): void => {
    const one = brought[position];
    if (one === undefined) return done();
    gather(context, blobs, one, (error) => (error === undefined ? next(position + 1) : done(blamed(one, error))));
  };
  next(0);
}

function gather(context: NodeContext, blobs: Blobs, { ref, code }: Brought, done: Done): void {
  try {
    checkedCid(ref.cid);
  } catch (error) {
    return done(error as Error);
  }
  blobs.fetch(ref.cid, (error, size) => {
    if (error !== undefined) return done(error);
    if (ref.kind === 'tree') return gatherTree(context, blobs, ref, done);
    done(size === ref.size ? undefined : new SkeinError(code, `it is said to have ${ref.size} bytes, and ${ref.cid} has ${size}`));
  });
}

function gatherTree(context: NodeContext, blobs: Blobs, { cid }: FilesRef, done: Done): void {
  readTree(context, blobs, cid, (error, files) => {
    if (error === undefined) fetchAll(blobs, files.map((file) => file.cid), {}, done);
    else done(error);
  });
}

function blamed({ what, data, code }: Brought, error: Error): SkeinError {
  return new SkeinError(isSkeinError(error) ? error.code : code, `${what}: ${error.message}`, data, { cause: error });
}
