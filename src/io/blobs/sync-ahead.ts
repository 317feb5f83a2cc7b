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
  end: (() => void) | undefined;
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
      growing.end?.();
    });
  }

  /** It is written no more. @param done at once, or after the sync that is under way, with what any of them has found. */
  end(name: string, done: (failure: Error | undefined) => void): void {
    const file = this.#files.get(name);
    this.#files.delete(name);
    if (file?.syncing === true) file.end = () => done(file.failure);
    else done(file?.failure);
  }
}
