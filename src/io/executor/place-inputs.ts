/** Puts input files where a command finds them: `in/<variable>/<path>`, read-only, without copying where the disk can do that. */
import { constants } from 'node:fs';
import { chmod, copyFile, link, mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { PlacedInput } from './messages.ts';

/** Smaller files are copied: a link saves nothing, and a copy is the command's own. */
const LINKED_BYTES_MIN = 256 * 1024;
/** Files put in place at a time. */
const PARALLEL = 16;

/** @returns the variables that tell where the files are. Throws file-system errors. */
export async function placeInputs(folder: string, inputs: readonly PlacedInput[]): Promise<Record<string, string>> {
  const variables: Record<string, string> = {};
  for (const { variable, single, files } of inputs) {
    const root = path.join(folder, variable);
    await mkdir(root, { recursive: true });
    const [first] = files;
    variables[variable] = single && first !== undefined ? path.join(root, ...first.path.split('/')) : root;
    const queue = [...files];
    const made = new Set<string>();
    const worker = async (): Promise<void> => {
      for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
        const target = path.join(root, ...file.path.split('/'));
        const parent = path.dirname(target);
        if (!made.has(parent)) await mkdir(parent, { recursive: true });
        made.add(parent);
        await place(file.source, target, file.executable);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
  }
  return variables;
}

/** A clone shares blocks until one of the two changes, a link is the blob itself (which nobody may write), a copy is neither. */
async function place(source: string, target: string, executable: boolean): Promise<void> {
  const mode = executable ? 0o555 : 0o444;
  try {
    await copyFile(source, target, constants.COPYFILE_FICLONE_FORCE);
    return await chmod(target, mode);
  } catch {
    // The file system cannot clone.
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
