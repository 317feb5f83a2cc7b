/**
 * One folder on one disk. Reading is synchronous since it happens only before a node joins; writing is by callback, so
 * that the simulator can run it in virtual time without touching the microtask queue. An error given to `done` is
 * final: the caller ends the process (PROTOCOL §1).
 */
export interface Disk {
  /** File names, sorted. */
  list(): string[];
  /** Whole content. Throws if missing. */
  read(name: string): Uint8Array;
  /** Creates the file if missing. Bytes are not durable before `sync`. */
  writeAt(name: string, offset: number, bytes: Uint8Array, done: DiskDone): void;
  truncate(name: string, length: number, done: DiskDone): void;
  /** Everything written to the file before is durable when `done` is called. */
  sync(name: string, done: DiskDone): void;
  /** Atomic; durable after `syncFolder`. */
  rename(from: string, to: string, done: DiskDone): void;
  remove(name: string, done: DiskDone): void;
  syncFolder(done: DiskDone): void;
}

export type DiskDone = (error?: Error) => void;
