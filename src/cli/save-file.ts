/** Files that the command line writes: whole, or not at all. */
import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isSkeinError, SkeinError } from '../errors.ts';

/**
 * A file that is half written never has the name that was asked for.
 * @throws SkeinError OPTION_INVALID when it cannot be written; what `content` ends with as it is
 */
export async function writeWhole(content: Readable, file: string, mode = 0o666): Promise<void> {
  const there = await stat(file).catch(() => undefined);
  // A file would take the place of /dev/null.
  if (there !== undefined && !there.isFile() && !there.isDirectory()) {
    content.destroy();
    throw new SkeinError('OPTION_INVALID', `${file} is there and is no file: it is not replaced`);
  }
  await inPlace(file, (temporary) => pipeline(content, createWriteStream(temporary, { flags: 'wx', mode })));
}

/** The same of one that is in memory. @throws SkeinError OPTION_INVALID when it cannot be written */
export function writeSmall(bytes: Uint8Array, file: string, mode = 0o666): Promise<void> {
  return inPlace(file, (temporary) => writeFile(temporary, bytes, { flag: 'wx', mode }));
}

async function inPlace(file: string, write: (temporary: string) => Promise<void>): Promise<void> {
  // A name of its own: that of the file may be as long as names can be, and somebody else may download to the same place.
  const temporary = path.join(path.dirname(file), `.skein-${randomBytes(6).toString('hex')}.part`);
  try {
    await write(temporary);
    await rename(temporary, file);
  } catch (cause) {
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
