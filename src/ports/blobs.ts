/**
 * Where blobs lie: a folder of whole files by name, and of parts of those that are being fetched. Listing is synchronous
 * since it happens before a node joins; everything else answers by callback, later, as `Disk` does. Nothing is checked
 * here: what is read may be damaged, and whoever reads compares digests.
 */
import type { Cid } from '../core/lib/ids.ts';

export interface StoredBlob {
  readonly cid: Cid;
  readonly size: number;
  /** Wall ms of its last use. */
  readonly usedAt: number;
  /** By hand: never removed by itself. */
  readonly pinned: boolean;
}

/** What is here of a blob that is not whole. */
export type StoredPart = Pick<StoredBlob, 'cid' | 'size' | 'usedAt'>;

/** Of the disk that the blobs lie on, bytes. */
export interface DiskRoom {
  readonly free: number;
  readonly total: number;
}

export interface BlobStore {
  /** Whole ones. */
  list(): StoredBlob[];
  /** @param length bytes from `offset` on, of the whole file or of the part of it that is here; less at its end. */
  read(cid: Cid, offset: number, length: number, done: BlobDone<Uint8Array>): void;
  /** The same of the part alone: a whole file that is just being removed is no part of the next one. */
  readPart(cid: Cid, offset: number, length: number, done: BlobDone<Uint8Array>): void;
  manifest(cid: Cid, done: BlobDone<Uint8Array>): void;
  writePart(cid: Cid, offset: number, bytes: Uint8Array, done: BlobDone): void;
  /** A blob of one chunk, all at once. It can be read when `done` is called, and is durable when `sync` says so. */
  write(cid: Cid, bytes: Uint8Array, done: BlobDone): void;
  /** Calls back when a blob that is here would survive a power cut. */
  sync(cid: Cid, done: BlobDone): void;
  /**
   * The part is the whole file now. It and its manifest are durable when `done` is called, and appear at once or not at all.
   * @param manifest undefined for a blob of one chunk.
   */
  finish(cid: Cid, size: number, manifest: Uint8Array | undefined, done: BlobDone): void;
  dropPart(cid: Cid, done: BlobDone): void;
  parts(done: BlobDone<readonly StoredPart[]>): void;
  /** Durable when `done` is called. */
  pin(cid: Cid, on: boolean, done: BlobDone): void;
  room(done: BlobDone<DiskRoom>): void;
  /** It was used now. */
  touch(cid: Cid): void;
  /** Is it certain enough that nobody wrote to the file since it was stored? Cheap: nothing is read. */
  sealed(cid: Cid, done: (seal: SealState) => void): void;
  /** It counts as `missing` until it is sealed, for this process and the next: it is going to be compared. */
  unseal(cid: Cid, done: BlobDone): void;
  /** It fits: synced, and `whole` from now on, unless somebody wrote to it since `unseal`. */
  seal(cid: Cid, done: BlobDone): void;
  remove(cid: Cid, done: BlobDone): void;
  /** sha2-256, off the event loop where that is possible. */
  digest(bytes: Uint8Array, done: (digest: Uint8Array) => void): void;
  /** The same of bytes that come in pieces. */
  hasher(): BlobHasher;
}

/** `missing`: there is no file, or it was not compared since its seal broke, or written by a process that ended before it was synced. `broken`: somebody wrote to it. */
export type SealState = 'whole' | 'missing' | 'broken';

export interface BlobHasher {
  update(bytes: Uint8Array): void;
  /** Of all so far; nothing can be added then. */
  digest(): Uint8Array;
}

export type BlobDone<T = void> = (error?: Error, value?: T) => void;

/** Was it refused for lack of room? */
export function isDiskFull(error: Error): boolean {
  const { code } = error as Error & { readonly code?: unknown };
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** Did the machine lack something for the moment (open files, memory)? Then it says nothing about the file. */
export function isPassing(error: Error): boolean {
  const { code } = error as Error & { readonly code?: unknown };
  return code === 'EMFILE' || code === 'ENFILE' || code === 'ENOMEM' || code === 'EAGAIN' || code === 'EBUSY';
}
