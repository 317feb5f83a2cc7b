/** Finds the files that a command left, and moves them to where neither it nor the next one can change them. */
import { copyFile, glob, lstat, mkdir, realpath, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { FILES_COUNT_MAX } from '../../core/cell/limits.ts';
import type { OutputSpec } from '../../core/cell/types.ts';
import { isSafePath } from '../../protocol/tree-codec.ts';
import type { TakenFile } from './messages.ts';

/** What the module did wrong, as its error says it. */
export class OutputProblem extends Error {}

/**
 * @param work folder of the command. @param taken is made; its content belongs to the caller.
 * @throws OutputProblem when an output has no file, or something else than files; file-system errors.
 */
export async function takeOutputs(work: string, outputs: readonly OutputSpec[], taken: string): Promise<TakenFile[]> {
  await mkdir(taken, { recursive: true, mode: 0o700 });
  const root = await realpath(work);
  const files: TakenFile[] = [];
  const moved = new Map<string, string>();
  for (const { name, pattern } of outputs) {
    const paths = await matching(root, pattern, name);
    if (paths.length === 0) throw new OutputProblem(`output "${name}": no file matches ${JSON.stringify(pattern)}`);
    for (const relative of paths) {
      const source = await insideOf(root, relative, name);
      const known = moved.get(source);
      const target = known ?? path.join(taken, String(files.length));
      const { mode } = await lstat(known ?? source);
      if (known === undefined) await move(source, target);
      moved.set(source, target);
      files.push({ output: name, path: relative.split(path.sep).join('/'), taken: target, executable: (mode & 0o111) !== 0 });
    }
  }
  return files;
}

/** Sorted, and only what can be an output; folders that match are nothing by themselves. */
async function matching(root: string, pattern: string, name: string): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of glob(pattern, { cwd: root, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    const relative = path.relative(root, path.join(entry.parentPath, entry.name));
    const shown = JSON.stringify(relative.slice(0, 200));
    if (!entry.isFile() && !entry.isSymbolicLink()) throw new OutputProblem(`output "${name}": ${shown} is neither a file nor a link to one`);
    if (!isSafePath(relative.split(path.sep).join('/'))) throw new OutputProblem(`output "${name}": ${shown} cannot be the path of an output`);
    found.push(relative);
    if (found.length > FILES_COUNT_MAX) throw new OutputProblem(`output "${name}" has more than ${FILES_COUNT_MAX} files`);
  }
  return found.toSorted();
}

/** A link is followed as long as it stays inside: what lies outside is not the module's to give away. */
async function insideOf(root: string, relative: string, name: string): Promise<string> {
  const source = path.join(root, relative);
  const real = await realpath(source).catch(() => '');
  const shown = JSON.stringify(relative.slice(0, 200));
  if (real === '') throw new OutputProblem(`output "${name}": ${shown} is a link to nothing`);
  if (!real.startsWith(root + path.sep)) throw new OutputProblem(`output "${name}": ${shown} leads out of the work folder`);
  if (!(await lstat(real)).isFile()) throw new OutputProblem(`output "${name}": ${shown} is a link to something that is no file`);
  return real;
}

async function move(source: string, target: string): Promise<void> {
  // An input that is an output again is a link to a blob, which stays where it is.
  const shared = (await lstat(source)).nlink > 1;
  if (!shared) {
    try {
      return await rename(source, target);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    }
  }
  await copyFile(source, target);
  if (!shared) await rm(source, { force: true });
}
