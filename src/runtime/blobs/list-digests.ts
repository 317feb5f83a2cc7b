/** What the log is told of files that a `foreach` goes over: how many there are, and a digest of each. */
import { digestedOutputs, digestsOfFiles } from '../../core/cell/files.ts';
import type { BlobFile, Outcome } from '../../core/cell/types.ts';
import { decodeTree } from '../../protocol/tree-codec.ts';
import type { Blobs } from './blobs.ts';

/** Adds the digests to an outcome whose files were just put on this disk. @param listed outputs that are gone over. */
export function reportList(blobs: Pick<Blobs, 'readWhole'>, outcome: Outcome, listed: readonly string[], done: (outcome: Outcome) => void): void {
  const due = outcome.ok ? digestedOutputs(listed, outcome.files) : [];
  const digests: Record<string, Uint8Array> = {};
  const next = (at: number): void => {
    const output = due[at];
    if (output === undefined) return done(due.length === 0 ? outcome : { ...outcome, digests });
    const ref = outcome.files![output]!;
    const take = (files: readonly BlobFile[]): void => {
      digests[output] = digestsOfFiles(files);
      next(at + 1);
    };
    if (ref.kind !== 'tree') return take([{ path: ref.name, cid: ref.cid, size: ref.size, executable: ref.kind === 'program' }]);
    blobs.readWhole(ref.cid, (error, bytes) => {
      if (bytes !== undefined) return take(decodeTree(bytes));
      const { files: _files, ...rest } = outcome;
      done({ ...rest, ok: false, values: {}, error: { code: 'NODE_EXHAUSTED', message: `the list of output ${output} could not be read: ${error?.message ?? ''}` } });
    });
  };
  next(0);
}
