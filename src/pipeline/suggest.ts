/** "Did you mean": the nearest of the names that would have been right. */
import { SUGGEST_CANDIDATES_MAX } from './limits.ts';

const COMPARED_LENGTH_MAX = 64;

/**
 * @param aliases words of other tools → what they are called here, e.g. `macos` → `darwin`; looked up first.
 * @returns the nearest candidate, or undefined when none is near enough to be a slip of the pen.
 */
export function suggest(found: string, candidates: Iterable<string>, aliases: Readonly<Record<string, string>> = {}): string | undefined {
  const key = found.toLowerCase();
  if (Object.hasOwn(aliases, key)) return aliases[key];
  let best: string | undefined;
  let bestDistance = slipsMax(found) + 1;
  let compared = 0;
  for (const candidate of candidates) {
    if (++compared > SUGGEST_CANDIDATES_MAX) break;
    if (candidate === found) continue;
    const distance = plain(candidate) === plain(found) ? 0 : editDistance(key, candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** One slip in three letters or four, two in six; none in a name of two, where anything would be near. */
function slipsMax(name: string): number {
  return Math.floor(Math.min(name.length, COMPARED_LENGTH_MAX) / 3);
}

/** `dependsOn`, `depends-on` and `depends_on` are one word written three ways. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, '');
}

/** Insertions, deletions, substitutions and swaps of neighbours; stops counting at `limit`. */
export function editDistance(left: string, right: string, limit: number): number {
  const a = left.slice(0, COMPARED_LENGTH_MAX);
  const b = right.slice(0, COMPARED_LENGTH_MAX);
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(at(last, column) + 1, at(current, column - 1) + 1, at(last, column - 1) + (same ? 0 : 1));
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, at(beforeLast, column - 2) + 1);
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return Math.min(limit, at(last, b.length));
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? 0;
}
