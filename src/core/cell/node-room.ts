/** Whether a node can take a module: what it is, and what it has free. */
import { fits, totalMilliCpu, type Requirement } from './matching.ts';
import type { CellState, SessionRecord } from './state.ts';

const FITS_MEMO_MAX = 1_000;

/** Whether this node could execute such a module if it were idle. */
export function sessionFits(session: SessionRecord, requirement: Requirement): boolean {
  const known = session.fitsMemo.get(requirement.key);
  if (known !== undefined) return known;
  if (session.fitsMemo.size >= FITS_MEMO_MAX) session.fitsMemo.clear();
  const answer = fits(requirement, session.capabilities);
  session.fitsMemo.set(requirement.key, answer);
  return answer;
}

/** Why this node cannot take such a module now, or ''. */
export function nodeProblem(state: CellState, requirement: Requirement, session: SessionRecord): string {
  if (state.drained.has(session.nodeId)) return 'the node is draining';
  if (!sessionFits(session, requirement)) return 'the node does not fit';
  if (session.milliCpuUsed + requirement.milliCpu > totalMilliCpu(session.capabilities)) return 'no free cpu slot';
  if (requirement.memory > 0 && session.memoryUsed + requirement.memory > session.capabilities.memory) return 'not enough memory';
  return '';
}
