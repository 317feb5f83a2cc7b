/** Which test files run when. */
import path from 'node:path';

/** Who is kept waiting here may fail: real processes, sockets, disks and browsers. */
const TIMED = ['test/cli/', 'test/docker/', 'test/docs/', 'test/io/', 'test/bench.test.ts', 'test/pipeline/import/quirks.test.ts', 'test/sim/html/browser.test.ts'];

/** Sees a real clock, or starts what sees one; all others live on virtual time or none, and take as long as they take. */
export function isTimed(file: string): boolean {
  const name = nameOf(file);
  return TIMED.some((timed) => name.startsWith(timed));
}

/** What begins last decides when all of it ends. @param long parts of names, the longest first. */
export function longFirst(files: readonly string[], long: readonly string[]): string[] {
  const rank = (file: string): number => {
    const found = long.findIndex((part) => nameOf(file).includes(part));
    return found === -1 ? long.length : found;
  };
  return files.toSorted((a, b) => rank(a) - rank(b));
}

function nameOf(file: string): string {
  return path.relative(process.cwd(), file).replaceAll('\\', '/');
}
