/** Puts input files where a command finds them: `in/<variable>/<path>`, read-only, without copying where the disk can do that. */
import { constants, statSync, type Stats } from 'node:fs';
import { chmod, copyFile, link, mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { SkeinError } from '../../errors.ts';
import { sameOnWindows, windowsProblem } from '../../protocol/tree-codec.ts';
import { isSealed, isUnsynced } from '../blobs/layout.ts';
import { inParallel } from '../in-parallel.ts';
import type { PlacedInput } from './messages.ts';

/** Smaller files are copied: a link saves nothing, and a copy is the command's own. */
const LINKED_BYTES_MIN = 256 * 1024;

/** Inputs in their places. */
export interface Placement {
  /** Tell where the files are. */
  readonly variables: Readonly<Record<string, string>>;
  /** @returns a file that somebody wrote to since then, though it is shared with the store of blobs; '' when there is none. */
  readonly changed: () => string;
}

/**
 * @param links false: nothing is shared with the store. Throws file-system errors, and what `over` was aborted with.
 * @throws SkeinError INPUT_MISSING: since it was fetched it was removed, or somebody wrote to it
 */
export async function placeInputs(folder: string, inputs: readonly PlacedInput[], over: AbortSignal, { platform = process.platform, links = !isRoot() } = {}): Promise<Placement> {
  const variables: Record<string, string> = {};
  const placer = new Placer(links);
  for (const { variable, single, files } of inputs) {
    over.throwIfAborted();
    if (platform === 'win32') checkForWindows(variable, files.map((file) => file.path));
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
  return { variables, changed: () => placer.changed() };
}

/** Modes bind nobody who runs as root: through a link such a command would write into the blob, and never know. */
function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** @throws SkeinError MODULE_INPUT: files that other machines made may have names that this one cannot give. */
function checkForWindows(variable: string, paths: readonly string[]): void {
  const refuse = (where: string, why: string): SkeinError => new SkeinError('MODULE_INPUT', `input ${variable}: ${JSON.stringify(where.slice(0, 200))} cannot be a file on Windows: ${why}. Rename it where it is made, or require another system with \`os\``);
  for (const where of paths) {
    const why = windowsProblem(where);
    if (why !== '') throw refuse(where, why);
  }
  const twice = sameOnWindows(paths);
  if (twice !== '') throw refuse(twice, 'another file of this input differs only in case');
}

class Placer {
  /** Not every file system can. */
  #clones = true;
  readonly #links: boolean;
  /** Time of last change, by name, of what is shared. */
  readonly #linked = new Map<string, number>();

  constructor(links: boolean) {
    this.#links = links;
  }

  /** Whoever owns a file may give himself the right to write to it. */
  changed(): string {
    for (const [file, mtimeMs] of this.#linked) {
      const stats = statSync(file, { throwIfNoEntry: false });
      if (stats !== undefined && stats.mtimeMs !== mtimeMs) return file;
    }
    return '';
  }

  /** A clone shares blocks until one of the two changes, a link is the blob itself (which nobody may write), a copy is neither. */
  async place(source: string, target: string, executable: boolean): Promise<void> {
    const mode = executable ? 0o555 : 0o444;
    if (await this.#clone(source, target)) {
      await intact(source);
      return await chmod(target, mode);
    }
    const { size, mtimeMs } = await intact(source);
    if (this.#links && !executable && size >= LINKED_BYTES_MIN) {
      try {
        await link(source, target);
        return void this.#linked.set(source, mtimeMs);
      } catch {
        // Another disk, or too many links.
      }
    }
    await copyFile(source, target);
    // That takes a while.
    if (size >= LINKED_BYTES_MIN) await intact(source);
    await chmod(target, mode);
  }

  async #clone(source: string, target: string): Promise<boolean> {
    if (!this.#clones) return false;
    try {
      await copyFile(source, target, constants.COPYFILE_FICLONE_FORCE);
    } catch {
      this.#clones = false;
    }
    return this.#clones;
  }
}

/** What was fetched first may have waited long for the last, and others use it, too. */
export async function intact(source: string): Promise<Stats> {
  const stats = await stat(source).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' ? new SkeinError('INPUT_MISSING', `${path.basename(source)} was removed from this disk before the module began`) : error;
  });
  if (!isSealed(stats) && !isUnsynced(stats)) throw new SkeinError('INPUT_MISSING', `somebody wrote to ${path.basename(source)} before the module began`);
  return stats;
}
