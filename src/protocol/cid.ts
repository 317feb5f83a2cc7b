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

/** Version 1, codec, hash and its length, in base32: 35 bits, of which the last three are the first of the digest. */
const FORM = /^baf(k|y)rei[a-h][a-z2-7]{50}[aeimquy4]$/;

/**
 * Names come with every message about a blob, so their form is looked at without a general parser. Other bases and upper
 * case would be second names of the same file. @returns undefined for anything but a name that `cidOf` gives.
 */
export function readCid(text: string): { readonly cid: Cid; readonly kind: CidKind; readonly digest: Uint8Array } | undefined {
  const codec = FORM.exec(text)?.[1];
  if (codec === undefined) return undefined;
  return {
    cid: text as Cid,
    kind: codec === 'k' ? 'raw' : 'manifest',
    get digest() {
      return CID.parse(text).multihash.digest;
    },
  };
}

/** @throws SkeinError BLOB_INVALID */
export function checkedCid(text: string): NonNullable<ReturnType<typeof readCid>> {
  const read = readCid(text);
  if (read !== undefined) return read;
  throw new SkeinError('BLOB_INVALID', `${JSON.stringify(text.slice(0, 100))} is not the name of a blob: expected a CID of version 1 in base32 with sha2-256, such as bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy`);
}
