/**
 * The Disk port in virtual time. Operations complete after seeded delays; a write is in the page cache when it
 * completes and durable only by a later sync. One SimDisk is one incarnation's view of a platter: after `crash` its
 * callbacks never fire, and `reopen` gives the next incarnation what survived.
 */
import type { Clock } from '../src/ports/clock.ts';
import type { Disk, DiskDone } from '../src/ports/disk.ts';
import type { Random } from '../src/ports/random.ts';
import { Platter, type CrashReport, type FileChange } from './platter.ts';

/** No healthy operation takes longer than this many times the mean. */
const DELAY_MEANS_MAX = 10;
/** A write only fills the page cache: this share of the time of a sync. */
const WRITE_SHARE = 0.1;

export interface DiskOperation {
  readonly type: 'write' | 'truncate' | 'sync' | 'rename' | 'remove' | 'syncFolder';
  /** '' for syncFolder. */
  readonly name: string;
  /** Bytes to be written, else 0. */
  readonly bytes: number;
}

/**
 * `error`: the operation fails; a write may have got through a part of it, and a failed sync forgets what it should have
 * written, as Linux does, though the page cache still shows it. `stall`: it never
 * completes. `delay`: it takes this much longer.
 */
export type DiskFault = { readonly type: 'error'; readonly error: Error } | { readonly type: 'stall' } | { readonly type: 'delay'; readonly delayMs: number };

export interface SimDiskInit {
  readonly clock: Clock;
  readonly random: Random;
  /** Mean time of a sync, in ms. @default 0.2 */
  readonly meanMs?: number;
  /** Asked before each operation (disk full, fsync error, stall). */
  readonly fault?: (operation: DiskOperation) => DiskFault | undefined;
}

export interface CrashOptions {
  /** `power`: the page cache is gone. `process`: it stays, but is still not durable. @default 'power' */
  readonly kind?: 'power' | 'process';
  /** That unsynced changes of a file survive in part (prefix, sectors, garbage) instead of not at all. @default 0.5 */
  readonly tornChance?: number;
}

interface Pending {
  readonly operation: DiskOperation;
  /** Of a write or truncate. */
  readonly change?: FileChange;
  /** Called at the start. */
  readonly begin?: () => void;
  /** Called at the end: the operation has happened. */
  readonly apply: () => void;
  readonly failed?: () => void;
}

export class SimDisk implements Disk {
  readonly #init: SimDiskInit;
  readonly #platter: Platter;
  readonly #pending = new Set<Pending>();
  #alive = true;

  constructor(init: SimDiskInit, platter: Platter = new Platter()) {
    this.#init = init;
    this.#platter = platter;
  }

  list(): string[] {
    return this.#platter.list();
  }

  read(name: string): Uint8Array {
    return this.#platter.read(name);
  }

  writeAt(name: string, offset: number, bytes: Uint8Array, done: DiskDone): void {
    this.#change({ type: 'write', name, bytes: bytes.length }, { type: 'write', offset, bytes: bytes.slice() }, done);
  }

  truncate(name: string, length: number, done: DiskDone): void {
    this.#change({ type: 'truncate', name, bytes: 0 }, { type: 'truncate', length }, done);
  }

  sync(name: string, done: DiskDone): void {
    let end: ((keep: boolean) => void) | undefined;
    const begin = (): void => {
      end = this.#platter.beginSync(name);
    };
    this.#run({ operation: { type: 'sync', name, bytes: 0 }, begin, apply: () => end?.(true), failed: () => end?.(false) }, done);
  }

  rename(from: string, to: string, done: DiskDone): void {
    this.#run({ operation: { type: 'rename', name: from, bytes: 0 }, apply: () => this.#platter.rename(from, to) }, done);
  }

  remove(name: string, done: DiskDone): void {
    this.#run({ operation: { type: 'remove', name, bytes: 0 }, apply: () => this.#platter.remove(name) }, done);
  }

  syncFolder(done: DiskDone): void {
    let end: (() => void) | undefined;
    const begin = (): void => {
      end = this.#platter.beginFolderSync();
    };
    this.#run({ operation: { type: 'syncFolder', name: '', bytes: 0 }, begin, apply: () => end?.() }, done);
  }

  /** Ends this incarnation: no callback fires any more. What was under way may or may not have happened. */
  crash(options: CrashOptions = {}): CrashReport {
    const { random } = this.#init;
    this.#alive = false;
    for (const { operation, change, begin, apply } of this.#pending) {
      if (begin !== undefined || random.float() < 0.5) continue;
      if (change === undefined) attempt(apply);
      else this.#platter.change(operation.name, partOf(change, options.kind, random));
    }
    this.#pending.clear();
    if (options.kind === 'process') return { kept: 0, torn: 0, lost: 0 };
    return this.#platter.losePower(random, options.tornChance ?? 0.5);
  }

  /** The same platter for the next incarnation, after `crash`. */
  reopen(init: SimDiskInit): SimDisk {
    if (this.#alive) throw new Error('a disk is reopened before it crashed');
    return new SimDisk(init, this.#platter);
  }

  /** What is durable at this instant. The same map until `syncedVersion` rises; not to be changed. */
  syncedImage(): ReadonlyMap<string, Uint8Array> {
    return this.#platter.image();
  }

  /** The same without copying, for readers that follow a growing file. */
  get platter(): Platter {
    return this.#platter;
  }

  get syncedVersion(): number {
    return this.#platter.version;
  }

  /** Operations under way. */
  get pending(): number {
    return this.#pending.size;
  }

  flipBit(name: string, offset: number, bit: number): void {
    this.#platter.flipBit(name, offset, bit);
  }

  #change(operation: DiskOperation, change: FileChange, done: DiskDone): void {
    // A write that fails may have got through a part of it.
    const failed = (): void => void attempt(() => this.#platter.change(operation.name, partOf(change, 'process', this.#init.random)));
    this.#run({ operation, change, apply: () => this.#platter.change(operation.name, change), ...(change.type === 'write' ? { failed } : {}) }, done);
  }

  #run(pending: Pending, done: DiskDone): void {
    if (!this.#alive) return;
    const { clock, fault } = this.#init;
    const { operation, begin, apply, failed } = pending;
    const verdict = fault?.(operation);
    this.#pending.add(pending);
    const refused = attempt(begin);
    if (verdict?.type === 'stall') return;
    const extra = verdict?.type === 'delay' ? verdict.delayMs : 0;
    clock.setTimer(this.#delay(operation) + extra, () => {
      if (!this.#alive) return;
      this.#pending.delete(pending);
      const error = verdict?.type === 'error' ? verdict.error : refused;
      if (error === undefined) done(attempt(apply));
      else {
        failed?.();
        done(error);
      }
    });
  }

  #delay({ type }: DiskOperation): number {
    const mean = (this.#init.meanMs ?? 0.2) * (type === 'sync' || type === 'syncFolder' ? 1 : WRITE_SHARE);
    return Math.min(-mean * Math.log(1 - this.#init.random.float()), mean * DELAY_MEANS_MAX);
  }
}

/** A view of a synced image that `recoverLog` can read. */
export function imageReader(image: ReadonlyMap<string, Uint8Array>): Pick<Disk, 'list' | 'read'> {
  return {
    list: () => [...image.keys()].sort(),
    read: (name) => {
      const bytes = image.get(name);
      if (bytes === undefined) throw new Error(`ENOENT: no such file: ${name}`);
      return bytes;
    },
  };
}

/** A killed process may have got through a part of its write; a power cut tears it later anyway. */
function partOf(change: FileChange, kind: CrashOptions['kind'], random: Random): FileChange {
  if (change.type !== 'write' || kind !== 'process' || random.float() < 0.5) return change;
  return { ...change, bytes: change.bytes.subarray(0, Math.floor(random.float() * change.bytes.length)) };
}

function attempt(action: (() => void) | undefined): Error | undefined {
  try {
    action?.();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
