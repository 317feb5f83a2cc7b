/** Priority with aging: strict as long as nobody waits too long, and nobody waits for ever. */
import { PRIORITY_MAX } from '../cell/policy.ts';

/** Work that is given nothing for so long rises by one. */
export const AGING_STEP_MS = 30_000;

/**
 * Above every priority. Those who have come here are served in the order in which they were served last, one claim each;
 * whatever stream of new work there is, it comes in below them.
 */
export const OVERDUE = PRIORITY_MAX + 1;

/** @param since when it was given a claim last, or came to have something to claim, whichever is later. */
export function levelOf(priority: number, since: number, now: number): number {
  return Math.min(OVERDUE, priority + Math.max(0, Math.floor((now - since) / AGING_STEP_MS)));
}
