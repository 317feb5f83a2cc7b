/** A file of this machine that is sent, possibly in several goes: it must be the same one in all of them. */
import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { SkeinError } from '../../errors.ts';

/** Read at once. */
const READ_BYTES = 1024 * 1024;

export class SourceFile {
  readonly #file: string;
  readonly #handle: FileHandle;
  readonly size: number;
  readonly #modifiedMs: number;

  private constructor(file: string, handle: FileHandle, size: number, modifiedMs: number) {
    this.#file = file;
    this.#handle = handle;
    this.size = size;
    this.#modifiedMs = modifiedMs;
  }

  /** @throws SkeinError OPTION_INVALID when it is none, or cannot be read */
  static async open(file: string): Promise<SourceFile> {
    const handle = await open(file, 'r').catch((cause: unknown) => refuse(file, cause));
    try {
      const stats = await handle.stat();
      if (!stats.isFile()) throw new SkeinError('OPTION_INVALID', `${file} is not a file`);
      return new SourceFile(file, handle, stats.size, stats.mtimeMs);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** The file from a byte on. Ends with SkeinError OPTION_INVALID when it cannot be read, or has changed since it was opened. */
  from(offset: number): Readable {
    return Readable.from(this.#pieces(offset), { objectMode: false });
  }

  async *#pieces(offset: number): AsyncGenerator<Buffer, void, void> {
    const unchanged = async (): Promise<void> => {
      const { size, mtimeMs } = await this.#handle.stat();
      if (size !== this.size || mtimeMs !== this.#modifiedMs) throw new SkeinError('OPTION_INVALID', `${this.#file} changed while it was sent: send it again when nobody writes to it`);
    };
    try {
      await unchanged();
      if (offset < this.size) yield* createReadStream(this.#file, { fd: this.#handle, start: offset, autoClose: false, highWaterMark: READ_BYTES }) as AsyncIterable<Buffer>;
      await unchanged();
    } catch (cause) {
      refuse(this.#file, cause);
    }
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

function refuse(file: string, cause: unknown): never {
  if (cause instanceof SkeinError) throw cause;
  throw new SkeinError('OPTION_INVALID', `${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {}, { cause });
}
