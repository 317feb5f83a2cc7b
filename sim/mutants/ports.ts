/**
 * Mutants at the ports: a sync that the runtime asks for and that never happens is a sync that it forgot to ask for, and
 * a supervisor that does not kill is one that was never told. So the production code stays as it is.
 */
import type { Clock } from '../../src/ports/clock.ts';
import type { Disk, DiskDone } from '../../src/ports/disk.ts';
import { decodePayload, readHeader } from '../../src/runtime/storage/frame.ts';
import { IDENTITY_FILE, TEMPORARY_SUFFIX } from '../../src/runtime/storage/names.ts';

export const portMutants = [
  { name: 'frame-unsynced', rule: 'fsync (c)', breaks: 'A frame with entries counts as durable once it is written, before it is synced.' },
  { name: 'hard-state-unsynced', rule: 'fsync (a), (b)', breaks: 'A frame that holds nothing but term and vote is not synced.' },
  { name: 'segment-name-unsynced', rule: 'fsync (c)', breaks: 'A new segment is not entered into its folder durably: a power cut takes the whole file.' },
  { name: 'snapshot-unsynced', rule: 'fsync (d)', breaks: 'A snapshot comes in force before its bytes are synced.' },
  { name: 'snapshot-name-unsynced', rule: 'fsync (d)', breaks: 'A snapshot comes in force before its rename is durable.' },
  { name: 'recovered-unsynced', rule: 'fsync (a) to (c)', breaks: 'After a crash of the process the node answers for what it read from the page cache, without syncing it first.' },
  { name: 'identity-unsynced', rule: '§1 member', breaks: 'The id of a new disk is used before it is durable: a power cut makes the voter a stranger.' },
  { name: 'damage-cut', rule: '§1 damage', breaks: 'A log that is damaged in the middle is cut there in silence, and its member goes on without the rest.' },
  { name: 'orphans-live', rule: '§4 supervisor', breaks: 'The supervisor does not kill the modules of a node whose process has died, and the next process does not either.' },
] as const;

export type PortMutant = (typeof portMutants)[number]['name'];

/** As in names.ts. */
const SEGMENT = /^log-/;

/** A disk that leaves out the syncs of these mutants: they take no time and make nothing durable. */
export class ForgetfulDisk implements Disk {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #mutants: ReadonlySet<string>;
  /** Something was written since the process began. */
  #wrote = false;
  /** The last frame has entries. */
  #entries = false;
  /** Name that was synced or renamed last: what a sync of the folder is for. */
  #last = '';

  constructor(disk: Disk, clock: Clock, mutants: ReadonlySet<string>) {
    this.#disk = disk;
    this.#clock = clock;
    this.#mutants = mutants;
  }

  list(): string[] {
    return this.#disk.list();
  }

  read(name: string): Uint8Array {
    return this.#disk.read(name);
  }

  writeAt(name: string, offset: number, bytes: Uint8Array, done: DiskDone): void {
    // What was recovered is written anew, under another name, before anything else is.
    if (!isRenewal(name)) {
      this.#wrote = true;
      if (isSegment(name)) this.#entries = hasEntries(bytes);
    }
    this.#disk.writeAt(name, offset, bytes, done);
  }

  truncate(name: string, length: number, done: DiskDone): void {
    this.#disk.truncate(name, length, done);
  }

  sync(name: string, done: DiskDone): void {
    this.#last = name;
    if (this.#forgets(name)) this.#clock.setTimer(0, () => done(undefined));
    else this.#disk.sync(name, done);
  }

  rename(from: string, to: string, done: DiskDone): void {
    this.#last = to;
    this.#disk.rename(from, to, done);
  }

  remove(name: string, done: DiskDone): void {
    this.#last = '';
    this.#disk.remove(name, done);
  }

  syncFolder(done: DiskDone): void {
    if (this.#forgetsFolder()) this.#clock.setTimer(0, () => done(undefined));
    else this.#disk.syncFolder(done);
  }

  #has(mutant: PortMutant): boolean {
    return this.#mutants.has(mutant);
  }

  #forgets(name: string): boolean {
    if (name.startsWith(IDENTITY_FILE)) return this.#has('identity-unsynced');
    if (!isSegment(name)) return name.endsWith(TEMPORARY_SUFFIX) && this.#has('snapshot-unsynced');
    if (!this.#wrote) return this.#has('recovered-unsynced');
    return this.#has(this.#entries ? 'frame-unsynced' : 'hard-state-unsynced');
  }

  #forgetsFolder(): boolean {
    if (this.#last === IDENTITY_FILE) return this.#has('identity-unsynced');
    if (this.#last === '') return false;
    if (!isSegment(this.#last)) return this.#has('snapshot-name-unsynced');
    return this.#has(this.#wrote ? 'segment-name-unsynced' : 'recovered-unsynced');
  }
}

function isRenewal(name: string): boolean {
  return isSegment(name) && name.endsWith(TEMPORARY_SUFFIX);
}

function isSegment(name: string): boolean {
  return SEGMENT.test(name);
}

function hasEntries(bytes: Uint8Array): boolean {
  const header = readHeader(bytes, 0);
  return header !== undefined && decodePayload(bytes, 0, header).entries.length > 0;
}
