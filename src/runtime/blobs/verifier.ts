/** Compares blobs that are here with their digests. */
import { equalBytes } from '../../core/lib/bytes.ts';
import type { Cid } from '../../core/lib/ids.ts';
import { isSkeinError } from '../../errors.ts';
import { isPassing, type BlobStore, type StoredBlob } from '../../ports/blobs.ts';
import { chunkDigest, chunkLength, layoutOfManifest, layoutOfRaw, needsManifest, type BlobLayout } from '../../protocol/blob-manifest.ts';
import { readCid } from '../../protocol/cid.ts';
import { BLOB_CHUNK_BYTES } from '../../protocol/limits.ts';

/** @param error it could not be looked at now, which says nothing about it. */
export type VerifyDone = (fits: boolean, error?: Error) => void;

/** What is to be made of it. */
export interface Verdict {
  readonly fits: boolean;
  readonly error: Error | undefined;
  /** To all that asked. */
  readonly tell: VerifyDone;
  /** Reads it once more, before anybody is told. */
  readonly again: (blob: StoredBlob) => void;
}

export class Verifier {
  readonly #store: BlobStore;
  /** Under way, and who waits to hear of it. */
  readonly #waiting = new Map<Cid, VerifyDone[]>();

  constructor(store: BlobStore) {
    this.#store = store;
  }

  isVerifying(cid: Cid): boolean {
    return this.#waiting.has(cid);
  }

  /** @param settle is told before all that asked, and sees to it that they are. */
  verify(blob: StoredBlob, done: VerifyDone, settle: (verdict: Verdict) => void): void {
    const { cid } = blob;
    const waiting = this.#waiting.get(cid);
    if (waiting !== undefined) return void waiting.push(done);
    this.#waiting.set(cid, [done]);
    const tell: VerifyDone = (fits, error) => {
      const told = this.#waiting.get(cid) ?? [];
      this.#waiting.delete(cid);
      for (const each of told) each(fits, error);
    };
    const look = (looked: StoredBlob): void => {
      const end: VerifyDone = (fits, error) => settle({ fits, error, tell, again: look });
      this.#layoutOf(looked, (layout, error) => (layout === undefined ? end(false, error) : this.#chunk(layout, 0, end)));
    };
    look(blob);
  }

  /** All of it. @param done with neither when it is not what it was. */
  read(blob: StoredBlob, done: (error: Error | undefined, bytes?: Uint8Array) => void): void {
    this.#layoutOf(blob, (layout, unknown) => {
      if (layout === undefined) return done(unknown);
      this.#store.read(blob.cid, 0, blob.size + 1, (error, bytes) => {
        if (error !== undefined && isPassing(error)) done(error);
        else if (error !== undefined || bytes?.byteLength !== blob.size) done(undefined);
        else this.#fit(layout, bytes, 0, (fits) => done(undefined, fits ? bytes : undefined));
      });
    });
  }

  #fit(layout: BlobLayout, bytes: Uint8Array, chunk: number, done: (fits: boolean) => void): void {
    if (chunk === layout.chunkCount) return done(true);
    const start = chunk * BLOB_CHUNK_BYTES;
    const expected = chunkDigest(layout, chunk);
    this.#store.digest(bytes.subarray(start, start + chunkLength(layout, chunk)), (digest) => (equalBytes(digest, expected) ? this.#fit(layout, bytes, chunk + 1, done) : done(false)));
  }

  #layoutOf({ cid, size }: StoredBlob, done: (layout: BlobLayout | undefined, error?: Error) => void): void {
    if (!needsManifest(size)) return done(readCid(cid)?.kind === 'raw' ? layoutOfRaw(cid, size) : undefined);
    this.#store.manifest(cid, (error, bytes) => {
      if (error !== undefined || bytes === undefined) return done(undefined, error !== undefined && isPassing(error) ? error : undefined);
      this.#store.digest(bytes, (digest) => done(equalBytes(digest, readCid(cid)!.digest) ? layoutOfSize(cid, bytes, size) : undefined));
    });
  }

  #chunk(layout: BlobLayout, chunk: number, done: VerifyDone): void {
    if (chunk === layout.chunkCount) return done(true);
    // A byte more than there should be after the last one: a file that has grown is another.
    const more = chunk === layout.chunkCount - 1 ? 1 : 0;
    this.#store.read(layout.cid, chunk * BLOB_CHUNK_BYTES, chunkLength(layout, chunk) + more, (error, bytes) => {
      if (error !== undefined && isPassing(error)) return done(false, error);
      if (error !== undefined || bytes === undefined || bytes.byteLength !== chunkLength(layout, chunk)) return done(false);
      const expected = chunkDigest(layout, chunk);
      this.#store.digest(bytes, (digest) => (equalBytes(digest, expected) ? this.#chunk(layout, chunk + 1, done) : done(false)));
    });
  }
}

/** @param bytes what the name says. Somebody may have named bytes that are no manifest: no file has that name. */
function layoutOfSize(cid: Cid, bytes: Uint8Array, size: number): BlobLayout | undefined {
  try {
    const layout = layoutOfManifest(cid, bytes);
    return layout.size === size ? layout : undefined;
  } catch (error) {
    if (isSkeinError(error, 'BLOB_INVALID')) return undefined;
    throw error;
  }
}
