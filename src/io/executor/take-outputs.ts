/** Finds the files that a command left, and moves them to where neither it nor the next one can change them. */
import type { Dirent } from 'node:fs';
import { copyFile, glob, lstat, mkdir, realpath, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { FILES_COUNT_MAX } from '../../core/cell/limits.ts';
import type { OutputSpec } from '../../core/cell/types.ts';
import { isSafePath } from '../../protocol/tree-codec.ts';
import { inParallel } from '../in-parallel.ts';
import { FILE_LIST_LENGTH_MAX } from './limits.ts';
import type { TakenFile } from './messages.ts';

/** What the module did wrong, as its error says it. */
export class OutputProblem extends Error {}

interface Source {
  readonly target: string;
  readonly executable: boolean;
  /** An input that is an output again is a link to a blob, which stays where it is. */
  readonly shared: boolean;
}

/**
 * @param work folder of the command. @param taken is made; its content belongs to the caller.
 * @throws OutputProblem when an output has no file, or something else than files; file-system errors.
 */
export async function takeOutputs(work: string, outputs: readonly OutputSpec[], taken: string): Promise<TakenFile[]> {
  await mkdir(taken, { recursive: true, mode: 0o700 });
  const finder = new Finder(await realpath(work));
  const files: TakenFile[] = [];
  let length = 0;
  // All are found before the first is moved: the same file may be part of several outputs.
  const sources = new Map<string, Source>();
  for (const { name, pattern } of outputs) {
    const found = await finder.find(name, pattern);
    await inParallel([...found.values()], async (real) => {
      if (sources.has(real)) return;
      const { mode, nlink } = await lstat(real).catch((error: unknown) => refuseGone(name, work, real, error));
      sources.set(real, { target: path.join(taken, String(sources.size)), executable: (mode & 0o111) !== 0, shared: nlink > 1 });
    });
    for (const [where, real] of found) {
      const { target, executable } = sources.get(real)!;
      const file: TakenFile = { output: name, path: where, taken: target, executable };
      length += JSON.stringify(file).length + 1;
      // A message that is too long would be the end of the supervisor, and of all that runs here.
      if (length > FILE_LIST_LENGTH_MAX) throw new OutputProblem(`output "${name}": the list of all outputs is longer than ${FILE_LIST_LENGTH_MAX} characters: leave fewer files, shorter paths, or fewer outputs with the same files`);
      files.push(file);
    }
  }
  await inParallel([...sources], ([real, source]) => move(real, source));
  return files;
}

/** Between when it was found and now. Bytes that are no UTF-8 are read as U+FFFD, and then there is no such file. */
function refuseGone(output: string, work: string, file: string, error: unknown): never {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  const where = JSON.stringify(path.relative(work, file).slice(0, 200));
  throw new OutputProblem(`output "${output}": ${where} ${where.includes('\ufffd') ? 'has a name that is not UTF-8: rename it' : 'went away while it was taken'}`);
}

class Finder {
  readonly #root: string;
  /** What folders really are; '' for those outside. */
  readonly #folders = new Map<string, string>();

  constructor(root: string) {
    this.#root = root;
  }

  /** @returns the file behind each path that fits, by path. Folders that fit are nothing by themselves. */
  async find(output: string, pattern: string): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for await (const entry of glob(pattern, { cwd: this.#root, withFileTypes: true })) {
      if (entry.isDirectory()) continue;
      const where = path.relative(this.#root, path.join(entry.parentPath, entry.name)).split(path.sep).join('/');
      const refuse = (why: string): OutputProblem => new OutputProblem(`output "${output}": ${JSON.stringify(where.slice(0, 200))} ${why}`);
      if (!isSafePath(where)) throw refuse('cannot be the path of an output');
      found.set(where, await this.#fileBehind(entry, refuse));
      if (found.size > FILES_COUNT_MAX) throw new OutputProblem(`output "${output}" has more than ${FILES_COUNT_MAX} files`);
    }
    if (found.size === 0) throw new OutputProblem(`output "${output}": no file matches ${JSON.stringify(pattern)}`);
    return new Map([...found].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** A link is followed as long as it stays inside: what lies outside is not the module's to give away. */
  async #fileBehind(entry: Dirent, refuse: (why: string) => OutputProblem): Promise<string> {
    if (!entry.isFile() && !entry.isSymbolicLink()) throw refuse('is neither a file nor a link to one');
    const folder = await this.#folder(entry.parentPath);
    if (folder === '') throw refuse('leads out of the work folder');
    if (entry.isFile()) return path.join(folder, entry.name);
    const real = await realpath(path.join(folder, entry.name)).catch(() => '');
    if (real === '') throw refuse('is a link to nothing');
    if (!real.startsWith(this.#root + path.sep)) throw refuse('leads out of the work folder');
    if (!(await lstat(real)).isFile()) throw refuse('is a link to something that is no file');
    return real;
  }

  async #folder(parent: string): Promise<string> {
    const known = this.#folders.get(parent);
    if (known !== undefined) return known;
    const real = await realpath(parent);
    const inside = real === this.#root || real.startsWith(this.#root + path.sep) ? real : '';
    this.#folders.set(parent, inside);
    return inside;
  }
}

async function move(file: string, { target, shared }: Source): Promise<void> {
  if (!shared) {
    try {
      return await rename(file, target);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    }
  }
  await copyFile(file, target);
  if (!shared) await rm(file, { force: true });
}
