/** The `BlobStore` port on a folder: `whole/<cid>`, `manifests/<cid>`, `parts/<cid>`, `new/` for files on their way in. */
import { createHash, hash, webcrypto } from 'node:crypto';
import fs from 'node:fs';
import { open, readdir, rename, rm, stat, utimes, writeFile, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { Cid } from '../../core/lib/ids.ts';
import type { BlobDone, BlobHasher, BlobStore, DiskRoom, SealState, StoredBlob, StoredPart } from '../../ports/blobs.ts';
import { needsManifest } from '../../protocol/blob-manifest.ts';
import { readCid } from '../../protocol/cid.ts';
import { inParallel } from '../in-parallel.ts';
import { writeAll } from '../disk/disk.ts';
import { FileHandles } from '../disk/file-handles.ts';
import { codeOf, moveTo, readAt, syncFolder } from './folder-files.ts';
import { SyncAhead } from './sync-ahead.ts';
import { SmallBatches } from './small-batches.ts';
import { UnsyncedBlobs } from './unsynced.ts';
import { isSealed, isUnsealed, isUnsynced, MANIFESTS, manifestFile, NEW, PARTS, pinFile, PINS, SEAL, UNSEALED, UNSYNCED, WHOLE, wholeFile } from './layout.ts';

/** So much is digested in the time in which another thread would take it over. */
const HASHED_HERE_BYTES_MAX = 32 * 1024;

/** A file on its way to its place. */
export interface NamedFile {
  readonly file: string;
  readonly cid: Cid;
  /** undefined for a blob of one chunk. */
  readonly manifest: Uint8Array | undefined;
}

export class FolderBlobStore implements BlobStore {
  readonly path: string;
  readonly #parts: FileHandles;
  readonly #whole: FileHandles;
  readonly #ahead = new SyncAhead((name, done) => this.#parts.use(name, false, done, (fd, end) => fs.fdatasync(fd, end)));
  /** Under way: what comes again must not be what they remove. */
  readonly #removals = new Map<Cid, Promise<void>>();
  /** The same of what is being put into its place. */
  readonly #arrivals = new Map<Cid, Promise<unknown>>();
  readonly #small: SmallBatches;
  readonly #unsynced = new UnsyncedBlobs((name) => this.fileOf(name), () => syncFolder(path.join(this.path, WHOLE)));
  #temporary = 0;
  /** For those before them to be in their places. */
  readonly #waiting: { readonly file: NamedFile; readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
  #placing = false;
  /** Told of blobs that came from outside or from a module, not by `finish`. */
  onAdded: (cid: Cid, size: number) => void = () => undefined;
  /** Is it being compared with its digest? Then what brings the same once more takes its place. */
  isDoubted: (cid: Cid) => boolean = () => false;
  /** Sees to it that there is room for so many bytes, of which `written` are on the disk. Rejects with BLOB_DISK_FULL. */
  makeRoom: (bytes: number, written: number) => Promise<void> = () => Promise.resolve();
  /** Told of what lies among the blobs and is none: it is left alone. */
  onStray: (file: string) => void = () => undefined;

  /** @param folder is made (0700) if missing; what a killed process left half done in `new` is removed. */
  constructor(folder: string) {
    this.path = path.resolve(folder);
    fs.rmSync(path.join(this.path, NEW), { recursive: true, force: true });
    for (const name of [WHOLE, MANIFESTS, PARTS, PINS, NEW]) fs.mkdirSync(path.join(this.path, name), { recursive: true, mode: 0o700 });
    this.#parts = new FileHandles(path.join(this.path, PARTS));
    this.#whole = new FileHandles(this.path, 'read');
    this.#small = new SmallBatches(path.join(this.path, WHOLE), path.join(this.path, NEW));
  }

  list(): StoredBlob[] {
    const manifests = new Set(fs.readdirSync(path.join(this.path, MANIFESTS)));
    const pins = new Set(fs.readdirSync(path.join(this.path, PINS)));
    const blobs: StoredBlob[] = [];
    for (const name of fs.readdirSync(path.join(this.path, WHOLE))) {
      const file = path.join(this.path, WHOLE, name);
      const blob = stored(file, name, manifests);
      if (blob === undefined) this.onStray(file);
      else blobs.push({ ...blob, pinned: pins.has(name) });
    }
    return blobs;
  }

  read(cid: Cid, offset: number, length: number, done: BlobDone<Uint8Array>): void {
    if (offset > 0 || length > SMALL_BYTES_MAX) return this.#read(cid, offset, length, done);
    this.#small.read(cid, length, (outcome, bytes) => (typeof outcome === 'number' ? done(undefined, bytes) : this.#read(cid, offset, length, done)));
  }

  #read(cid: Cid, offset: number, length: number, done: BlobDone<Uint8Array>): void {
    readAt(this.#whole, wholeFile(cid), offset, length, (error, bytes) => {
      if (error === undefined || codeOf(error) !== 'ENOENT') return done(error, bytes);
      this.readPart(cid, offset, length, done);
    });
  }

  readPart(cid: Cid, offset: number, length: number, done: BlobDone<Uint8Array>): void {
    readAt(this.#parts, cid, offset, length, done);
  }

  manifest(cid: Cid, done: BlobDone<Uint8Array>): void {
    fs.readFile(this.fileOf(manifestFile(cid)), (error, bytes) => (error === null ? done(undefined, bytes) : done(error)));
  }

  writePart(cid: Cid, offset: number, bytes: Uint8Array, done: BlobDone): void {
    const written: BlobDone = (error) => {
      if (error === undefined) this.#ahead.written(cid, bytes.byteLength);
      done(error);
    };
    this.#parts.use(cid, true, written, (fd, end) => writeAll(fd, bytes, 0, offset, end));
  }

  finish(cid: Cid, size: number, manifest: Uint8Array | undefined, done: BlobDone): void {
    const synced: BlobDone = (failure) => {
      // What the disk has not taken may still look well in memory.
      if (failure !== undefined) return this.dropPart(cid, () => done(failure));
      this.#parts.forget(cid);
      this.takeIn({ file: path.join(this.path, PARTS, cid), cid, manifest }).then(() => {
        // Somebody may have read the part while it was moved: the next part of this name is another file.
        this.#parts.forget(cid);
        done();
      }, done);
    };
    const cut: BlobDone = (error) => (error === undefined ? this.#ahead.end(cid, synced) : done(error));
    this.#parts.use(cid, false, cut, (fd, end) => fs.ftruncate(fd, size, end));
  }

  write(cid: Cid, bytes: Uint8Array, done: BlobDone): void {
    const later = syncsLater && bytes.byteLength <= SMALL_BYTES_MAX;
    const written = (isNew: boolean): void => {
      if (later && isNew) this.#unsynced.add(cid);
      done();
    };
    const alone = (): void => void this.#arrive([cid], () => this.#write(cid, bytes, later)).then(written, done);
    if (!later || this.#removals.has(cid)) return alone();
    this.#small.write(cid, bytes, (outcome) => {
      // It may have come back while it was removed.
      if (outcome === undefined || this.#removals.has(cid)) return alone();
      this.#whole.forget(wholeFile(cid));
      if (typeof outcome === 'object') done(Object.assign(new Error(outcome.message), { code: outcome.code }));
      else written(outcome === 'written');
    });
  }

  /** @returns false when it was here and durable already. */
  async #write(cid: Cid, bytes: Uint8Array, later: boolean): Promise<boolean> {
    // A module may have left the same meanwhile: what is durable is not replaced by what is not.
    const present = await stat(this.fileOf(wholeFile(cid))).catch(() => undefined);
    if (present !== undefined && present.size === bytes.byteLength && isSealed(present)) return false;
    const temporary = this.temporary();
    let handle: FileHandle | undefined;
    try {
      handle = await open(temporary, 'wx', 0o400);
      await handle.writeFile(bytes);
      if (!later) await handle.datasync();
      await handle.utimes(new Date(), later ? UNSYNCED : SEAL);
      await rename(temporary, this.fileOf(wholeFile(cid)));
      this.#whole.forget(wholeFile(cid));
      if (!later) await syncFolder(path.join(this.path, WHOLE));
      await handle.close();
    } catch (error) {
      await handle?.close().catch(() => undefined);
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
    return true;
  }

  /** After the removals that are under way; those that come meanwhile are of what was there before, and wait to see whether it is replaced. */
  async #arrive<T>(cids: readonly Cid[], work: () => Promise<T>): Promise<T> {
    const arrival = Promise.allSettled(cids.flatMap((cid) => this.#removals.get(cid) ?? [])).then(work);
    for (const cid of cids) this.#arrivals.set(cid, arrival);
    try {
      return await arrival;
    } finally {
      for (const cid of cids) if (this.#arrivals.get(cid) === arrival) this.#arrivals.delete(cid);
    }
  }

  sync(cid: Cid, done: BlobDone): void {
    this.#unsynced.sync(cid, done);
  }

  dropPart(cid: Cid, done: BlobDone): void {
    this.#ahead.forget(cid);
    this.#parts.forget(cid);
    rm(path.join(this.path, PARTS, cid), { force: true }).then(() => done(), done);
  }

  parts(done: BlobDone<readonly StoredPart[]>): void {
    this.#partsHere().then((parts) => done(undefined, parts), done);
  }

  async #partsHere(): Promise<StoredPart[]> {
    const parts: StoredPart[] = [];
    for (const name of await readdir(path.join(this.path, PARTS))) {
      const read = readCid(name);
      const stats = read && (await stat(path.join(this.path, PARTS, name)).catch(() => undefined));
      if (read === undefined || stats === undefined) continue;
      // Chunks come in any order: what it takes is what was written, not where it ends.
      parts.push({ cid: read.cid, size: process.platform === 'win32' ? stats.size : Math.min(stats.size, stats.blocks * 512), usedAt: stats.mtimeMs });
    }
    return parts;
  }

  pin(cid: Cid, on: boolean, done: BlobDone): void {
    const file = this.fileOf(pinFile(cid));
    const changed = on ? writeFile(file, '', { mode: 0o600 }) : rm(file, { force: true });
    changed.then(() => syncFolder(path.join(this.path, PINS))).then(() => done(), done);
  }

  room(done: BlobDone<DiskRoom>): void {
    fs.statfs(this.path, (error, disk) => (error === null ? done(undefined, { free: disk.bavail * disk.bsize, total: disk.blocks * disk.bsize }) : done(error)));
  }

  touch(cid: Cid): void {
    // Somebody may remove it in this moment; then there is nothing to note. Only while the seal holds: this must not mend it.
    const file = this.fileOf(wholeFile(cid));
    fs.stat(file, (error, stats) => {
      if (error === null && (isSealed(stats) || isUnsynced(stats) || isUnsealed(stats))) utimes(file, new Date(), stats.mtime).catch(() => undefined);
    });
  }

  sealed(cid: Cid, done: (seal: SealState) => void): void {
    fs.stat(this.fileOf(wholeFile(cid)), (error, stats) => {
      // Somebody took it away. What cannot be looked at for another reason will not be read either.
      if (error !== null) done(error.code === 'ENOENT' ? 'missing' : 'whole');
      else if (isSealed(stats)) done('whole');
      else if (isUnsynced(stats) && this.#unsynced.has(cid)) done('whole');
      else done(isUnsynced(stats) || isUnsealed(stats) ? 'missing' : 'broken');
    });
  }

  unseal(cid: Cid, done: BlobDone): void {
    utimes(this.fileOf(wholeFile(cid)), new Date(), UNSEALED).then(() => done(), done);
  }

  seal(cid: Cid, done: BlobDone): void {
    this.#seal(this.fileOf(wholeFile(cid))).then(() => done(), done);
  }

  /** Synced first, with its name, which a process before may have given it: a seal outlives a power cut. */
  async #seal(file: string): Promise<void> {
    const handle = await open(file, syncsLater ? 'r' : 'r+');
    try {
      await handle.datasync();
      await syncFolder(path.join(this.path, WHOLE));
      if (isUnsealed(await handle.stat())) await handle.utimes(new Date(), SEAL);
    } finally {
      await handle.close();
    }
  }

  remove(cid: Cid, done: BlobDone): void {
    this.#whole.forget(wholeFile(cid));
    const arrival = this.#arrivals.get(cid);
    const removed = (arrival === undefined ? this.#remove(cid) : arrival.then(() => undefined, () => this.#remove(cid))).finally(() => {
      this.#whole.forget(wholeFile(cid));
      if (this.#removals.get(cid) === removed) this.#removals.delete(cid);
    });
    this.#removals.set(cid, removed);
    removed.then(() => done(), done);
  }

  /** The file first: a manifest without its file is nothing. */
  async #remove(cid: Cid): Promise<void> {
    for (const name of [wholeFile(cid), manifestFile(cid), pinFile(cid)]) await rm(this.fileOf(name), { force: true });
  }

  digest(bytes: Uint8Array, done: (digest: Uint8Array) => void): void {
    // On another thread only where that takes less than the way there and back; never before this returns.
    if (bytes.byteLength > HASHED_HERE_BYTES_MAX) void sha256(bytes).then(done);
    else queueMicrotask(() => done(hash('sha256', bytes, 'buffer')));
  }

  hasher(): BlobHasher {
    const hasher = createHash('sha256');
    return { update: (bytes) => void hasher.update(bytes), digest: () => hasher.digest() };
  }

  /** Moves a synced file of this disk to its place; durable when resolved. Those that come meanwhile go together, since syncing folders takes longest. */
  takeIn(file: NamedFile): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ file, resolve, reject });
      if (!this.#placing) void this.#placeAll();
    });
  }

  async #placeAll(): Promise<void> {
    this.#placing = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0);
      try {
        await this.takeAllIn(batch.map(({ file }) => file));
        for (const { resolve } of batch) resolve();
      } catch {
        // One of them is at fault: the others are not to suffer.
        for (const { file, resolve, reject } of batch) await this.takeAllIn([file]).then(resolve, reject);
      }
    }
    this.#placing = false;
  }

  /** The same of several at once. */
  takeAllIn(files: readonly NamedFile[]): Promise<void> {
    return this.#arrive(files.map(({ cid }) => cid), () => this.#place(files));
  }

  async #place(files: readonly NamedFile[]): Promise<void> {
    const manifests = files.filter(({ manifest }) => manifest !== undefined);
    for (const { cid, manifest } of manifests) {
      const temporary = this.temporary();
      try {
        await writeFile(temporary, manifest!, { mode: 0o600, flush: true });
        await rename(temporary, this.fileOf(manifestFile(cid)));
      } catch (error) {
        await rm(temporary, { force: true }).catch(() => undefined);
        throw error;
      }
    }
    // Before the files: one without its manifest is nothing.
    if (manifests.length > 0) await syncFolder(path.join(this.path, MANIFESTS));
    await inParallel(files, async ({ file, cid }) => {
      await moveTo(this.fileOf(wholeFile(cid)), file);
      // What was there before may be open still, and may be damaged.
      this.#whole.forget(wholeFile(cid));
    });
    await syncFolder(path.join(this.path, WHOLE));
  }

  /** Is the file of this blob here, does it stay, and is it durable, or will be when `sync` has called back? */
  has(cid: Cid): boolean {
    return this.#isHere(cid, (stats) => isSealed(stats) || (isUnsynced(stats) && this.#unsynced.has(cid)));
  }

  /** The same of one that needs no `sync` any more. */
  isDurable(cid: Cid): boolean {
    return this.#isHere(cid, isSealed);
  }

  #isHere(cid: Cid, fits: (stats: fs.Stats) => boolean): boolean {
    if (this.#removals.has(cid) || this.isDoubted(cid)) return false;
    const stats = fs.statSync(this.fileOf(wholeFile(cid)), { throwIfNoEntry: false });
    return stats !== undefined && fits(stats);
  }

  /** A name in `new` that nobody uses. */
  temporary(): string {
    return path.join(this.path, NEW, String(this.#temporary++));
  }

  fileOf(name: string): string {
    return path.join(this.path, name);
  }

  close(): void {
    this.#parts.close();
    this.#whole.close();
    this.#small.close();
    this.#unsynced.close();
  }
}

/** sha2-256 on another thread. */
export async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await webcrypto.subtle.digest('SHA-256', bytes));
}

/** @returns what the file of this name is, or undefined when it is no blob. */
function stored(file: string, name: string, manifests: ReadonlySet<string>): StoredPart | undefined {
  const read = readCid(name);
  const stats = read && fs.statSync(file, { throwIfNoEntry: false });
  if (read === undefined || stats?.isFile() !== true) return undefined;
  const { size, atimeMs } = stats;
  if (needsManifest(size) !== (read.kind === 'manifest') || (read.kind === 'manifest' && !manifests.has(name))) return undefined;
  return { cid: read.cid, size, usedAt: atimeMs };
}

/** Windows syncs no file that is open for reading only. */
const syncsLater = process.platform !== 'win32';
/** Larger ones are few, and may be linked to as inputs, where a seal that comes later would look like a write. */
const SMALL_BYTES_MAX = 128 * 1024;
