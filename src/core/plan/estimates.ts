/**
 * What a module costs on a node: the wait for room there, the time to bring the inputs that the node lacks, the work. The
 * least sum wins (as in Dask's choice of a worker: occupancy, then bytes over bandwidth).
 */
import { BYTES_PER_SECOND_UNKNOWN } from './limits.ts';

export interface Estimate {
  /** Until the node has room; Infinity when nobody knows. */
  readonly waitMs: number;
  /** Of its inputs, that would have to come. */
  readonly bytes: number;
  /** As the node measured it, or BYTES_PER_SECOND_UNKNOWN. */
  readonly bytesPerSecond: number;
  /** Of those, and of what is on its way there already. */
  readonly moveMs: number;
  /** Declared, learned, or the average of its run: the same on every node. */
  readonly predictedMs: number;
  readonly sumMs: number;
}

/** @param bytesPerSecond 0 = the node has not measured it. */
export function knownSpeed(bytesPerSecond: number): number {
  return bytesPerSecond > 0 ? bytesPerSecond : BYTES_PER_SECOND_UNKNOWN;
}
