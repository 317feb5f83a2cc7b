/** Where in the folder of blobs which file lies. */
import { join } from 'node:path';
import type { Cid } from '../../core/lib/ids.ts';

export const WHOLE = 'whole';
export const MANIFESTS = 'manifests';
export const PARTS = 'parts';
/** Files on their way in, whose names are not known yet. */
export const NEW = 'new';

/** Whole files are spread over some hundred folders by the end of their name; its beginning is the same for all. */
export function wholeFile(cid: Cid): string {
  return join(WHOLE, cid.slice(-2), cid);
}

export function manifestFile(cid: Cid): string {
  return join(MANIFESTS, cid);
}
