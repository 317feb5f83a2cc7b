/** Single steps on the files of the folder of blobs. */
import fs from 'node:fs';
import { chmod, open, rename, utimes } from 'node:fs/promises';
import type { BlobDone } from '../../ports/blobs.ts';
import type { FileHandles } from '../disk/file-handles.ts';
import { SEAL } from './layout.ts';

export function readAt(handles: FileHandles, name: string, offset: number, length: number, done: BlobDone<Uint8Array>): void {
  const buffer = Buffer.allocUnsafe(length);
  let read = 0;
  handles.use(name, false, (error) => (error === undefined ? done(undefined, buffer.subarray(0, read)) : done(error)), (fd, end) => {
    const more = (): void =>
      fs.read(fd, buffer, read, length - read, offset + read, (error, count) => {
        read += count ?? 0;
        if (error !== null || count === 0 || read === length) end(error);
        else more();
      });
    if (length === 0) end(null);
    else more();
  });
}

export async function moveTo(target: string, file: string): Promise<void> {
  try {
    // A module may be given the file itself, by a link: nobody writes to it any more.
    await chmod(file, 0o400);
    await utimes(file, new Date(), SEAL);
    await rename(file, target);
  } catch (error) {
    // Moved by a try before, whose end did not come.
    if (codeOf(error as Error) !== 'ENOENT' || !fs.existsSync(target)) throw error;
  }
}

/** Windows opens no folders for syncing; its rename is journaled. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export function codeOf(error: Error): unknown {
  return (error as NodeJS.ErrnoException).code;
}
