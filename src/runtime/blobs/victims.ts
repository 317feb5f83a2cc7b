/** Which blobs go: plain decisions. */
import type { StoredBlob } from '../../ports/blobs.ts';
import { LEFTOVERS_KEPT_MS, RECENT_MS } from './limits.ts';
import type { Need } from './needs.ts';

export interface Standing {
  readonly blob: StoredBlob;
  readonly need: Need | undefined;
  /** When the cell was founded that said so, wall ms. */
  readonly founded: number;
}

export interface Wanted {
  /** Wall ms. */
  readonly now: number;
  readonly retentionMs: number;
  /** To be freed for a reason: when there is no way to free as much, nothing more is given up for it. */
  readonly bytes: number;
  /** Freed beyond that if it can be, so that the next to come need not ask again. */
  readonly slack: number;
}

export interface Victim {
  readonly blob: StoredBlob;
  readonly why: 'expired' | 'quota';
}

/** Pinned by hand, or a run that lives refers to it: it stays whatever happens. */
export function isPinned({ blob, need }: Standing): boolean {
  return blob.pinned || need?.live === true;
}

/**
 * When it was last used, or the last run that refers to it ended. What is older than the cell may be of another one, which
 * this node has lost sight of and will find again: its time begins with the cell.
 */
export function keptSince({ blob, need, founded }: Standing): number {
  return Math.max(blob.usedAt, need?.finishedAt ?? 0, founded);
}

/** Is it of another cell, perhaps, that is only just out of sight? Then it is not given up for room either. */
function isLeftover({ blob, need, founded }: Standing, now: number): boolean {
  return need === undefined && blob.usedAt < founded && now < founded + LEFTOVERS_KEPT_MS;
}

/**
 * All whose time is over, and then, for what has to be freed, the least recently used of what is not pinned. What was used
 * a moment ago is spared: what it is for may not be known to the cell yet.
 */
export function victims(standings: readonly Standing[], { now, retentionMs, bytes, slack }: Wanted): Victim[] {
  const loose = standings.filter((standing) => !isPinned(standing));
  const expired = loose.filter((standing) => keptSince(standing) + retentionMs <= now);
  const gone = new Set(expired);
  let freed = expired.reduce((sum, { blob }) => sum + blob.size, 0);
  const chosen: Victim[] = expired.map(({ blob }) => ({ blob, why: 'expired' }));
  if (freed >= bytes) return chosen;
  const others: Victim[] = [];
  for (const standing of loose.toSorted((a, b) => a.blob.usedAt - b.blob.usedAt)) {
    if (freed >= bytes + slack) break;
    if (gone.has(standing) || standing.blob.size === 0 || standing.blob.usedAt + RECENT_MS > now || isLeftover(standing, now)) continue;
    freed += standing.blob.size;
    others.push({ blob: standing.blob, why: 'quota' });
  }
  return freed >= bytes ? [...chosen, ...others] : chosen;
}
