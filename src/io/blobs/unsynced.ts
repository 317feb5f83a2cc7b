/**
 * Small blobs that are whole and not durable yet. Those that somebody waits for are synced together; the others when the
 * system has written them by itself, which costs next to nothing then: the log of this node shares the disk with them.
 * Until then a power cut may leave such a file its name without its bytes, but never a seal.
 */
import { open } from 'node:fs/promises';
import type { Cid } from '../../core/lib/ids.ts';
import type { BlobDone } from '../../ports/blobs.ts';
import { inParallel } from '../in-parallel.ts';
import { isUnsynced, SEAL, wholeFile } from './layout.ts';

/** Those that somebody waits for and that came within this time are synced together. */
const SETTLE_MS = 20;
/** Linux writes what is thirty seconds old. */
const LAZY_MS = 40_000;
/** How often those that nobody waits for are looked at. */
const LAZY_EVERY_MS = 250;
/** How many of them are synced then. */
const LAZY_TOGETHER_MAX = 32;
/** More of them are synced without waiting for their time. */
const UNSYNCED_MAX = 50_000;
/** Syncs at a time: one of the system's four threads stays free for the log. */
const LANES = 3;

interface Unsynced {
  readonly since: number;
  readonly waiting: BlobDone[];
}

export class UnsyncedBlobs {
  readonly #fileOf: (name: string) => string;
  readonly #syncFolder: () => Promise<void>;
  readonly #blobs = new Map<Cid, Unsynced>();
  /** Those of them that somebody waits for. */
  readonly #wanted = new Set<Cid>();
  #settling = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(fileOf: (name: string) => string, syncFolder: () => Promise<void>) {
    this.#fileOf = fileOf;
    this.#syncFolder = syncFolder;
  }

  has(cid: Cid): boolean {
    return this.#blobs.has(cid);
  }

  /** It was written and has its name. */
  add(cid: Cid): void {
    // The same was here before: who waits for that waits for this one.
    const waiting = this.#blobs.get(cid)?.waiting ?? [];
    this.#blobs.delete(cid);
    this.#blobs.set(cid, { since: performance.now(), waiting: [...waiting] });
    if (waiting.length > 0) this.#wanted.add(cid);
    waiting.length = 0;
    this.#plan();
  }

  sync(cid: Cid, done: BlobDone): void {
    const blob = this.#blobs.get(cid);
    if (blob === undefined) return done();
    blob.waiting.push(done);
    this.#wanted.add(cid);
    this.#plan();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #plan(): void {
    if (this.#settling || this.#blobs.size === 0) return;
    const soon = this.#wanted.size > 0;
    if (this.#timer !== undefined && !soon) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#settle(), soon ? SETTLE_MS : LAZY_EVERY_MS);
    if (!soon) this.#timer.unref();
  }

  #due(): [Cid, Unsynced][] {
    const due = new Map<Cid, Unsynced>();
    for (const cid of this.#wanted) due.set(cid, this.#blobs.get(cid)!);
    this.#wanted.clear();
    const now = performance.now();
    const tooMany = this.#blobs.size > UNSYNCED_MAX;
    let left = tooMany ? UNSYNCED_MAX : LAZY_TOGETHER_MAX;
    for (const [cid, blob] of this.#blobs) {
      if (left-- === 0 || (now - blob.since < LAZY_MS && !tooMany)) break;
      due.set(cid, blob);
    }
    return [...due];
  }

  async #settle(): Promise<void> {
    this.#settling = true;
    this.#timer = undefined;
    const due = this.#due();
    const failed = new Map<Cid, Error>();
    await inParallel(due, async ([cid]) => this.#sync(cid).catch((error: unknown) => void failed.set(cid, error as Error)), LANES);
    const folder = due.length === 0 ? undefined : await this.#syncFolder().then(() => undefined, (error: unknown) => error as Error);
    for (const [cid, blob] of due) {
      // Another one of that name may have come meanwhile.
      if (this.#blobs.get(cid) === blob) {
        this.#blobs.delete(cid);
        this.#wanted.delete(cid);
      }
      for (const done of blob.waiting.splice(0)) done(failed.get(cid) ?? folder);
    }
    this.#settling = false;
    this.#plan();
  }

  async #sync(cid: Cid): Promise<void> {
    const handle = await open(this.#fileOf(wholeFile(cid)), 'r').catch((error: NodeJS.ErrnoException) => {
      // Removed since.
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (handle === undefined) return;
    try {
      await handle.datasync();
      // Somebody may have written to it, or put a synced one in its place.
      if (isUnsynced(await handle.stat())) await handle.utimes(new Date(), SEAL);
    } finally {
      await handle.close();
    }
  }
}
