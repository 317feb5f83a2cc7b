import { REDIAL_BACKOFF_MS, REDIAL_BACKOFF_MS_MAX } from './limits.ts';

/** With it the next wait is about a quarter of the time that the peer has been away, and never more than half. */
const GROWTH = 1.25;

/**
 * Wait before attempt `failures + 1`: grows from REDIAL_BACKOFF_MS to REDIAL_BACKOFF_MS_MAX, spread over [0.5, 1) of
 * itself so that a flock that lost one node does not come back to it in step. It grows slowly at first: whoever is back
 * after two seconds has to be reached before its worker fences itself (4 s after its last keepalive), or a blip of the
 * network ends modules that ran for hours.
 */
export function backoffMs(failures: number, random: number): number {
  const full = Math.min(REDIAL_BACKOFF_MS * GROWTH ** failures, REDIAL_BACKOFF_MS_MAX);
  return full * (0.5 + random / 2);
}
