/**
 * What a simulated disk holds, apart from who is using it: it outlives every incarnation of its node. Each file exists
 * twice, as the page cache has it and as it would be found after a power cut; so does the folder.
 */
import type { Random } from '../src/ports/random.ts';
import { ByteFile } from './byte-file.ts';

/** Unit in which an interrupted write survives or not. */
export const SECTOR_BYTES = 512;

export type FileChange = { readonly type: 'write'; readonly offset: number; readonly bytes: Uint8Array } | { readonly type: 'truncate'; readonly length: number };

type FolderChange =
  | { readonly type: 'create'; readonly name: string; readonly file: SimFile }
  | { readonly type: 'rename'; readonly name: string; readonly to: string; readonly file: SimFile }
  | { readonly type: 'remove'; readonly name: string };

interface SimFile {
  readonly cached: ByteFile;
  readonly durable: ByteFile;
  /** What distinguishes the two, in order. */
  unsynced: FileChange[];
}

/** How many unsynced changes a power cut left whole, left in part, or took. */
export interface CrashReport {
  readonly kept: number;
  readonly torn: number;
  readonly lost: number;
}

export class Platter {
  #names = new Map<string, SimFile>();
  #durableNames = new Map<string, SimFile>();
  #folderChanges: FolderChange[] = [];
  #version = 0;
  #namesVersion = 0;
  #image: { readonly version: number; readonly files: ReadonlyMap<string, Uint8Array> } | undefined;

  /** Rises whenever something became durable. */
  get version(): number {
    return this.#version;
  }

  /** Rises whenever the durable folder names other files. */
  get namesVersion(): number {
    return this.#namesVersion;
  }

  list(): string[] {
    return [...this.#names.keys()].sort();
  }

  read(name: string): Uint8Array {
    return this.#file(name).cached.copy();
  }

  change(name: string, change: FileChange): void {
    let file = change.type === 'write' ? this.#names.get(name) : this.#file(name);
    if (file === undefined) {
      file = { cached: new ByteFile(), durable: new ByteFile(), unsynced: [] };
      this.#names.set(name, file);
      this.#folderChanges.push({ type: 'create', name, file });
    }
    applyChange(file.cached, change);
    file.unsynced.push(change);
  }

  rename(from: string, to: string): void {
    const file = this.#file(from);
    this.#names.delete(from);
    this.#names.set(to, file);
    this.#folderChanges.push({ type: 'rename', name: from, to, file });
  }

  remove(name: string): void {
    this.#file(name);
    this.#names.delete(name);
    this.#folderChanges.push({ type: 'remove', name });
  }

  /** Call when a sync begins. @returns makes durable what had been changed by then; `keep` false: forgets it instead. */
  beginSync(name: string): (keep: boolean) => void {
    const file = this.#file(name);
    const count = file.unsynced.length;
    return (keep) => {
      const changes = file.unsynced.splice(0, count);
      if (!keep) return;
      for (const change of changes) applyChange(file.durable, change);
      this.#version += 1;
    };
  }

  /** As `beginSync`, for names. */
  beginFolderSync(): () => void {
    const count = this.#folderChanges.length;
    return () => {
      for (const change of this.#folderChanges.splice(0, count)) this.#applyToFolder(change);
      this.#version += 1;
    };
  }

  /** Durable content of one file, undefined if the file is not in the durable folder. */
  durable(name: string): ByteFile | undefined {
    return this.#durableNames.get(name)?.durable;
  }

  durableNames(): IterableIterator<string> {
    return this.#durableNames.keys();
  }

  /** What would be found if the power failed now and took everything that is not synced. */
  image(): ReadonlyMap<string, Uint8Array> {
    if (this.#image?.version !== this.#version) {
      const files = new Map<string, Uint8Array>();
      for (const [name, file] of this.#durableNames) files.set(name, file.durable.copy());
      this.#image = { version: this.#version, files };
    }
    return this.#image.files;
  }

  /** @param tornChance that unsynced changes of a file (or of the folder) survive in part instead of not at all. */
  losePower(random: Random, tornChance: number): CrashReport {
    const report = { kept: 0, torn: 0, lost: 0 };
    for (const file of new Set([...this.#names.values(), ...this.#durableNames.values()])) {
      const survives = random.float() < tornChance;
      for (const change of file.unsynced) this.#settle(file, change, survives ? random : undefined, report);
      file.unsynced = [];
    }
    this.#settleFolder(random.float() < tornChance ? random : undefined, report);
    this.#names = new Map(this.#durableNames);
    for (const file of this.#names.values()) file.cached.become(file.durable);
    this.#version += 1;
    return report;
  }

  /** A fault: from now on these files are what is on the disk, and nothing else ever was. */
  restore(image: ReadonlyMap<string, Uint8Array>): void {
    const files = [...image].map(([name, bytes]): [string, SimFile] => {
      const [cached, durable] = [new ByteFile(), new ByteFile()];
      for (const content of [cached, durable]) content.write(0, bytes);
      return [name, { cached, durable, unsynced: [] }];
    });
    this.#names = new Map(files);
    this.#durableNames = new Map(files);
    this.#folderChanges = [];
    this.#namesVersion += 1;
    this.#version += 1;
  }

  /** A fault: the bit changes in the cache and on the disk alike. */
  flipBit(name: string, offset: number, bit: number): void {
    const file = this.#file(name);
    for (const content of [file.cached, file.durable]) content.flip(offset, bit);
    this.#version += 1;
  }

  #file(name: string): SimFile {
    const file = this.#names.get(name);
    if (file === undefined) throw Object.assign(new Error(`ENOENT: no such file: ${name}`), { code: 'ENOENT' });
    return file;
  }

  #settle(file: SimFile, change: FileChange, random: Random | undefined, report: { kept: number; torn: number; lost: number }): void {
    const fate = random === undefined ? 1 : random.float();
    if (random === undefined || fate > 0.75) {
      report.lost += 1;
    } else if (fate < 0.25 || change.type === 'truncate') {
      report.kept += 1;
      applyChange(file.durable, change);
    } else {
      report.torn += 1;
      tear(file.durable, change.offset, change.bytes, random);
    }
  }

  /** Either a prefix of the changes survives (a journal), or any of them that need no lost one. */
  #settleFolder(random: Random | undefined, report: { kept: number; torn: number; lost: number }): void {
    const journaled = random !== undefined && random.float() < 0.5;
    const prefix = random === undefined ? 0 : Math.floor(random.float() * (this.#folderChanges.length + 1));
    const lostNames = new Set<string>();
    for (const [position, change] of this.#folderChanges.entries()) {
      const names = change.type === 'rename' ? [change.name, change.to] : [change.name];
      const survives = random !== undefined && (journaled ? position < prefix : random.float() < 0.5 && !names.some((name) => lostNames.has(name)));
      if (survives) this.#applyToFolder(change);
      else for (const name of names) lostNames.add(name);
      report[survives ? 'kept' : 'lost'] += 1;
    }
    this.#folderChanges = [];
  }

  #applyToFolder(change: FolderChange): void {
    this.#namesVersion += 1;
    switch (change.type) {
      case 'create':
        this.#durableNames.set(change.name, change.file);
        return;
      case 'rename':
        this.#durableNames.delete(change.name);
        this.#durableNames.set(change.to, change.file);
        return;
      case 'remove':
        this.#durableNames.delete(change.name);
    }
  }
}

function applyChange(content: ByteFile, change: FileChange): void {
  if (change.type === 'write') content.write(change.offset, change.bytes);
  else content.truncate(change.length);
}

/** Leaves a prefix, or some of the sectors, or garbage in some of the sectors: never a byte outside the write. */
function tear(content: ByteFile, offset: number, bytes: Uint8Array, random: Random): void {
  const manner = random.float();
  if (manner < 0.4) {
    content.write(offset, bytes.subarray(0, Math.floor(random.float() * bytes.length)));
    return;
  }
  const end = offset + bytes.length;
  for (let at = offset; at < end; ) {
    const next = Math.min(end, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES);
    const fate = random.float();
    if (fate < 0.5) content.write(at, bytes.subarray(at - offset, next - offset));
    else if (manner > 0.8) content.write(at, random.bytes(next - at));
    at = next;
  }
}
