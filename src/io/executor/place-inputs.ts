/** Puts input files where a command finds them: `in/<variable>/<path>`, read-only, without copying where the disk can do that. */
import { constants } from 'node:fs';
import { chmod, copyFile, link, mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { inParallel } from '../in-parallel.ts';
import type { PlacedInput } from './messages.ts';

/** Smaller files are copied: a link saves nothing, and a copy is the command's own. */
const LINKED_BYTES_MIN = 256 * 1024;

/** @returns the variables that tell where the files are. Throws file-system errors, and what `over` was aborted with. */
export async function placeInputs(folder: string, inputs: readonly PlacedInput[], over: AbortSignal): Promise<Record<string, string>> {
  const variables: Record<string, string> = {};
  const placer = new Placer();
  for (const { variable, single, files } of inputs) {
    over.throwIfAborted();
    const root = path.join(folder, variable);
    const targetOf = (where: string): string => path.join(root, ...where.split('/'));
    const [first] = files;
    variables[variable] = single && first !== undefined ? targetOf(first.path) : root;
    for (const parent of new Set([root, ...files.map((file) => path.dirname(targetOf(file.path)))])) await mkdir(parent, { recursive: true });
    await inParallel(files, (file) => {
      over.throwIfAborted();
      return placer.place(file.source, targetOf(file.path), file.executable);
    });
  }
  return variables;
}

class Placer {
  /** Not every file system can. */
  #clones = true;

  /** A clone shares blocks until one of the two changes, a link is the blob itself (which nobody may write), a copy is neither. */
  async place(source: string, target: string, executable: boolean): Promise<void> {
    const mode = executable ? 0o555 : 0o444;
    if (this.#clones) {
      try {
        await copyFile(source, target, constants.COPYFILE_FICLONE_FORCE);
        return await chmod(target, mode);
      } catch {
        this.#clones = false;
      }
    }
    if (!executable && (await stat(source)).size >= LINKED_BYTES_MIN) {
      try {
        return await link(source, target);
      } catch {
        // Another disk, or too many links.
      }
    }
    await copyFile(source, target);
    await chmod(target, mode);
  }
}
