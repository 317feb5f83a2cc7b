/** The Disk port on node:fs: one folder. No decisions here; what is written when is up to src/runtime/storage. */
import fs from 'node:fs';
import path from 'node:path';
import type { Disk, DiskDone } from '../../ports/disk.ts';
import { FileHandles } from './file-handles.ts';

export class FolderDisk implements Disk {
  readonly path: string;
  readonly #handles: FileHandles;

  /** @param folder is created (0700) if missing. */
  constructor(folder: string) {
    this.path = path.resolve(folder);
    fs.mkdirSync(this.path, { recursive: true, mode: 0o700 });
    this.#handles = new FileHandles(this.path);
  }

  list(): string[] {
    const entries = fs.readdirSync(this.path, { withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => entry.name).sort();
  }

  read(name: string): Uint8Array {
    return fs.readFileSync(this.#file(name));
  }

  writeAt(name: string, offset: number, bytes: Uint8Array, done: DiskDone): void {
    this.#handles.use(name, true, done, (fd, end) => writeAll(fd, bytes, 0, offset, end));
  }

  truncate(name: string, length: number, done: DiskDone): void {
    this.#handles.use(name, false, done, (fd, end) => fs.ftruncate(fd, length, end));
  }

  /** fdatasync: it also makes the length durable, and skips the times. */
  sync(name: string, done: DiskDone): void {
    this.#handles.use(name, false, done, (fd, end) => fs.fdatasync(fd, end));
  }

  rename(from: string, to: string, done: DiskDone): void {
    this.#handles.forget(to);
    this.#handles.forget(from);
    fs.rename(this.#file(from), this.#file(to), (error) => done(error ?? undefined));
  }

  remove(name: string, done: DiskDone): void {
    this.#handles.forget(name);
    fs.unlink(this.#file(name), (error) => done(error ?? undefined));
  }

  syncFolder(done: DiskDone): void {
    fs.open(this.path, 'r', (openError, fd) => {
      if (openError !== null) {
        done(openError);
        return;
      }
      fs.fsync(fd, (error) => fs.close(fd, () => done(error !== null && canSyncFolders ? error : undefined)));
    });
  }

  /** Closes the files. Operations that are still under way end first. */
  close(): void {
    this.#handles.close();
  }

  #file(name: string): string {
    return path.join(this.path, name);
  }
}

/** Windows opens no folders for syncing; its rename is journaled. */
const canSyncFolders = process.platform !== 'win32';

export function writeAll(fd: number, bytes: Uint8Array, from: number, position: number, done: (error: Error | null) => void): void {
  fs.write(fd, bytes, from, bytes.length - from, position, (error, written) => {
    if (error !== null || from + written >= bytes.length) done(error);
    else if (written === 0) done(new Error('the disk takes no more bytes'));
    else writeAll(fd, bytes, from + written, position + written, done);
  });
}
