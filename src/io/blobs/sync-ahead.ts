/**
 * Files that are written over a long time are synced while they grow: the sync at their end is short, and the log of this
 * node, whose own syncs may have to wait for all that the system has not written, never waits for much.
 */
import type { BlobDone } from '../../ports/blobs.ts';

/** Written since the last sync began. */
const SYNC_AHEAD_BYTES = 8 * 1024 * 1024;

interface Growing {
  unsynced: number;
  syncing: boolean;
  /** The system says it once only. */
  failure: Error | undefined;
  /** Waits for the sync that is under way. */
  end: BlobDone | undefined;
}

export class SyncAhead {
  readonly #sync: (name: string, done: BlobDone) => void;
  readonly #files = new Map<string, Growing>();

  /** @param sync calls back when all that was written before is on the disk. */
  constructor(sync: (name: string, done: BlobDone) => void) {
    this.#sync = sync;
  }

  written(name: string, bytes: number): void {
    let file = this.#files.get(name);
    if (file === undefined) this.#files.set(name, (file = { unsynced: 0, syncing: false, failure: undefined, end: undefined }));
    file.unsynced += bytes;
    if (file.syncing || file.unsynced < SYNC_AHEAD_BYTES) return;
    file.syncing = true;
    file.unsynced = 0;
    const growing = file;
    this.#sync(name, (error) => {
      growing.syncing = false;
      growing.failure ??= error;
      growing.end?.(error);
    });
  }

  /** It is written no more. @param done when all of it is on the disk, or with what any of its syncs has found. */
  end(name: string, done: BlobDone): void {
    const file = this.#files.get(name);
    this.forget(name);
    let open = 1;
    let found = file?.failure;
    const synced: BlobDone = (error) => {
      found ??= error;
      if (--open === 0) done(found);
    };
    if (file?.syncing === true) {
      open++;
      file.end = synced;
    }
    this.#sync(name, synced);
  }

  /** It is no more. */
  forget(name: string): void {
    this.#files.delete(name);
  }
}
