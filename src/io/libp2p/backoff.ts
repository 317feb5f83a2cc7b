import { REDIAL_BACKOFF_MS, REDIAL_BACKOFF_MS_MAX } from './limits.ts';

/**
 * Wait before attempt `failures + 1`: doubles from REDIAL_BACKOFF_MS to REDIAL_BACKOFF_MS_MAX, spread over [0.5, 1) of
 * itself so that a flock that lost one node does not come back to it in step.
 */
export function backoffMs(failures: number, random: number): number {
  const full = Math.min(REDIAL_BACKOFF_MS * 2 ** Math.min(failures, 16), REDIAL_BACKOFF_MS_MAX);
  return full * (0.5 + random / 2);
}
