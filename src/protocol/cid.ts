/** Names of blobs: CIDv1 with sha2-256, as text in base32. One content has one name, and one name one spelling. */
import { CID } from 'multiformats/cid';
import { create } from 'multiformats/hashes/digest';
import { SkeinError } from '../errors.ts';
import type { Cid } from '../core/lib/ids.ts';

/** `raw`: the digest is that of the content. `manifest`: that of the encoded manifest. */
export type CidKind = 'raw' | 'manifest';

/** Multicodec codes: raw, dag-cbor. */
const CODES: Readonly<Record<CidKind, number>> = { raw: 0x55, manifest: 0x71 };
const SHA2_256 = 0x12;
export const DIGEST_BYTES = 32;

/** @param digest sha2-256, 32 bytes. */
export function cidOf(kind: CidKind, digest: Uint8Array): Cid {
  return CID.createV1(CODES[kind], create(SHA2_256, digest)).toString() as Cid;
}

/** @returns undefined for anything but a name that `cidOf` gives. */
export function readCid(text: string): { readonly cid: Cid; readonly kind: CidKind; readonly digest: Uint8Array } | undefined {
  let parsed: CID;
  try {
    parsed = CID.parse(text);
  } catch {
    return undefined;
  }
  const kind = parsed.code === CODES.raw ? 'raw' : parsed.code === CODES.manifest ? 'manifest' : undefined;
  if (kind === undefined || parsed.version !== 1 || parsed.multihash.code !== SHA2_256 || parsed.multihash.size !== DIGEST_BYTES) return undefined;
  // Other bases and upper case would be second names of the same file.
  return parsed.toString() === text ? { cid: text as Cid, kind, digest: parsed.multihash.digest } : undefined;
}

/** @throws SkeinError BLOB_INVALID */
export function checkedCid(text: string): NonNullable<ReturnType<typeof readCid>> {
  const read = readCid(text);
  if (read !== undefined) return read;
  throw new SkeinError('BLOB_INVALID', `${JSON.stringify(text.slice(0, 100))} is not the name of a blob: expected a CID of version 1 in base32 with sha2-256, such as bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy`);
}
