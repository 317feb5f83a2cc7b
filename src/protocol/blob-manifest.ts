/** How a blob is cut: chunks of 4 MiB, each with its digest, so that each is checked by itself and may come from anybody. */
import type { Cid } from '../core/lib/ids.ts';
import { SkeinError } from '../errors.ts';
import { DIGEST_BYTES, readCid } from './cid.ts';
import { BLOB_BYTES_MAX, BLOB_CHUNK_BYTES } from './limits.ts';
import { decodeWire, encodeWire } from './reader.ts';

const VERSION = 1;

/** What is needed to fetch and check a blob. */
export interface BlobLayout {
  readonly cid: Cid;
  readonly size: number;
  /** At least 1: an empty file is one empty chunk. */
  readonly chunkCount: number;
  /** Digests of the chunks, one after the other. */
  readonly digests: Uint8Array;
}

/** Does a file of this size need a manifest, or is it one chunk that is named by its own digest? */
export function needsManifest(size: number): boolean {
  return size > BLOB_CHUNK_BYTES;
}

/** @param digests of all chunks, 32 bytes each. */
export function encodeManifest(size: number, digests: Uint8Array): Uint8Array {
  return encodeWire([VERSION, size, BLOB_CHUNK_BYTES, digests]);
}

/** The only chunk of a small file. @param cid of kind raw. */
export function layoutOfRaw(cid: Cid, size: number): BlobLayout {
  const read = readCid(cid);
  if (read?.kind !== 'raw' || size > BLOB_CHUNK_BYTES) throw new SkeinError('BLOB_INVALID', `${cid} cannot name a file of ${size} bytes`);
  return { cid, size, chunkCount: 1, digests: read.digest };
}

/** @param bytes whose digest is that of `cid`: to be checked by the caller. @throws SkeinError BLOB_INVALID */
export function layoutOfManifest(cid: Cid, bytes: Uint8Array): BlobLayout {
  const refuse = (why: string): SkeinError => new SkeinError('BLOB_INVALID', `the manifest ${cid} ${why}`);
  try {
    const reader = decodeWire(bytes);
    const version = reader.int();
    if (version !== VERSION) throw refuse(`is of version ${version}, this node reads version ${VERSION}`);
    const size = reader.int();
    const chunkBytes = reader.int();
    const digests = reader.bytes((BLOB_BYTES_MAX / BLOB_CHUNK_BYTES) * DIGEST_BYTES);
    reader.end();
    if (chunkBytes !== BLOB_CHUNK_BYTES) throw refuse(`has chunks of ${chunkBytes} bytes, ${BLOB_CHUNK_BYTES} are expected`);
    const chunkCount = Math.ceil(size / BLOB_CHUNK_BYTES);
    if (!needsManifest(size) || size > BLOB_BYTES_MAX || digests.byteLength !== chunkCount * DIGEST_BYTES) throw refuse(`has ${digests.byteLength} bytes of digests for a file of ${size} bytes`);
    return { cid, size, chunkCount, digests };
  } catch (error) {
    if (error instanceof SkeinError && error.code === 'FRAME_INVALID') throw refuse(`cannot be read: ${error.message}`);
    throw error;
  }
}

export function chunkLength({ size, chunkCount }: BlobLayout, chunk: number): number {
  return chunk < chunkCount - 1 ? BLOB_CHUNK_BYTES : size - (chunkCount - 1) * BLOB_CHUNK_BYTES;
}

export function chunkDigest({ digests }: BlobLayout, chunk: number): Uint8Array {
  return digests.subarray(chunk * DIGEST_BYTES, (chunk + 1) * DIGEST_BYTES);
}
