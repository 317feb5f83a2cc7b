/** Bytes from outside become a blob: cut, digested and written as they come, named when the last has come. */
import { chmod, open, rm, type FileHandle } from 'node:fs/promises';
import type { Cid } from '../../core/lib/ids.ts';
import { SkeinError } from '../../errors.ts';
import { isDiskFull } from '../../ports/blobs.ts';
import { encodeManifest, needsManifest } from '../../protocol/blob-manifest.ts';
import { cidOf, DIGEST_BYTES } from '../../protocol/cid.ts';
import { BLOB_BYTES_MAX, BLOB_CHUNK_BYTES } from '../../protocol/limits.ts';
import { inParallel } from '../in-parallel.ts';
import { sha256, type FolderBlobStore, type NamedFile } from './folder-store.ts';

export interface Imported {
  readonly cid: Cid;
  readonly size: number;
}

/**
 * Half a file is never stored: whatever ends the source early leaves nothing behind. A file that is there already is
 * replaced by the same bytes.
 * @throws SkeinError BLOB_TOO_LARGE, BLOB_DISK_FULL, BLOB_STORE_FAILED; errors of `source` as they are.
 */
export async function importFile(store: FolderBlobStore, source: AsyncIterable<Uint8Array>): Promise<Imported> {
  const incoming = new IncomingFile(store);
  try {
    return await incoming.take(source);
  } catch (error) {
    await incoming.drop();
    throw error;
  }
}

/** A file on its way in. When its source ends early another one may go on at `received`. */
export class IncomingFile {
  readonly #store: FolderBlobStore;
  readonly #file: string;
  readonly #digests: Uint8Array[] = [];
  #exists = false;
  /** On the disk, in whole chunks. */
  received = 0;
  /** All has come, and becomes durable. */
  finishing = false;

  constructor(store: FolderBlobStore) {
    this.#store = store;
    this.#file = store.temporary();
  }

  /** @param source from `received` on. @throws SkeinError BLOB_TOO_LARGE, BLOB_DISK_FULL, BLOB_STORE_FAILED; errors of `source` as they are */
  async take(source: AsyncIterable<Uint8Array>): Promise<Imported> {
    const handle = await stored(open(this.#file, this.#exists ? 'r+' : 'wx', 0o600));
    this.#exists = true;
    try {
      await this.#write(handle, source);
      this.finishing = true;
      await stored(handle.datasync());
    } finally {
      await handle.close();
    }
    const size = this.received;
    const named = await nameOf({ size, digests: joined(this.#digests) });
    await stored(this.#store.takeIn({ file: this.#file, ...named }));
    this.#store.onAdded(named.cid, size);
    return { cid: named.cid, size };
  }

  async drop(): Promise<void> {
    await rm(this.#file, { force: true });
  }

  async #write(handle: FileHandle, source: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of chunksOf(source)) {
      // All had come before.
      if (chunk.byteLength === 0 && this.received > 0) continue;
      if (this.received + chunk.byteLength > BLOB_BYTES_MAX) throw tooLarge();
      await this.#store.makeRoom(chunk.byteLength, this.received);
      // Digest and write share the time, and the source waits for both.
      const [digest] = await Promise.all([sha256(chunk), stored(writeWhole(handle, chunk, this.received))]);
      this.#digests.push(digest);
      this.received += chunk.byteLength;
    }
  }
}

/**
 * The same of files on the disk of the blobs, which become the blobs themselves: moved, not copied. Equal ones, and those
 * that are here already, are removed.
 * @returns what each became, in order. @throws SkeinError BLOB_TOO_LARGE, BLOB_DISK_FULL, BLOB_STORE_FAILED
 */
export async function moveFilesIn(store: FolderBlobStore, files: readonly string[]): Promise<Imported[]> {
  const read: (Imported & NamedFile)[] = [];
  const taken = new Map<Cid, NamedFile>();
  await inParallel([...files.entries()], async ([at, file]) => {
    // Whatever its module made of its rights: to be read, and synced, which on some systems takes the right to write.
    await stored(chmod(file, 0o600));
    const named = (read[at] = await readFile(file));
    const isHere = store.isDurable(named.cid);
    // Used now: room for the others is not made of it.
    if (isHere) store.onAdded(named.cid, named.size);
    if (isHere || taken.has(named.cid)) await stored(rm(file, { force: true }));
    else {
      taken.set(named.cid, named);
      // What the module wrote may still be in the page cache only.
      await stored(syncFile(file));
    }
  });
  await store.makeRoom(0, read.filter((each) => taken.get(each.cid)?.file === each.file).reduce((sum, { size }) => sum + size, 0));
  await stored(store.takeAllIn([...taken.values()]));
  const imported = read.map(({ cid, size }) => ({ cid, size }));
  for (const { cid, size } of imported) store.onAdded(cid, size);
  return imported;
}

/** What a file would become, without storing it. @throws SkeinError BLOB_TOO_LARGE, BLOB_STORE_FAILED */
export async function nameOfFile(file: string): Promise<Imported> {
  const { cid, size } = await readFile(file);
  return { cid, size };
}

/** The same of what is in memory. */
export async function nameOfBytes(bytes: Uint8Array): Promise<Imported> {
  const digests: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < bytes.byteLength; at += BLOB_CHUNK_BYTES) digests.push(await sha256(bytes.subarray(at, at + BLOB_CHUNK_BYTES)));
  const { cid } = await nameOf({ size: bytes.byteLength, digests: joined(digests) });
  return { cid, size: bytes.byteLength };
}

async function readFile(file: string): Promise<Imported & NamedFile> {
  const handle = await stored(open(file, 'r'));
  try {
    const read = await digestChunks(handle);
    return { file, size: read.size, ...(await nameOf(read)) };
  } finally {
    await handle.close();
  }
}

async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

async function nameOf({ size, digests }: Written): Promise<Pick<NamedFile, 'cid' | 'manifest'>> {
  if (!needsManifest(size)) return { cid: cidOf('raw', digests), manifest: undefined };
  const manifest = encodeManifest(size, digests);
  return { cid: cidOf('manifest', await sha256(manifest)), manifest };
}

async function digestChunks(handle: FileHandle): Promise<Written> {
  const { size: length } = await stored(handle.stat());
  if (length > BLOB_BYTES_MAX) throw tooLarge();
  const digests: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const chunk = new Uint8Array(Math.min(BLOB_CHUNK_BYTES, Math.max(1, length - size)));
    let filled = 0;
    while (filled < chunk.byteLength) {
      const { bytesRead } = await stored(handle.read(chunk, filled, chunk.byteLength - filled, size + filled));
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    if (filled === 0 && digests.length > 0) break;
    size += filled;
    if (size > BLOB_BYTES_MAX) throw tooLarge();
    digests.push(await sha256(chunk.subarray(0, filled)));
    if (filled < chunk.byteLength) break;
  }
  return { size, digests: joined(digests) };
}

function tooLarge(): SkeinError {
  return new SkeinError('BLOB_TOO_LARGE', `the file has more than ${BLOB_BYTES_MAX} bytes`, { bytesMax: BLOB_BYTES_MAX });
}

function joined(digests: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(digests.length * DIGEST_BYTES);
  for (const [i, digest] of digests.entries()) all.set(digest, i * DIGEST_BYTES);
  return all;
}

interface Written {
  readonly size: number;
  readonly digests: Uint8Array;
}

/** Pieces of any size become chunks of BLOB_CHUNK_BYTES; the last one is shorter, and the only one may be empty. */
async function* chunksOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let chunk = new Uint8Array(BLOB_CHUNK_BYTES);
  let filled = 0;
  let given = false;
  for await (const piece of source) {
    let at = 0;
    while (at < piece.byteLength) {
      const taken = Math.min(piece.byteLength - at, BLOB_CHUNK_BYTES - filled);
      chunk.set(piece.subarray(at, at + taken), filled);
      filled += taken;
      at += taken;
      if (filled < BLOB_CHUNK_BYTES) continue;
      yield chunk;
      given = true;
      chunk = new Uint8Array(BLOB_CHUNK_BYTES);
      filled = 0;
    }
  }
  if (filled > 0 || !given) yield chunk.subarray(0, filled);
}

async function writeWhole(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.byteLength; ) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.byteLength - written, position + written);
    if (bytesWritten === 0) throw new Error('the disk takes no more bytes');
    written += bytesWritten;
  }
}

async function stored<T>(operation: Promise<T>): Promise<T> {
  try {
    return await operation;
  } catch (cause) {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    const full = isDiskFull(error);
    throw new SkeinError(full ? 'BLOB_DISK_FULL' : 'BLOB_STORE_FAILED', `the file could not be stored: ${full ? 'there is no room for it on the disk' : error.message}`, {}, { cause });
  }
}
