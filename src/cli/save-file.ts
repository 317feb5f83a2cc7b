/** Files that the command line writes: whole, or not at all. */
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isSkeinError, SkeinError } from '../errors.ts';

/**
 * A file that is half written never has the name that was asked for.
 * @throws SkeinError OPTION_INVALID when it cannot be written; what `content` ends with as it is
 */
export async function writeWhole(content: Readable, file: string, mode = 0o666): Promise<void> {
  const temporary = `${file}.part-${process.pid}`;
  try {
    await pipeline(content, createWriteStream(temporary, { flags: 'wx', mode }));
    await rename(temporary, file);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw unwritable(file, cause);
  }
}

/** The same of one that is in memory. @throws SkeinError OPTION_INVALID when it cannot be written */
export async function writeSmall(bytes: Uint8Array, file: string, mode = 0o666): Promise<void> {
  const temporary = `${file}.part-${process.pid}`;
  try {
    await writeFile(temporary, bytes, { flag: 'wx', mode });
    await rename(temporary, file);
  } catch (cause) {
    await rm(temporary, { force: true });
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
