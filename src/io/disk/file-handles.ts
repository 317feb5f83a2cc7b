/** Keeps the files that are in use open, the least recently used closed. */
import fs from 'node:fs';
import path from 'node:path';
import type { DiskDone } from '../../ports/disk.ts';

/** The log's segment, a snapshot on its way, and a few more. */
export const OPEN_FILES_MAX = 8;

type End = (error: Error | null) => void;
type Use = (fd: number, end: End) => void;

interface Handle {
  fd: number | undefined;
  /** Uses under way or waiting for the file to be open. */
  users: number;
  forgotten: boolean;
  waiting: Array<(error: Error | null) => void>;
}

export class FileHandles {
  readonly #folder: string;
  readonly #access: number;
  readonly #noTrace: boolean;
  /** Least recently used first. */
  readonly #handles = new Map<string, Handle>();

  /** @param mode `read`: they are not written to, and their time of last access stays where the system can do that. */
  constructor(folder: string, mode: 'read' | 'write' = 'write') {
    this.#folder = folder;
    this.#access = mode === 'read' ? fs.constants.O_RDONLY : fs.constants.O_RDWR;
    this.#noTrace = mode === 'read' && process.platform === 'linux';
  }

  /**
   * Hands the file's descriptor to `use`; `done` is called when `use` has ended.
   * @param create a missing file is created (0600); otherwise that is an error.
   */
  use(name: string, create: boolean, done: DiskDone, use: Use): void {
    const handle = this.#handles.get(name) ?? this.#open(name, create);
    this.#handles.delete(name);
    this.#handles.set(name, handle);
    handle.users += 1;
    const end: End = (error) => {
      handle.users -= 1;
      this.#release(handle);
      done(error ?? undefined);
    };
    if (handle.fd !== undefined) use(handle.fd, end);
    else handle.waiting.push((error) => (error === null && handle.fd !== undefined ? use(handle.fd, end) : end(error)));
    this.#evict();
  }

  /** The name is about to mean another file, or none. */
  forget(name: string): void {
    const handle = this.#handles.get(name);
    if (handle === undefined) return;
    this.#handles.delete(name);
    handle.forgotten = true;
    this.#release(handle);
  }

  close(): void {
    for (const name of this.#handles.keys()) this.forget(name);
  }

  #open(name: string, create: boolean): Handle {
    const handle: Handle = { fd: undefined, users: 0, forgotten: false, waiting: [] };
    const flags = this.#access | (create ? fs.constants.O_CREAT : 0);
    const file = path.join(this.#folder, name);
    const opened = (error: NodeJS.ErrnoException | null, fd: number): void => {
      if (error === null) handle.fd = fd;
      else if (this.#handles.get(name) === handle) this.#handles.delete(name);
      for (const waiting of handle.waiting.splice(0)) waiting(error);
      this.#release(handle);
    };
    // Only their owner may read files without a trace of it.
    if (this.#noTrace) fs.open(file, flags | fs.constants.O_NOATIME, 0o600, (error, fd) => (error?.code === 'EPERM' ? fs.open(file, flags, 0o600, opened) : opened(error, fd)));
    else fs.open(file, flags, 0o600, opened);
    return handle;
  }

  #evict(): void {
    for (const [name, handle] of this.#handles) {
      if (this.#handles.size <= OPEN_FILES_MAX) return;
      if (handle.users === 0) this.forget(name);
    }
  }

  #release(handle: Handle): void {
    if (!handle.forgotten || handle.users > 0 || handle.fd === undefined) return;
    const { fd } = handle;
    handle.fd = undefined;
    // An error of close says nothing about synced bytes, and unsynced ones nobody was promised.
    fs.close(fd, () => undefined);
  }
}
