/**
 * Finds processes by a mark in their environment, which every child inherits: the node, its supervisor, its modules and
 * their children. Read from /proc, so it does not depend on what Skein thinks that it has started.
 */
import { readdirSync, readFileSync } from 'node:fs';

export const MARK = 'E2E_MARK';

/** Why these tests cannot run here; false = they can. */
export const skip: string | false = process.platform === 'linux' ? false : 'needs /proc';

export interface MarkedProcess {
  readonly pid: number;
  readonly command: string;
}

/** Living processes whose mark is `mark` or begins with `mark/`. A zombie has no environment and does not count. */
export function markedProcesses(mark: string): MarkedProcess[] {
  const found: MarkedProcess[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    try {
      const variable = readFileSync(`/proc/${name}/environ`, 'latin1').split('\0').find((text) => text.startsWith(`${MARK}=`));
      const value = variable?.slice(MARK.length + 1);
      if (value === undefined || (value !== mark && !value.startsWith(`${mark}/`))) continue;
      const command = readFileSync(`/proc/${name}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
      found.push({ pid: Number(name), command });
    } catch {
      // It ended meanwhile, or it is not ours to look at.
    }
  }
  return found;
}
