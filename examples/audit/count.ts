/** Counts what a package is made of by reading all of it. */
import { open, readdir } from 'node:fs/promises';
import path from 'node:path';

export interface Counts {
  files: number;
  bytes: number;
  /** Of text files; a file with a NUL byte in its first chunk counts as binary. */
  lines: number;
}

const CHUNK_BYTES = 256 * 1024;
const NEWLINE = 10;

/** Nested `node_modules` are packages of their own; links are not followed. */
export async function countFiles(folder: string, signal: AbortSignal): Promise<Counts> {
  const counts: Counts = { files: 0, bytes: 0, lines: 0 };
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  const folders = [folder];
  for (let next = folders.pop(); next !== undefined; next = folders.pop()) {
    for (const entry of await readdir(next, { withFileTypes: true })) {
      const full = path.join(next, entry.name);
      if (entry.isDirectory() && entry.name !== 'node_modules') folders.push(full);
      if (entry.isFile()) await countFile(full, chunk, counts, signal);
    }
  }
  return counts;
}

async function countFile(file: string, chunk: Buffer, counts: Counts, signal: AbortSignal): Promise<void> {
  const handle = await open(file);
  try {
    counts.files++;
    let binary = false;
    for (let first = true; ; first = false) {
      signal.throwIfAborted();
      const { bytesRead } = await handle.read(chunk, 0, CHUNK_BYTES, null);
      if (bytesRead === 0) return;
      const bytes = chunk.subarray(0, bytesRead);
      if (first) binary = bytes.includes(0);
      counts.bytes += bytesRead;
      if (!binary) counts.lines += newlines(bytes);
    }
  } finally {
    await handle.close();
  }
}

function newlines(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count++;
  return count;
}
