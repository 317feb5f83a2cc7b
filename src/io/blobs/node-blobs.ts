/** Blobs as programs, the API and the CLI use them: files in and out, fetched from other nodes when they are not here. */
import type { BlobFile } from '../../core/cell/types.ts';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { Cid } from '../../core/lib/ids.ts';
import { SkeinError } from '../../errors.ts';
import type { BlobPlace } from '../../pipeline/param-files.ts';
import type { StoredBlob } from '../../ports/blobs.ts';
import { checkedCid } from '../../protocol/cid.ts';
import { decodeTreeInSlices, encodeTreeInSlices } from '../../protocol/tree-codec.ts';
import type { Blobs } from '../../runtime/blobs/blobs.ts';
import { fetchAll } from '../../runtime/blobs/fetch-all.ts';
import { inParallel } from '../in-parallel.ts';
import { inSlices } from '../in-slices.ts';
import type { Housekeeper, StandingWord, SweepReport } from '../../runtime/blobs/housekeeper.ts';
import type { FolderBlobStore } from './folder-store.ts';
import { importFile, type Imported } from './import-file.ts';
import { wholeFile } from './layout.ts';
import { UploadSessions } from './upload-sessions.ts';
import { encodePack, importPack, PACK_BYTES_MAX, packedBytes, PACKED_BYTES_MAX, SmallFiles } from './pack.ts';

/** A blob that somebody waited for goes on arriving for so long after the last one gave up. */
const FETCH_LINGER_MS = 60_000;

/** A list of blobs does not wait longer for what the cell says of them. */
const STANDINGS_WAIT_MS = 2000;

/** How far a blob has come. */
export interface BlobProgress {
  readonly cid: Cid;
  /** 0 while it is not known. */
  readonly size: number;
  readonly bytesHere: number;
  readonly whole: boolean;
}

export class NodeBlobs implements BlobPlace {
  readonly #blobs: Blobs;
  readonly #store: FolderBlobStore;
  readonly #housekeeper: Housekeeper;
  /** Files that come over connections that may break. */
  readonly uploads: UploadSessions;

  constructor(blobs: Blobs, store: FolderBlobStore, housekeeper: Housekeeper) {
    this.#blobs = blobs;
    this.#store = store;
    this.#housekeeper = housekeeper;
    this.uploads = new UploadSessions(store);
    store.onAdded = (cid, size) => blobs.added(cid, size);
    store.isDoubted = (cid) => blobs.isVerifying(cid);
    store.makeRoom = (bytes, written) => new Promise((resolve, reject) => housekeeper.makeRoom(bytes, written, (error) => (error === undefined ? resolve() : reject(error))));
  }

  /** Of blobs, to other nodes, since this one began. */
  get sentBytes(): number {
    return this.#blobs.sentBytes;
  }

  /** Least recently used first. */
  list(): StoredBlob[] {
    return this.#blobs.list();
  }

  /** Why each of them is here still; empty when the cell cannot be asked soon. */
  standings(): Promise<ReadonlyMap<Cid, StandingWord>> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(new Map()), STANDINGS_WAIT_MS);
      this.#housekeeper.standings((_error, standings = []) => {
        clearTimeout(timer);
        resolve(new Map(standings.map((standing) => [standing.blob.cid, this.#housekeeper.wordOf(standing)])));
      });
    });
  }

  /** Removes what nobody needs any more, beyond the time that it is kept. @throws SkeinError NO_LEADER, BLOB_STORE_FAILED */
  gc(dryRun: boolean): Promise<SweepReport> {
    return new Promise((resolve, reject) => this.#housekeeper.sweep({ dryRun, bytes: 0 }, (error, report) => (report === undefined ? reject(error ?? new Error('nothing is known')) : resolve(report))));
  }

  /** A pinned blob stays until it is unpinned, or removed by hand. @throws SkeinError BLOB_INVALID, BLOB_NOT_FOUND, BLOB_STORE_FAILED */
  pin(text: string, on: boolean): Promise<StoredBlob> {
    const { cid } = this.#here(text);
    return new Promise((resolve, reject) => this.#blobs.pin(cid, on, (error) => (error === undefined ? resolve(this.#here(text)) : reject(new SkeinError('BLOB_STORE_FAILED', error.message, { cid }, { cause: error })))));
  }

  /** Stores what `source` gives. @throws SkeinError BLOB_TOO_LARGE, BLOB_DISK_FULL, BLOB_STORE_FAILED */
  put(source: AsyncIterable<Uint8Array>): Promise<Imported> {
    return importFile(this.#store, source);
  }

  /** Stores files of this machine, which stay where they are. @throws SkeinError BLOB_TOO_LARGE, BLOB_DISK_FULL, BLOB_STORE_FAILED */
  async putFiles(files: readonly string[]): Promise<Imported[]> {
    const imported: Imported[] = [];
    const small = new SmallFiles(this.#store);
    await inParallel([...files.entries()], async ([at, file]) => {
      const { size } = await stat(file);
      imported[at] = size > PACKED_BYTES_MAX || files.length === 1 ? await this.put(createReadStream(file)) : await small.add(await readFile(file));
    });
    await small.end();
    return imported;
  }

  /** Many small files in one (pack.ts), in order. @throws SkeinError REQUEST_INVALID, REQUEST_TOO_LARGE, BLOB_DISK_FULL, BLOB_STORE_FAILED */
  putPack(source: AsyncIterable<Uint8Array>): Promise<Imported[]> {
    return importPack(this.#store, source);
  }

  /**
   * Many small blobs in one (pack.ts), in order, from other nodes first if need be.
   * @throws SkeinError as `fetch` does; REQUEST_TOO_LARGE for one that goes into no pack, or too many of them
   */
  async readPack(cids: readonly string[], signal: AbortSignal): Promise<Uint8Array> {
    const names = cids.map((text) => checkedCid(text).cid);
    const sizes = await this.#bring(names, signal);
    const [large] = [...sizes].filter(([, size]) => size > PACKED_BYTES_MAX);
    if (large !== undefined) throw new SkeinError('REQUEST_TOO_LARGE', `${large[0]} has ${large[1]} bytes, at most ${PACKED_BYTES_MAX} are allowed in a pack: read it alone`);
    if (names.reduce((sum, cid) => sum + packedBytes(sizes.get(cid) ?? 0), 0) > PACK_BYTES_MAX) throw new SkeinError('REQUEST_TOO_LARGE', `these blobs have more than ${PACK_BYTES_MAX} bytes together: read fewer of them`);
    const files: Uint8Array[] = [];
    await inParallel([...names.entries()], async ([at, cid]) => void (files[at] = await readFile(this.#store.fileOf(wholeFile(cid)))));
    return encodePack(files);
  }

  /** @returns their sizes. */
  #bring(cids: readonly Cid[], signal: AbortSignal): Promise<ReadonlyMap<Cid, number>> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const sizes = new Map<Cid, number>();
      const giveUp = fetchAll(this.#blobs, cids, { durable: false }, (error) => end(error), (cid, size) => sizes.set(cid, size));
      const aborted = (): void => {
        giveUp();
        end(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
      };
      const end = (error?: Error): void => {
        signal.removeEventListener('abort', aborted);
        if (error === undefined) resolve(sizes);
        else reject(error);
      };
      signal.addEventListener('abort', aborted, { once: true });
    });
  }

  /** A list of files. @throws SkeinError BLOB_TOO_LARGE, BLOB_DISK_FULL, BLOB_STORE_FAILED */
  putTree(files: readonly BlobFile[]): Promise<Imported> {
    return inSlices((slice) => encodeTreeInSlices(files, slice)).then((bytes) => this.putBytes(bytes));
  }

  /** @throws SkeinError BLOB_TOO_LARGE, BLOB_DISK_FULL, BLOB_STORE_FAILED */
  putBytes(bytes: Uint8Array): Promise<Imported> {
    return this.put(Readable.from([bytes]));
  }

  /** Of a blob that is here or on its way. @throws SkeinError BLOB_INVALID, BLOB_NOT_FOUND */
  progress(text: string): BlobProgress {
    const { cid } = checkedCid(text);
    const found = this.#blobs.progress(cid);
    if (found === undefined) throw new SkeinError('BLOB_NOT_FOUND', `${cid} is not on this node`, { cid });
    return { cid, ...found };
  }

  /**
   * Waits until the blob is here, at most `waitMs`; it goes on arriving when the time is over.
   * @throws SkeinError BLOB_INVALID, BLOB_NOT_FOUND, BLOB_DISK_FULL, BLOB_STORE_FAILED, NODE_STOPPING
   */
  async fetch(text: string, options: { readonly waitMs?: number; readonly signal?: AbortSignal } = {}): Promise<BlobProgress> {
    const { cid } = checkedCid(text);
    const { waitMs = Infinity, signal } = options;
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      let arrived = false;
      const fetched = (error: Error | undefined): void => {
        arrived = true;
        end(error);
      };
      const giveUp = this.#blobs.fetch(cid, fetched, { durable: false });
      const end = (error?: Error): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', aborted);
        if (!arrived) setTimeout(giveUp, FETCH_LINGER_MS).unref();
        if (error === undefined) resolve();
        else reject(error);
      };
      const aborted = (): void => end(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
      const timer = waitMs === Infinity ? undefined : setTimeout(() => end(), waitMs);
      signal?.addEventListener('abort', aborted, { once: true });
    });
    return this.#blobs.progress(cid) === undefined ? { cid, size: 0, bytesHere: 0, whole: false } : this.progress(cid);
  }

  /** @throws SkeinError as `fetch` does */
  async open(text: string, signal?: AbortSignal): Promise<{ readonly cid: Cid; readonly size: number; readonly content: Readable }> {
    const { cid, size } = await this.fetch(text, signal === undefined ? {} : { signal });
    return { cid, size, content: createReadStream(this.#store.fileOf(wholeFile(cid))) };
  }

  /** The files that a blob lists. @throws SkeinError as `fetch` does; BLOB_INVALID when it is no list of files */
  async files(text: string, signal?: AbortSignal): Promise<BlobFile[]> {
    const { cid } = await this.fetch(text, signal === undefined ? {} : { signal });
    const bytes = await new Promise<Uint8Array>((resolve, reject) => this.#blobs.readWhole(cid, (error, read) => (read === undefined ? reject(error ?? new Error('it is empty')) : resolve(read))));
    return inSlices((slice) => decodeTreeInSlices(bytes, slice));
  }

  /** From this node alone. @throws SkeinError BLOB_INVALID, BLOB_NOT_FOUND, BLOB_STORE_FAILED */
  async remove(text: string): Promise<void> {
    const { cid } = this.#here(text);
    await new Promise<void>((resolve, reject) => this.#blobs.remove(cid, (error) => (error === undefined ? resolve() : reject(new SkeinError('BLOB_STORE_FAILED', error.message, { cid }, { cause: error })))));
  }

  /** Compares every digest; a damaged one is removed from this node. @throws SkeinError BLOB_INVALID, BLOB_NOT_FOUND, BLOB_STORE_FAILED */
  verify(text: string): Promise<boolean> {
    const { cid } = this.#here(text);
    return new Promise((resolve, reject) => this.#blobs.verify(cid, (fits, error) => (error === undefined ? resolve(fits) : reject(new SkeinError('BLOB_STORE_FAILED', `${cid} could not be read now: ${error.message}`, { cid }, { cause: error })))));
  }

  #here(text: string): StoredBlob {
    const { cid } = checkedCid(text);
    const blob = this.#blobs.get(cid);
    if (blob === undefined) throw new SkeinError('BLOB_NOT_FOUND', `${cid} is not on this node`, { cid });
    return blob;
  }
}
