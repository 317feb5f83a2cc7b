import { spawnSync } from 'node:child_process';

/** @returns false where there is no mkfifo. */
export function mkfifoSync(path: string): boolean {
  return spawnSync('mkfifo', [path]).status === 0;
}
