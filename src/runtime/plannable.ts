/** What the leader tells its planner of the sessions that it may give work. */
import type { NodeId } from '../core/lib/ids.ts';
import type { PlannableSession } from '../core/plan/planner.ts';
import type { LeaderSessions } from './leader-sessions.ts';

/** Averages of a minute that differ by less, per core, say nothing about which node is quieter now. */
const LOAD_STEP = 0.5;

/**
 * Those that live and want work. Between nodes that are as empty and about as loaded the leader's own comes first: a claim
 * there costs no message, neither does its result, so a module that everything waits for is sooner done.
 */
export function plannable(all: LeaderSessions, self: NodeId): PlannableSession[] {
  const sessions: PlannableSession[] = [];
  const own = all.ofNode(self)?.load ?? Infinity;
  for (const { id, node, slots, load, receiveBytesPerSecond, released, downSince } of all.all()) {
    if (released || downSince !== undefined || slots === 0) continue;
    const near = Math.abs(load - own) < LOAD_STEP;
    sessions.push({ session: id, slots, load: node === self ? own - LOAD_STEP / 2 : near ? own : load, bytesPerSecond: coarse(receiveBytesPerSecond) });
  }
  return sessions;
}

/** In steps of an eighth to a quarter: of two nodes on one network neither is the faster one, whatever their last transfers say. */
export function coarse(bytesPerSecond: number): number {
  if (bytesPerSecond <= 0) return 0;
  const step = 2 ** (Math.floor(Math.log2(bytesPerSecond)) - 2);
  return Math.round(bytesPerSecond / step) * step;
}
