/** Bundles of a run: small ones travel in it, larger ones are put on a node first, and the run names them. */
import type { FilesRef } from '../core/cell/types.ts';
import { sizeText } from '../core/lib/size-text.ts';
import { isSkeinError, SkeinError } from '../errors.ts';
import type { Bundle } from './bundle.ts';
import { BUNDLE_IN_LOG_BYTES_MAX } from './limits.ts';
import { isFileName, type BlobPlace } from './param-files.ts';
import { quote } from './problems.ts';

/** As a run has it. */
export interface PutBundle {
  /** Of what it holds: its sha256 in hex, or the name of its blob. */
  readonly name: string;
  readonly carried: string | FilesRef;
}

/**
 * @param bundles by path as written; one that several modules use is put once.
 * @throws SkeinError BUNDLE_FAILED without a place; what `place` throws, with the file in front.
 */
export async function putBundles(bundles: ReadonlyMap<string, Bundle>, place: BlobPlace | undefined): Promise<Map<string, PutBundle>> {
  const put = new Map<string, PutBundle>();
  const byHash = new Map<string, PutBundle>();
  for (const [file, bundle] of bundles) {
    let one = byHash.get(bundle.hash);
    if (one === undefined) byHash.set(bundle.hash, (one = await putBundle(file, bundle, place)));
    put.set(file, one);
  }
  return put;
}

async function putBundle(file: string, { hash, source, bytes }: Bundle, place: BlobPlace | undefined): Promise<PutBundle> {
  if (bytes <= BUNDLE_IN_LOG_BYTES_MAX) return { name: hash, carried: source };
  const what = `the bundle of ${quote(file)}`;
  if (place === undefined) throw new SkeinError('BUNDLE_FAILED', `${what} is ${sizeText(bytes)}: over ${sizeText(BUNDLE_IN_LOG_BYTES_MAX)} it travels as a blob, and nothing here puts it on a node`, { file, bytes });
  try {
    const { cid, size } = await place.putBytes(Buffer.from(source));
    const name = file.slice(Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1);
    return { name: cid, carried: { kind: 'file', cid, name: isFileName(name) ? name : 'bundle.mjs', size, count: 1 } };
  } catch (error) {
    if (!isSkeinError(error) || !error.code.startsWith('BLOB_')) throw error;
    throw new SkeinError(error.code, `${what}: ${error.message}`, { ...error.data, file }, { cause: error });
  }
}
