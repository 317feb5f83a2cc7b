/** What a node knows beside the log when it is asked about modules: whoever leads knows the sessions and the plan. */
import type { NodeOutlook } from '../core/plan/explain-nodes.ts';
import type { NodeContext } from './context.ts';
import type { Leader } from './leader.ts';
import type { LeaderSessions } from './leader-sessions.ts';
import type { ProgressBoard } from './progress/board.ts';
import type { QueryContext } from './queries.ts';

export function queryContext(context: NodeContext, leader: Leader | undefined, progress: ProgressBoard): ReturnType<QueryContext> {
  const now = context.ports.clock.wall();
  if (leader === undefined) return { now, progress: () => undefined };
  return { now, outlook: outlookOf(leader.sessions, context.now()), placements: leader.placements(), progress: (fence) => progress.of(fence) };
}

/** @param now monotonic ms. */
function outlookOf(sessions: LeaderSessions, now: number): NodeOutlook[] {
  return Array.from(sessions.all(), ({ id, slots, released, downSince, lastHeardAt, committing, fetching }) => {
    const lost = released || downSince !== undefined;
    return { session: id, slots, silentMs: lost ? Math.max(1, Math.round(now - lastHeardAt)) : 0, committing, fetching };
  });
}
