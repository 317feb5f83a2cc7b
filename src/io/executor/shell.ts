/**
 * Which shell runs a `run:` module. As GitHub Actions does with `shell: bash`: bash with `-eo pipefail` and without the
 * user's start-up files, so that the first failing command of a line or a pipe ends the module. Where there is no bash:
 * `sh -e`, which has no pipefail.
 */
import { accessSync, constants, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface Shell {
  readonly path: string;
  readonly arguments: readonly string[];
}

/** Linux takes at most 128 KiB in one argument; longer commands go through a file. */
const ARGUMENT_BYTES_MAX = 96 * 1024;

/** @returns undefined when neither bash nor sh is found on PATH. */
export function findShell(path: string): Shell | undefined {
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const folders = path.split(delimiter).filter((folder) => folder !== '');
  if (process.platform !== 'win32') folders.push('/bin', '/usr/bin');
  for (const [name, flags] of [['bash', ['--noprofile', '--norc', '-eo', 'pipefail']], ['sh', ['-e']]] as const) {
    for (const folder of folders) {
      const file = join(folder, name + suffix);
      if (isExecutable(file)) return { path: file, arguments: flags };
    }
  }
  return undefined;
}

/** Arguments that make the shell run the command. Throws file-system errors. */
export function shellArguments(shell: Shell, command: string, folder: string): string[] {
  if (Buffer.byteLength(command) <= ARGUMENT_BYTES_MAX) return [...shell.arguments, '-c', command];
  const file = join(folder, 'command.sh');
  writeFileSync(file, command);
  return [...shell.arguments, file];
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
