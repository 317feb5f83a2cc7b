/** The private folder of one `run:` module: its working directory, and the files through which it speaks with Skein. */
import { closeSync, mkdirSync, openSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

export interface WorkFolder {
  readonly path: string;
  readonly work: string;
  /** Where input files are put. */
  readonly inputs: string;
  readonly output: string;
  readonly env: Readonly<Record<string, string>>;
}

const FILES = ['output', 'progress', 'summary.md', 'params.json', 'command.sh'] as const;
const FOLDERS = ['work', 'in', 'out'] as const;

/** Of one start of the supervisor, with all that it executes. */
export function supervisorFolder(workDir: string, boot: string): string {
  return join(workDir, `s-${boot}`);
}

/** @param folder of the supervisor. */
export function commandFolder(folder: string, id: number): string {
  return join(folder, `x${id}`);
}

/** Where a file of an input is put. @param where its path in the input, with `/`. */
export function inputPath(folder: string, variable: string, where: string): string {
  return join(folder, 'in', variable, ...where.split('/'));
}

/** @param params JSON text. Throws file-system errors. */
export function makeWorkFolder(path: string, params: string): WorkFolder {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  for (const name of FOLDERS) mkdirSync(join(path, name));
  const output = join(path, 'output');
  const summary = join(path, 'summary.md');
  const paramsFile = join(path, 'params.json');
  const progress = join(path, 'progress');
  for (const file of [output, summary, progress]) closeSync(openSync(file, 'w'));
  writeFileSync(paramsFile, params);
  const work = join(path, 'work');
  const inputs = join(path, 'in');
  return {
    path,
    work,
    inputs,
    output,
    env: {
      SKEIN_WORK_DIR: work,
      SKEIN_INPUT_DIR: inputs,
      SKEIN_OUTPUT_DIR: join(path, 'out'),
      SKEIN_PARAMS_FILE: paramsFile,
      SKEIN_OUTPUT: output,
      SKEIN_SUMMARY: summary,
      SKEIN_PROGRESS: progress,
    },
  };
}

/** An untouched folder goes at once, a filled one in the background. What cannot be removed goes at the next start. */
export function removeWorkFolder(path: string): void {
  for (const name of FILES) quietly(() => unlinkSync(join(path, name)));
  let empty = true;
  for (const name of FOLDERS) empty = quietly(() => rmdirSync(join(path, name))) && empty;
  if (empty && quietly(() => rmdirSync(path))) return;
  rm(path, { recursive: true, force: true, maxRetries: 2 }).catch(() => {});
}

function quietly(action: () => void): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}
