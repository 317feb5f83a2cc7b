/** A log on a simulated disk, and a model of what it should hold. */
import assert from 'node:assert/strict';
import { SimDisk, type CrashOptions, type DiskFault, type DiskOperation } from '../../../sim/disk.ts';
import { Kernel, Process } from '../../../sim/kernel.ts';
import { Prng } from '../../../sim/prng.ts';
import type { MemberId } from '../../../src/core/lib/ids.ts';
import type { Config, Entry, HardState, SnapshotMeta } from '../../../src/core/raft/types.ts';
import type { SkeinError } from '../../../src/errors.ts';
import type { LogBatch } from '../../../src/runtime/storage/frame-queue.ts';
import { LogStore } from '../../../src/runtime/storage/log-store.ts';
import { recoverLog, type Recovered } from '../../../src/runtime/storage/recover.ts';

export const config: Config = { voters: ['a/1' as MemberId], outgoing: [], standbys: [], removed: ['z/9' as MemberId] };

export function command(index: number, term = 1, size = 20): Entry {
  return { index, term, kind: 'command', data: new Uint8Array(size).fill(index % 251) };
}

export function commands(first: number, count: number, term = 1, size = 20): Entry[] {
  return Array.from({ length: count }, (_, i) => command(first + i, term, size));
}

export function meta(index: number, term = 1): SnapshotMeta {
  return { index, term, config };
}

export function stateAt(index: number): Uint8Array[] {
  return [Uint8Array.of(index % 256), new Uint8Array(), new Uint8Array(700).fill(index % 256)];
}

export interface NodeOptions {
  readonly seed?: string;
  readonly segmentBytes?: number;
  readonly fault?: (operation: DiskOperation) => DiskFault | undefined;
}

/** One incarnation after the other of one log. */
export class LogNode {
  readonly options: NodeOptions;
  kernel = new Kernel();
  process = new Process(this.kernel, 'n');
  disk: SimDisk;
  recovered: Recovered;
  log: LogStore;
  fatal: SkeinError | undefined;
  #incarnation = 0;

  constructor(options: NodeOptions = {}) {
    this.options = options;
    this.disk = new SimDisk(this.#init());
    this.recovered = recoverLog(this.disk);
    this.log = this.#open();
  }

  #init(): ConstructorParameters<typeof SimDisk>[0] {
    const { seed = 'log', fault } = this.options;
    this.#incarnation += 1;
    return { clock: this.process, random: new Prng(`${seed}/${this.#incarnation}`), ...(fault === undefined ? {} : { fault }) };
  }

  #open(): LogStore {
    const { segmentBytes = 4000 } = this.options;
    const fatal = (error: SkeinError): void => {
      this.fatal = error;
    };
    return new LogStore({ disk: this.disk, clock: this.process, recovered: this.recovered, fatal, segmentBytes });
  }

  crash(options: CrashOptions = {}): void {
    this.process.kill();
    this.disk.crash(options);
    this.kernel = new Kernel();
    this.process = new Process(this.kernel, 'n');
    this.disk = this.disk.reopen(this.#init());
  }

  /** Recovers; with damage there is no new log. */
  reopen(): Recovered {
    this.recovered = recoverLog(this.disk);
    if (this.recovered.damage === undefined) this.log = this.#open();
    return this.recovered;
  }

  restart(options: CrashOptions = {}): Recovered {
    this.crash(options);
    return this.reopen();
  }

  run(ms = 1000): void {
    this.kernel.run(this.kernel.now + ms);
  }

  persist(batch: Partial<LogBatch>): void {
    let isDone = false;
    this.log.persist({ entries: [], ...batch }, () => {
      isDone = true;
    });
    this.run();
    assert.equal(isDone, true, 'not persisted');
  }

  save(snapshot: SnapshotMeta, sections: readonly Uint8Array[] = stateAt(snapshot.index)): void {
    let isDone = false;
    this.log.saveSnapshot(snapshot, sections, () => {
      isDone = true;
    });
    this.run();
    assert.equal(isDone, true, 'not saved');
  }

  logFiles(): string[] {
    return this.disk.list().filter((name) => name.startsWith('log-'));
  }

  snapshotFiles(): string[] {
    return this.disk.list().filter((name) => name.startsWith('snapshot-'));
  }
}

/** Compares without the shape of the byte arrays. */
export function sameEntries(actual: readonly Entry[], expected: readonly Entry[], message?: string): void {
  assert.deepEqual(actual.map(plain), expected.map(plain), message);
}

export function plain(entry: Entry): unknown {
  return { ...entry, data: Buffer.from(entry.data).toString('hex') };
}

export const noVote: HardState = { term: 0, votedFor: '' };

export function vote(term: number, votedFor = 'a/1'): HardState {
  return { term, votedFor: votedFor as MemberId };
}
