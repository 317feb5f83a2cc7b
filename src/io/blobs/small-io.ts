/**
 * Many small files read or written one after the other, on a thread of its own (small-io-thread.ts): each of its calls
 * takes microseconds, and would take several times as long by way of the system's threads and back. Bytes of all files
 * travel in one array.
 */
import fs from 'node:fs';
import path from 'node:path';
import { isSealed, UNSYNCED } from './layout.ts';

export type SmallJob =
  /** Into `folder`, by way of `through`. A file that is there, as long and sealed, stays. */
  | { readonly op: 'write'; readonly folder: string; readonly through: string; readonly names: readonly string[]; readonly lengths: readonly number[]; readonly bytes: Uint8Array }
  | { readonly op: 'read'; readonly folder: string; readonly names: readonly string[]; readonly lengths: readonly number[] };

/** `present`: a sealed file was there already. A text is the code of an error; a number, how many bytes were read. */
export type SmallOutcome = 'written' | 'present' | { readonly code: string; readonly message: string } | number;

export interface SmallResult {
  readonly outcomes: readonly SmallOutcome[];
  /** What was read, each file at the sum of the lengths that were asked before it. */
  readonly bytes: Uint8Array;
}

const NOTHING = new Uint8Array(0);
/** Only the owner of a file may read it without a trace of that. */
let readFlags = fs.constants.O_RDONLY | (process.platform === 'linux' ? fs.constants.O_NOATIME : 0);

export function doSmallJob(job: SmallJob): SmallResult {
  if (job.op === 'write') return { outcomes: eachOf(job, (name, at, length) => writeOne(job, name, job.bytes.subarray(at, at + length))), bytes: NOTHING };
  const bytes = new Uint8Array(job.lengths.reduce((sum, length) => sum + length, 0));
  return { outcomes: eachOf(job, (name, at, length) => readOne(path.join(job.folder, name), bytes.subarray(at, at + length))), bytes };
}

function eachOf({ names, lengths }: SmallJob, work: (name: string, at: number, length: number) => SmallOutcome): SmallOutcome[] {
  let at = 0;
  return names.map((name, i) => {
    const from = at;
    at += lengths[i]!;
    try {
      return work(name, from, lengths[i]!);
    } catch (error) {
      const { code = 'EIO', message } = error as NodeJS.ErrnoException;
      return { code, message };
    }
  });
}

function writeOne({ folder, through }: Extract<SmallJob, { op: 'write' }>, name: string, bytes: Uint8Array): SmallOutcome {
  const temporary = path.join(through, `small-${name}`);
  try {
    const fd = openNew(temporary);
    try {
      let written = 0;
      while (written < bytes.byteLength) written += fs.writeSync(fd, bytes, written);
      fs.futimesSync(fd, new Date(), UNSYNCED);
    } finally {
      fs.closeSync(fd);
    }
    return place(temporary, path.join(folder, name), bytes.byteLength);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
}

/** A thread that ended in the middle may have left its half: there is one at a time. */
function openNew(temporary: string): number {
  try {
    return fs.openSync(temporary, 'wx', 0o400);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    fs.rmSync(temporary, { force: true });
    return fs.openSync(temporary, 'wx', 0o400);
  }
}

/** A link never replaces what another thread has put there meanwhile: what is durable is not replaced by what is not. */
function place(temporary: string, file: string, size: number): SmallOutcome {
  try {
    fs.linkSync(temporary, file);
  } catch {
    // There is one, or this disk has no links.
    const present = fs.statSync(file, { throwIfNoEntry: false });
    if (present === undefined || present.size !== size || !isSealed(present)) {
      fs.renameSync(temporary, file);
      return 'written';
    }
    fs.unlinkSync(temporary);
    return 'present';
  }
  fs.unlinkSync(temporary);
  return 'written';
}

function readOne(file: string, target: Uint8Array): number {
  const fd = openToRead(file);
  try {
    let read = 0;
    while (read < target.byteLength) {
      const count = fs.readSync(fd, target, read, target.byteLength - read, read);
      if (count === 0) break;
      read += count;
    }
    return read;
  } finally {
    fs.closeSync(fd);
  }
}

function openToRead(file: string): number {
  try {
    return fs.openSync(file, readFlags);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM' || readFlags === fs.constants.O_RDONLY) throw error;
    readFlags = fs.constants.O_RDONLY;
    return fs.openSync(file, readFlags);
  }
}
