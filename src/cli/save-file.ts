/** Files that the command line writes: whole, or not at all. */
import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isSkeinError, SkeinError } from '../errors.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import type { CliIo } from './io.ts';

/** Does `work`, which writes files, until it is done or interrupted: then nothing stays of what is half written. */
export async function savingFiles(io: CliIo, work: (saver: FileSaver) => Promise<ExitCode>): Promise<ExitCode> {
  const over = new AbortController();
  const interrupted = Promise.withResolvers<ExitCode>();
  const interrupt = (): void => {
    interrupted.resolve(exitCodes.interrupted);
    over.abort();
  };
  const offs = (['SIGINT', 'SIGTERM'] as const).map((signal) => io.onSignal(signal, interrupt));
  const saver = new FileSaver(over.signal);
  try {
    return await Promise.race([work(saver), interrupted.promise]);
  } finally {
    // After an error what else is on its way is of no use: it is not waited for.
    over.abort();
    await saver.settled();
    for (const off of offs) off();
  }
}

export class FileSaver {
  /** Also for what the bytes come from: it has to end for the file to be closed. */
  readonly signal: AbortSignal;
  readonly #underWay = new Set<Promise<void>>();

  /** @param signal nothing is begun after it, and what is under way is removed. */
  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  /**
   * A file that is half written never has the name that was asked for.
   * @throws SkeinError OPTION_INVALID when it cannot be written; what `content` ends with as it is
   */
  async whole(content: Readable, file: string, mode = 0o666): Promise<void> {
    const there = await stat(file).catch(() => undefined);
    // A file would take the place of /dev/null.
    if (there !== undefined && !there.isFile() && !there.isDirectory()) {
      content.destroy();
      throw new SkeinError('OPTION_INVALID', `${file} is there and is no file: it is not replaced`);
    }
    try {
      await this.#inPlace(file, mode, (handle) => pipeline(content, handle.createWriteStream(), { signal: this.signal }));
    } finally {
      content.destroy();
    }
  }

  /** The same of one that is in memory. @throws SkeinError OPTION_INVALID when it cannot be written */
  small(bytes: Uint8Array, file: string, mode = 0o666): Promise<void> {
    return this.#inPlace(file, mode, (handle) => handle.writeFile(bytes));
  }

  /** Resolves when all that was begun has its name, or is gone. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  async #inPlace(file: string, mode: number, write: (handle: FileHandle) => Promise<void>): Promise<void> {
    this.signal.throwIfAborted();
    const writing = writeAndName(file, mode, write);
    this.#underWay.add(writing);
    try {
      await writing;
    } finally {
      this.#underWay.delete(writing);
    }
  }
}

async function writeAndName(file: string, mode: number, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  // A name of its own: that of the file may be as long as names can be, and somebody else may download to the same place.
  const temporary = path.join(path.dirname(file), `.skein-${randomBytes(6).toString('hex')}.part`);
  let handle: FileHandle | undefined;
  try {
    handle = await open(temporary, 'wx', mode);
    await write(handle);
    await handle.close();
    await rename(temporary, file);
  } catch (cause) {
    await handle?.close().catch(() => undefined);
    await rm(temporary, { force: true }).catch(() => undefined);
    throw unwritable(file, cause);
  }
}

/** With those above it. @throws SkeinError OPTION_INVALID */
export async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw unwritable(folder, cause);
  });
}

function unwritable(file: string, cause: unknown): SkeinError {
  if (isSkeinError(cause)) return cause;
  return new SkeinError('OPTION_INVALID', `${file} could not be written: ${cause instanceof Error ? cause.message : String(cause)}`, {}, { cause });
}
