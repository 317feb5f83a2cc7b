/** How long blobs are kept and what room they have. */
import type { SkeinError } from '../../errors.ts';

/** What blobs may take of a disk: bytes, or a share of it in (0, 1]. */
export type BlobQuota = { readonly bytes: number } | { readonly share: number };

export const BLOB_QUOTA: BlobQuota = { share: 0.8 };
export const BLOB_RETENTION_MS = 7 * 24 * 60 * 60_000;

/** On the disk, for what comes. */
export interface BlobRoom {
  /** Room for so many bytes, of which `written` are on the disk already. @param done with BLOB_DISK_FULL when there is none. */
  readonly make: (bytes: number, written: number, done: (error?: SkeinError) => void) => void;
  /** The disk itself was full. @param done whether that can be tried again. */
  readonly squeeze: (bytes: number, done: (freed: boolean) => void) => void;
}
