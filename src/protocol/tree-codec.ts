/** A list of files with paths, itself a blob: what several files of one output are named by. */
import type { BlobFile } from '../core/cell/types.ts';
import { drained, type Slice } from '../core/lib/slice.ts';
import { SkeinError } from '../errors.ts';
import { FILES_COUNT_MAX } from '../core/cell/limits.ts';
import { readCid } from './cid.ts';
import { BLOB_BYTES_MAX, PATH_LENGTH_MAX, TREE_BYTES_MAX } from './limits.ts';
import { invalid, type Reader } from './reader.ts';
import { SlicedReader } from './sliced-reader.ts';
import { SlicedWriter } from './sliced-writer.ts';

const VERSION = 1;

/** Steps (`Slice`) for a file of a list: to write it, and to look whether its path fits the others. */
const WRITE_STEPS = 20;
const PATH_STEPS = 5;

/** Sorted by path, so that the same files have the same name. @throws SkeinError BLOB_TOO_LARGE, BLOB_INVALID for a path that no list can hold */
export function encodeTree(files: readonly BlobFile[]): Uint8Array {
  return drained((slice) => encodeTreeInSlices(files, slice));
}

/** @throws as `encodeTree`, in any slice. */
export function* encodeTreeInSlices(files: readonly BlobFile[], slice: Slice): Generator<undefined, Uint8Array> {
  for (const { path } of files) {
    if (!isSafePath(path)) throw new SkeinError('BLOB_INVALID', `${JSON.stringify(path.slice(0, 200))} cannot be a path in a list of files: it is longer than ${PATH_LENGTH_MAX} characters, or holds what not every machine can have in a name`);
    if (slice.spent(PATH_STEPS)) yield undefined;
  }
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const writer = new SlicedWriter();
  writer.list(2);
  writer.value(VERSION);
  yield* writer.items(sorted.length, (at) => [sorted[at]!.path, sorted[at]!.cid, sorted[at]!.size, sorted[at]!.executable], WRITE_STEPS, slice);
  const bytes = yield* writer.bytes(slice);
  if (bytes.byteLength > TREE_BYTES_MAX) throw new SkeinError('BLOB_TOO_LARGE', `a list of ${files.length} files has ${bytes.byteLength} bytes, at most ${TREE_BYTES_MAX} are allowed: shorten their paths`);
  return bytes;
}

/** @throws SkeinError BLOB_INVALID */
export function decodeTree(bytes: Uint8Array): BlobFile[] {
  return drained((slice) => decodeTreeInSlices(bytes, slice));
}

/** @throws SkeinError BLOB_INVALID, in any slice. */
export function* decodeTreeInSlices(bytes: Uint8Array, slice: Slice): Generator<undefined, BlobFile[]> {
  try {
    const reader = new SlicedReader(bytes);
    const version = reader.fields(1).int();
    if (version !== VERSION) throw invalid(`version ${version}`);
    const files = yield* reader.list(readFile, FILES_COUNT_MAX, slice);
    reader.end();
    yield* checkPaths(files, slice);
    return files;
  } catch (error) {
    throw new SkeinError('BLOB_INVALID', `a list of files cannot be read: ${error instanceof Error ? error.message : String(error)}`, {}, { cause: error });
  }
}

/** Files that can all be there at once. */
function* checkPaths(files: readonly BlobFile[], slice: Slice): Generator<undefined, void> {
  const paths = new Set<string>();
  for (const { path } of files) {
    paths.add(path);
    if (slice.spent(PATH_STEPS)) yield undefined;
  }
  if (paths.size !== files.length) throw invalid('a path twice');
  for (const path of paths) {
    for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) {
      if (paths.has(path.slice(0, at))) throw invalid(`${JSON.stringify(path.slice(0, at).slice(0, 100))} is a file and a folder`);
    }
    if (slice.spent(PATH_STEPS)) yield undefined;
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
