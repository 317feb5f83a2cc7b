/**
 * The checkpoint folder of an execution: filled from what an earlier one had got, copied aside now and then while the module
 * runs. A copy during which something in the folder changed is thrown away and made again soon: what is kept was there all
 * at one time, as far as files show when they change.
 */
import { constants } from 'node:fs';
import { access, chmod, copyFile, mkdir, readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { FILES_COUNT_MAX } from '../../core/cell/limits.ts';
import { isSafePath } from '../../protocol/tree-codec.ts';
import { inParallel } from '../in-parallel.ts';
import { CHECKPOINT_AGAIN_MS, FILE_LIST_LENGTH_MAX } from './limits.ts';
import { intact } from './place-inputs.ts';
import type { CheckpointHead, CheckpointTaken, TakenFile } from './messages.ts';

/** The files are the module's own: it may write to them. Throws file-system errors, and what `over` was aborted with. */
async function fill(folder: string, files: CheckpointHead['files'], over: AbortSignal): Promise<void> {
  const targetOf = (where: string): string => path.join(folder, ...where.split('/'));
  for (const parent of new Set([folder, ...files.map((file) => path.dirname(targetOf(file.path)))])) await mkdir(parent, { recursive: true });
  await inParallel(files, async ({ path: where, source, executable }) => {
    over.throwIfAborted();
    await intact(source);
    await copyFile(source, targetOf(where), constants.COPYFILE_FICLONE);
    await chmod(targetOf(where), executable ? 0o755 : 0o644);
  });
}

/** What the supervisor has for all of its jobs. */
export interface CheckpointTools {
  readonly folder: string;
  readonly onCheckpoint: (id: number, taken: CheckpointTaken) => void;
}

interface CheckpointsInit {
  readonly head: CheckpointHead;
  readonly work: string;
  /** Folder of the n-th copy; it belongs to whoever is told of it. */
  readonly copyFolder: (n: number) => string;
  /** A copy that differs from the one before, or why there is none: the same reason is given once. */
  readonly taken: (taken: CheckpointTaken) => void;
}

interface Found {
  readonly path: string;
  /** Changes with its content, as far as the file system says. */
  readonly mark: string;
  readonly executable: boolean;
}

/** @param work the module's folder. @returns undefined for a module without. */
export function checkpointsOf(head: CheckpointHead | undefined, id: number, work: string, { folder, onCheckpoint }: CheckpointTools): Checkpoints | undefined {
  return head && new Checkpoints({ head, work, copyFolder: (n) => path.join(folder, `k${id}-${n}`), taken: (taken) => onCheckpoint(id, taken) });
}

export class Checkpoints {
  readonly folder: string;
  readonly #init: CheckpointsInit;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #count = 0;
  /** Of the copy that was kept last. */
  #seen = '';
  #last = '';
  #problem = '';

  constructor(init: CheckpointsInit) {
    this.#init = init;
    this.folder = path.join(init.work, ...init.head.folder.split('/'));
  }

  /** Puts there what an earlier execution had got, and begins to look for more. Throws file-system errors, and what `over` was aborted with. */
  async start(over: AbortSignal): Promise<void> {
    const { files, everyMs } = this.#init.head;
    await fill(this.folder, files, over);
    this.#seen = marksOf(await list(this.folder));
    this.#plan(everyMs);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #plan(delayMs: number): void {
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#take(), delayMs);
  }

  async #take(): Promise<void> {
    const again = (await this.#copied().catch((error: unknown) => this.#failed(error))) === 'changed';
    const { everyMs } = this.#init.head;
    this.#plan(again ? Math.min(CHECKPOINT_AGAIN_MS, everyMs) : everyMs);
  }

  /** Nothing of what goes wrong here is the module's fault, nor worth its end: the next copy may go well. */
  #failed(error: unknown): 'changed' | 'failed' {
    // Renamed or removed while it was looked at.
    if (error instanceof Changed || (error as NodeJS.ErrnoException).code === 'ENOENT') return 'changed';
    const problem = error instanceof Error ? error.message : String(error);
    if (problem !== this.#problem && !this.#stopped) this.#init.taken({ files: [], problem });
    this.#problem = problem;
    return 'failed';
  }

  async #copied(): Promise<'kept' | 'same' | 'busy'> {
    const { folder } = this;
    const { copyFolder, taken } = this.#init;
    // Whoever is told of a copy moves it away first: one at a time.
    if (this.#last !== '' && (await exists(this.#last))) return 'busy';
    const found = await list(folder);
    const marks = marksOf(found);
    if (marks === this.#seen || found.length === 0) return 'same';
    const target = copyFolder((this.#count += 1));
    const files = found.map((file, at): TakenFile => ({ output: '', path: file.path, taken: path.join(target, String(at)), executable: file.executable }));
    if (JSON.stringify(files).length > FILE_LIST_LENGTH_MAX) throw new Error(`the list of its files is longer than ${FILE_LIST_LENGTH_MAX} characters: keep fewer files, or shorter paths`);
    await mkdir(target, { recursive: true, mode: 0o700 });
    try {
      await inParallel(files, (file) => copyFile(path.join(folder, ...file.path.split('/')), file.taken, constants.COPYFILE_FICLONE));
      if (marksOf(await list(folder)) !== marks || this.#stopped) throw new Changed();
    } catch (error) {
      await rm(target, { recursive: true, force: true });
      throw error;
    }
    this.#seen = marks;
    this.#last = target;
    this.#problem = '';
    taken({ files });
    return 'kept';
  }
}

/** While it was copied. */
class Changed extends Error {}

/** Regular files below the folder, by path; links and all else are left out. */
async function list(folder: string): Promise<Found[]> {
  const found: Found[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    const where = path.relative(folder, file).split(path.sep).join('/');
    if (!isSafePath(where)) continue;
    const { size, mtimeMs, ino, mode } = await stat(file);
    found.push({ path: where, mark: `${size} ${mtimeMs} ${ino}`, executable: (mode & 0o111) !== 0 });
    if (found.length > FILES_COUNT_MAX) throw new Error(`it has more than ${FILES_COUNT_MAX} files: keep fewer, or one archive of them`);
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function marksOf(found: readonly Found[]): string {
  return found.map(({ path: where, mark }) => `${where}\0${mark}`).join('\n');
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(() => true, () => false);
}
