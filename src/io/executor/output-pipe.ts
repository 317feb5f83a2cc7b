/**
 * Where a module's stdout and stderr go: one named pipe for both, so that their lines stay in order and `/dev/stderr`
 * can be opened (the sockets that Node.js makes for `'pipe'` cannot). Falls back to two sockets without mkfifo.
 */
import { spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

const MADE_AT_ONCE = 32;

/** Names of pipes that nobody has open. A pipe returns here only when its last writer has closed it. */
export class PipeStock {
  readonly #folder: string;
  #free: string[] = [];
  #made = 0;
  #usable = process.platform !== 'win32';

  constructor(folder: string) {
    this.#folder = folder;
  }

  take(): string | undefined {
    if (this.#free.length === 0 && this.#usable) this.#make();
    return this.#free.pop();
  }

  give(path: string): void {
    this.#free.push(path);
  }

  #make(): void {
    const paths = Array.from({ length: MADE_AT_ONCE }, () => join(this.#folder, `pipe${this.#made++}`));
    const made = spawnSync('mkfifo', ['-m', '600', ...paths], { stdio: 'ignore' });
    this.#usable = made.status === 0;
    if (this.#usable) this.#free = paths;
  }
}

export class OutputPipe {
  readonly #stock: PipeStock;
  readonly #onData: (bytes: Buffer) => void;
  readonly #onEnd: () => void;
  #path: string | undefined;
  #readers: Readable[] = [];
  #writeFd = -1;
  #open = 0;
  #closed = false;

  /** @param onEnd every writer has closed it: all output was given to `onData`. */
  constructor(stock: PipeStock, onData: (bytes: Buffer) => void, onEnd: () => void) {
    this.#stock = stock;
    this.#onData = onData;
    this.#onEnd = onEnd;
    this.#path = stock.take();
    if (this.#path === undefined) return;
    const readFd = openSync(this.#path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      this.#writeFd = openSync(this.#path, constants.O_WRONLY);
    } catch (error) {
      closeSync(readFd);
      throw error;
    }
    this.#readers = [new Socket({ fd: readFd, readable: true, writable: false })];
  }

  /** For stdout and stderr in `spawn`'s `stdio`. */
  get target(): number | 'pipe' {
    return this.#writeFd < 0 ? 'pipe' : this.#writeFd;
  }

  /** Call after `spawn`, also when it failed (without a child). */
  attach(child: ChildProcess | undefined): void {
    if (this.#writeFd >= 0) closeSync(this.#writeFd);
    else this.#readers = [child?.stdout, child?.stderr].filter((stream) => stream !== null && stream !== undefined);
    this.#writeFd = -1;
    this.#open = this.#readers.length;
    for (const reader of this.#readers) {
      reader.on('data', this.#onData);
      reader.on('error', () => reader.destroy());
      reader.once('close', () => this.#readerClosed());
      reader.once('end', () => reader.destroy());
    }
    if (this.#open === 0) this.#onEnd();
  }

  /** Writers have to wait, when the pipe is full, until `resume`. */
  pause(): void {
    for (const reader of this.#readers) reader.pause();
  }

  resume(): void {
    for (const reader of this.#readers) reader.resume();
  }

  /** Stops reading, whoever still writes. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // A writer may live on: the name is not used again.
    if (this.#open > 0 && this.#path !== undefined) rmSync(this.#path, { force: true });
    if (this.#open > 0) this.#path = undefined;
    for (const reader of this.#readers) reader.destroy();
  }

  #readerClosed(): void {
    if (--this.#open > 0) return;
    if (this.#path !== undefined) this.#stock.give(this.#path);
    this.#path = undefined;
    if (!this.#closed) this.#onEnd();
  }
}
