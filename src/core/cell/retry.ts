import { unitOf } from '../lib/hash.ts';
import { specOf } from './accessors.ts';
import type { ModuleRecord } from './state.ts';

/**
 * Wait before the next attempt: backoff × factor per failure so far, at most the cap, spread over [0.5, 1.5) of itself
 * if the spec asks for jitter. Multiplication only: Math.pow may differ between machines in its last bit.
 * @param entryJitter in [0, 1), from the log entry; mixed with the module so that a batch does not return as one.
 * @returns whole milliseconds.
 */
export function retryWaitMs(module: ModuleRecord, entryJitter: number): number {
  const { retry } = specOf(module);
  let wait = Math.min(retry.backoffMs, retry.capMs);
  for (let i = 1; i < module.failures && wait < retry.capMs; i++) wait = Math.min(wait * retry.factor, retry.capMs);
  if (retry.jitter) {
    const unit = unitOf(module.run.number, module.index, module.failures) + (entryJitter >= 0 && entryJitter < 1 ? entryJitter : 0);
    wait *= 0.5 + (unit % 1);
  }
  return Math.round(wait);
}
