/**
 * Many small files in one request: each as four bytes with its length (big-endian), then its bytes. One request for each
 * would take longer than the files themselves, and so would the disk if it were waited for after each.
 */
import { hash } from 'node:crypto';
import type { Cid } from '../../core/lib/ids.ts';
import { SkeinError } from '../../errors.ts';
import { isDiskFull } from '../../ports/blobs.ts';
import { cidOf } from '../../protocol/cid.ts';
import type { FolderBlobStore } from './folder-store.ts';
import type { Imported } from './import-file.ts';

/** Bytes of a file in a pack; a larger one is sent alone. */
export const PACKED_BYTES_MAX = 128 * 1024;
/** Files in one pack, and bytes of all of them with their lengths. */
export const PACK_FILES_MAX = 4096;
export const PACK_BYTES_MAX = 32 * 1024 * 1024;

const HEAD_BYTES = 4;
/** Files that are written at the same time. */
const WRITERS_MAX = 16;

export function packedBytes(size: number): number {
  return HEAD_BYTES + size;
}

export function encodePack(files: readonly Uint8Array[]): Uint8Array {
  const pack = new Uint8Array(files.reduce((sum, { byteLength }) => sum + packedBytes(byteLength), 0));
  const view = new DataView(pack.buffer);
  let at = 0;
  for (const file of files) {
    view.setUint32(at, file.byteLength);
    pack.set(file, at + HEAD_BYTES);
    at += packedBytes(file.byteLength);
  }
  return pack;
}

/**
 * @returns what each file became, in order, when all are synced. When the pack breaks off, those that came whole stay.
 * @throws SkeinError REQUEST_INVALID, REQUEST_TOO_LARGE, BLOB_DISK_FULL, BLOB_STORE_FAILED; errors of `source` as they are.
 */
export async function importPack(store: FolderBlobStore, source: AsyncIterable<Uint8Array>): Promise<Imported[]> {
  const writer = new SmallFiles(store);
  const imported: Imported[] = [];
  for await (const bytes of unpacked(source)) {
    if (imported.length >= PACK_FILES_MAX) throw new SkeinError('REQUEST_TOO_LARGE', `a pack has at most ${PACK_FILES_MAX} files`);
    imported.push(await writer.add(bytes));
  }
  await writer.end();
  return imported;
}

/** The files of a pack, in order. @throws SkeinError REQUEST_INVALID, REQUEST_TOO_LARGE; errors of `source` as they are. */
export async function* unpacked(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let rest: Uint8Array = new Uint8Array();
  for await (const piece of source) {
    rest = rest.byteLength === 0 ? piece : Buffer.concat([rest, piece]);
    for (;;) {
      if (rest.byteLength < HEAD_BYTES) break;
      const length = new DataView(rest.buffer, rest.byteOffset).getUint32(0);
      if (length > PACKED_BYTES_MAX) throw new SkeinError('REQUEST_TOO_LARGE', `a file in a pack has ${length} bytes, at most ${PACKED_BYTES_MAX} are allowed: send it alone`);
      if (rest.byteLength < packedBytes(length)) break;
      yield rest.slice(HEAD_BYTES, packedBytes(length));
      rest = rest.subarray(packedBytes(length));
    }
  }
  if (rest.byteLength > 0) throw new SkeinError('REQUEST_INVALID', 'the pack ends in the middle of a file');
}

/** Small files into the store, some at a time, synced together. */
export class SmallFiles {
  readonly #store: FolderBlobStore;
  readonly #writing = new Set<Promise<void>>();
  readonly #added = new Set<Cid>();
  #failure: Error | undefined;

  constructor(store: FolderBlobStore) {
    this.#store = store;
  }

  /** @param bytes at most one chunk. Waits while many are being written. @throws SkeinError BLOB_DISK_FULL, BLOB_STORE_FAILED */
  async add(bytes: Uint8Array): Promise<Imported> {
    const imported: Imported = { cid: cidOf('raw', hash('sha256', bytes, 'buffer')), size: bytes.byteLength };
    if (this.#added.has(imported.cid)) return imported;
    this.#added.add(imported.cid);
    while (this.#writing.size >= WRITERS_MAX) await Promise.race(this.#writing);
    this.#check();
    const writing = this.#write(imported, bytes).catch((error: unknown) => void (this.#failure ??= storeError(error))).finally(() => this.#writing.delete(writing));
    this.#writing.add(writing);
    return imported;
  }

  async #write({ cid, size }: Imported, bytes: Uint8Array): Promise<void> {
    if (!this.#store.has(cid)) {
      await this.#store.makeRoom(size, 0);
      await done((end) => this.#store.write(cid, bytes, end));
    }
    this.#store.onAdded(cid, size);
  }

  /** All of them are synced. @throws SkeinError BLOB_DISK_FULL, BLOB_STORE_FAILED */
  async end(): Promise<void> {
    await Promise.all(this.#writing);
    this.#check();
    await Promise.all([...this.#added].map((cid) => done((end) => this.#store.sync(cid, end)))).catch((error: unknown) => {
      throw storeError(error);
    });
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

function done(begin: (end: (error?: Error) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => begin((error) => (error === undefined ? resolve() : reject(error))));
}

function storeError(cause: unknown): SkeinError {
  if (cause instanceof SkeinError) return cause;
  const full = isDiskFull(cause as Error);
  return new SkeinError(full ? 'BLOB_DISK_FULL' : 'BLOB_STORE_FAILED', `a file could not be stored: ${full ? 'there is no room for it on the disk' : String(cause)}`, {}, { cause });
}
