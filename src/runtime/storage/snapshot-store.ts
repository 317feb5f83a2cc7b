/** Stores snapshots one after the other: write, sync, rename, sync the folder. */
import { assert } from '../../core/lib/assert.ts';
import type { LogIndex } from '../../core/lib/ids.ts';
import type { SnapshotMeta } from '../../core/raft/types.ts';
import type { Disk } from '../../ports/disk.ts';
import type { DiskGuard } from './disk-guard.ts';
import type { LogPosition } from './frame.ts';
import { snapshotFile, TEMPORARY_SUFFIX } from './names.ts';
import { snapshotSlices } from './snapshot-file.ts';

/** Snapshots on disk: the newest, and the one before in case it turns out to be damaged. */
export const SNAPSHOTS_KEPT = 2;
/** Snapshots that may wait to be written. */
export const SNAPSHOTS_WAITING_MAX = 8;

interface Job {
  readonly meta: SnapshotMeta;
  readonly sections: readonly Uint8Array[];
  readonly done: () => void;
}

export class SnapshotStore {
  readonly #disk: Disk;
  readonly #guard: DiskGuard;
  readonly #jobs: Job[] = [];
  #busy = false;
  /** Newest first. */
  #stored: readonly LogPosition[];

  constructor(disk: Disk, guard: DiskGuard, stored: readonly LogPosition[]) {
    this.#disk = disk;
    this.#guard = guard;
    this.#stored = stored;
  }

  /** Durable snapshots, newest first. */
  get stored(): readonly LogPosition[] {
    return this.#stored;
  }

  /** One that is not newer than what is stored is done at once: it is stale. Not to be called from outside a callback. */
  save(meta: SnapshotMeta, sections: readonly Uint8Array[], done: () => void): void {
    assert(this.#jobs.length < SNAPSHOTS_WAITING_MAX, 'too many snapshots wait to be written');
    this.#jobs.push({ meta, sections, done });
    this.#next();
  }

  /** The log was reset to the snapshot at `index`: older ones have nothing to go on from. */
  removeBefore(index: LogIndex, done: () => void): void {
    this.#prune(this.#stored.filter((snapshot) => snapshot.index >= index), done);
  }

  #next(): void {
    if (this.#busy || this.#guard.failed) return;
    const job = this.#jobs.shift();
    if (job === undefined) return;
    const newest = this.#stored[0];
    if (newest !== undefined && job.meta.index <= newest.index) {
      job.done();
      this.#next();
      return;
    }
    this.#busy = true;
    this.#write(job, () => {
      this.#busy = false;
      job.done();
      this.#next();
    });
  }

  #write(job: Job, done: () => void): void {
    const { index, term } = job.meta;
    const name = snapshotFile(index, term);
    const temporary = name + TEMPORARY_SUFFIX;
    const guard = this.#guard;
    const slices = snapshotSlices(job);
    const stored = (): void => {
      this.#stored = [{ index, term }, ...this.#stored];
      this.#prune(this.#stored.slice(0, SNAPSHOTS_KEPT), () => undefined);
      done();
    };
    const rename = (): void => {
      this.#disk.rename(temporary, name, guard.after(`rename ${name}`, () => this.#disk.syncFolder(guard.after('sync folder', stored))));
    };
    const step = (offset: number): void => {
      const slice = slices.next();
      if (slice.done === true) this.#disk.sync(temporary, guard.after(`sync ${temporary}`, rename));
      else this.#disk.writeAt(temporary, offset, slice.value, guard.after(`write ${temporary}`, () => step(offset + slice.value.length)));
    };
    step(0);
  }

  #prune(kept: readonly LogPosition[], done: () => void): void {
    const names = this.#stored.filter((snapshot) => !kept.includes(snapshot)).map(({ index, term }) => snapshotFile(index, term));
    this.#stored = kept;
    removeFiles(this.#disk, this.#guard, names, done);
  }
}

/** Removes files in this order, then syncs the folder. */
export function removeFiles(disk: Disk, guard: DiskGuard, names: readonly string[], done: () => void): void {
  if (names.length === 0) {
    done();
    return;
  }
  const step = (position: number): void => {
    const name = names[position];
    if (name === undefined) disk.syncFolder(guard.after('sync folder', done));
    else disk.remove(name, guard.after(`remove ${name}`, () => step(position + 1)));
  };
  step(0);
}
