/** A list of files with paths, itself a blob: what several files of one output are named by. */
import type { BlobFile } from '../core/cell/types.ts';
import { SkeinError } from '../errors.ts';
import { FILES_COUNT_MAX } from '../core/cell/limits.ts';
import { readCid } from './cid.ts';
import { BLOB_BYTES_MAX, PATH_LENGTH_MAX, TREE_BYTES_MAX } from './limits.ts';
import { decodeWire, encodeWire, invalid, type Reader } from './reader.ts';

const VERSION = 1;

/** Sorted by path, so that the same files have the same name. @throws SkeinError BLOB_TOO_LARGE, BLOB_INVALID for a path that no list can hold */
export function encodeTree(files: readonly BlobFile[]): Uint8Array {
  const wrong = files.find(({ path }) => !isSafePath(path));
  if (wrong !== undefined) throw new SkeinError('BLOB_INVALID', `${JSON.stringify(wrong.path.slice(0, 200))} cannot be a path in a list of files: it is longer than ${PATH_LENGTH_MAX} characters, or holds what not every machine can have in a name`);
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const bytes = encodeWire([VERSION, sorted.map(({ path, cid, size, executable }) => [path, cid, size, executable])]);
  if (bytes.byteLength > TREE_BYTES_MAX) throw new SkeinError('BLOB_TOO_LARGE', `a list of ${files.length} files has ${bytes.byteLength} bytes, at most ${TREE_BYTES_MAX} are allowed: shorten their paths`);
  return bytes;
}

/** @throws SkeinError BLOB_INVALID */
export function decodeTree(bytes: Uint8Array): BlobFile[] {
  try {
    const reader = decodeWire(bytes);
    const version = reader.int();
    if (version !== VERSION) throw invalid(`version ${version}`);
    const files = reader.list(readFile, FILES_COUNT_MAX);
    reader.end();
    checkPaths(files);
    return files;
  } catch (error) {
    throw new SkeinError('BLOB_INVALID', `a list of files cannot be read: ${error instanceof Error ? error.message : String(error)}`, {}, { cause: error });
  }
}

/** Files that can all be there at once. */
function checkPaths(files: readonly BlobFile[]): void {
  const paths = new Set(files.map(({ path }) => path));
  if (paths.size !== files.length) throw invalid('a path twice');
  for (const path of paths) {
    for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) {
      if (paths.has(path.slice(0, at))) throw invalid(`${JSON.stringify(path.slice(0, at).slice(0, 100))} is a file and a folder`);
    }
  }
}

function readFile(reader: Reader): BlobFile {
  const path = reader.string(PATH_LENGTH_MAX);
  if (!isSafePath(path)) throw invalid(`${JSON.stringify(path.slice(0, 100))} is no path inside of a folder`);
  const read = readCid(reader.string());
  if (read === undefined) throw invalid('a file without the name of a blob');
  const size = reader.int();
  if (size > BLOB_BYTES_MAX) throw invalid(`a file of ${size} bytes`);
  const file: BlobFile = { path, cid: read.cid, size, executable: reader.boolean() };
  reader.end();
  return file;
}

/** Relative, and nowhere above where it starts: whoever made it, it cannot name another place. */
export function isSafePath(path: string): boolean {
  if (path === '' || path.length > PATH_LENGTH_MAX || path.includes('\0') || path.includes('\\') || !path.isWellFormed()) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

/** Names of devices, with any extension, in any folder. */
const DEVICES = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)/i;

/**
 * A path that is sound may still be none on Windows: it would name a device, a stream of another file, or nothing at all.
 * It stays a path of an output, since other machines have no trouble with it. @returns why, or ''.
 */
export function windowsProblem(path: string): string {
  for (const part of path.split('/')) {
    const quoted = JSON.stringify(part.slice(0, 100));
    const sign = part.split('').find((each) => '<>:"|?*'.includes(each) || each < ' ');
    if (sign !== undefined) return `${quoted} has ${JSON.stringify(sign)}, which no name may have there`;
    if (/[. ]$/.test(part)) return `${quoted} ends with a dot or a space, which no name may there`;
    if (DEVICES.test(part)) return `${quoted} is the name of a device there`;
  }
  return '';
}

/** Paths that differ only in case are one file there. @returns the second of two such paths, or ''. */
export function sameOnWindows(paths: Iterable<string>): string {
  const seen = new Set<string>();
  for (const path of paths) {
    const folded = path.toLowerCase();
    if (seen.has(folded)) return path;
    seen.add(folded);
  }
  return '';
}
