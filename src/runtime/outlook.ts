/** What the leader knows of its sessions beyond the log, for explanations. */
import type { NodeOutlook } from '../core/plan/explain-nodes.ts';
import type { LeaderSessions } from './leader-sessions.ts';

/** @param now monotonic ms. */
export function outlookOf(sessions: LeaderSessions, now: number): NodeOutlook[] {
  return Array.from(sessions.all(), ({ id, slots, released, downSince, lastHeardAt, committing, fetching }) => {
    const lost = released || downSince !== undefined;
    return { session: id, slots, silentMs: lost ? Math.max(1, Math.round(now - lastHeardAt)) : 0, committing, fetching };
  });
}
