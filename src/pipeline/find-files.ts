/** Finds the files that a parameter names on this machine, and what they are called in a work folder. */
import { glob, readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { FILES_COUNT_MAX } from '../core/cell/limits.ts';
import type { FileParamType } from './param-files.ts';
import { isFileName } from './param-files.ts';
import { quote } from './problems.ts';

/** A file as it was when it was found: read later, it must still be that one. */
export interface FoundFile {
  /** Absolute. */
  readonly file: string;
  /** In the tree, with `/`; for a single file its name. */
  readonly path: string;
  readonly executable: boolean;
  readonly size: number;
  readonly modifiedMs: number;
}

/** The rest of a sentence that begins with the parameter. */
export class FilesProblem extends Error {}

/**
 * @param paths one for a `file`. @param directory where relative ones start.
 * @throws FilesProblem
 */
export async function findFiles(paths: readonly string[], directory: string, type: FileParamType): Promise<FoundFile[]> {
  const found = new Map<string, FoundFile>();
  const add = (file: FoundFile): void => {
    const other = found.get(file.path);
    if (other !== undefined && other.file !== file.file) throw new FilesProblem(`names two files that would both be ${quote(file.path)}: ${other.file} and ${file.file}`);
    found.set(file.path, file);
    if (found.size > FILES_COUNT_MAX) throw new FilesProblem(`names more than ${FILES_COUNT_MAX} files: pack them into one`);
  };
  for (const text of paths) {
    const place = path.resolve(directory, text);
    const there = await statOf(place);
    if (there?.isFile() === true) {
      const name = path.basename(place);
      if (type === 'file' && !isFileName(name)) throw new FilesProblem(`names ${quote(text)}, whose name is too long, or not one that a file can have on every node`);
      add(foundFile(place, name, there));
    } else if (there?.isDirectory() === true) {
      if (type === 'file') throw new FilesProblem(`must be a file, and ${quote(text)} is a folder: pack it, or give the parameter \`type: files\``);
      await walk(place, '', [], add);
    } else if (there !== undefined) throw new FilesProblem(`must be ${type === 'file' ? 'a file' : 'files'}, and ${quote(text)} is neither a file nor a folder: put what it gives with \`skein blob put -\` and give blob:CID`);
    else if (type === 'files' && hasPattern(text)) await match(text, directory, add);
    else throw new FilesProblem(`names ${quote(text)}, and there is no such file in ${directory}`);
  }
  if (found.size === 0) throw new FilesProblem(`names no files: ${paths.map(quote).join(', ')} ${paths.length === 1 ? 'has' : 'have'} none`);
  return [...found.values()];
}

function hasPattern(text: string): boolean {
  return /[*?[{]/.test(text);
}

/** Paths in the tree start where the first part with a wildcard does: `src/*.c` gives what `src` gives, without its folders. */
async function match(pattern: string, directory: string, add: (file: FoundFile) => void): Promise<void> {
  const parts = pattern.split('/');
  const first = parts.findIndex(hasPattern);
  const root = path.resolve(directory, parts.slice(0, first).join('/') || (first === 1 ? '/' : '.'));
  if ((await statOf(root))?.isDirectory() !== true) throw new FilesProblem(`names ${quote(pattern)}, and there is no folder ${root}`);
  const before = { any: false };
  for await (const entry of glob(parts.slice(first).join('/'), { cwd: root, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    const there = await statOf(file);
    if (there === undefined) throw nothingThere(file);
    if (there.isDirectory()) continue;
    before.any = true;
    add(foundFile(file, path.relative(root, file).split(path.sep).join('/'), there));
  }
  if (!before.any) throw new FilesProblem(`names ${quote(pattern)}, which fits no file in ${directory}`);
}

/** @param above what the folders on the way really are: a link may lead back up. */
async function walk(folder: string, inTree: string, above: readonly string[], add: (file: FoundFile) => void): Promise<void> {
  const real = await realpath(folder);
  if (above.includes(real)) throw new FilesProblem(`names ${quote(folder)}, a link to a folder that it lies in`);
  const names = await readdir(folder).catch((error: unknown) => refuse(folder, error));
  for (const name of names.toSorted()) {
    const file = path.join(folder, name);
    const where = inTree === '' ? name : `${inTree}/${name}`;
    const there = await statOf(file);
    if (there === undefined) throw nothingThere(file);
    if (there.isDirectory()) await walk(file, where, [...above, real], add);
    else add(foundFile(file, where, there));
  }
}

type Stats = Awaited<ReturnType<typeof stat>>;

/** @returns undefined when nothing is there. */
async function statOf(file: string): Promise<Stats | undefined> {
  try {
    return await stat(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : refuse(file, error);
  }
}

/** Of a file that a folder lists. Bytes that are no UTF-8 are read as U+FFFD, and then there is no such file. */
function nothingThere(file: string): FilesProblem {
  return new FilesProblem(`names ${quote(file)}, ${path.basename(file).includes('\ufffd') ? 'whose name is not UTF-8: rename it' : 'which is a link to nothing'}`);
}

function foundFile(file: string, where: string, there: Stats): FoundFile {
  if (!there.isFile()) throw new FilesProblem(`names ${quote(file)}, which is neither a file nor a folder`);
  if (/[\\\0]/.test(where) || !where.isWellFormed()) throw new FilesProblem(`names ${quote(file)}, whose name is not one that a file can have on every node`);
  return { file, path: where, executable: process.platform !== 'win32' && (Number(there.mode) & 0o111) !== 0, size: Number(there.size), modifiedMs: Number(there.mtimeMs) };
}

/** @throws FilesProblem when the file is not what it was when it was found. */
export async function stillTheSame({ file, size, modifiedMs }: FoundFile, sizeRead: number): Promise<void> {
  const there = await statOf(file);
  if (there === undefined || sizeRead !== size || Number(there.size) !== size || Number(there.mtimeMs) !== modifiedMs) throw new FilesProblem(`names ${quote(file)}, which changed while it was read: run again when nobody writes to it`);
}

function refuse(file: string, error: unknown): never {
  const { code, message } = error as NodeJS.ErrnoException;
  throw new FilesProblem(`names ${quote(file)}, which may not be read: ${code === 'EACCES' || code === 'EPERM' ? 'permission denied' : message}`);
}
