/** Where in the folder of blobs which file lies. */
import type { Stats } from 'node:fs';
import { join } from 'node:path';
import type { Cid } from '../../core/lib/ids.ts';

export const WHOLE = 'whole';
export const MANIFESTS = 'manifests';
export const PARTS = 'parts';
/** An empty file for each blob that was pinned by hand. */
export const PINS = 'pins';
/** Files on their way in, whose names are not known yet. */
export const NEW = 'new';

/** All in one folder, which is synced once for many of them. */
export function wholeFile(cid: Cid): string {
  return join(WHOLE, cid);
}

export function manifestFile(cid: Cid): string {
  return join(MANIFESTS, cid);
}

export function pinFile(cid: Cid): string {
  return join(PINS, cid);
}

/**
 * The time of last change that every stored file has, its seal: whoever writes to it, by whatever name, breaks it. The
 * time of last access tells when the blob was used.
 */
export const SEAL = new Date(946_684_800_000);

/** The same of a small file that is whole and was not synced yet: no seal, since a power cut may take its bytes. */
export const UNSYNCED = new Date(SEAL.getTime() - 1000);

/** The same of one that is to be compared before it is used, whatever becomes of the process that began to. */
export const UNSEALED = new Date(SEAL.getTime() - 2000);

export function isUnsealed({ mtimeMs }: Stats): boolean {
  return mtimeMs === UNSEALED.getTime();
}

export function isUnsynced({ mtimeMs }: Stats): boolean {
  return mtimeMs === UNSYNCED.getTime();
}

export function isSealed({ mtimeMs }: Stats): boolean {
  return mtimeMs === SEAL.getTime();
}
