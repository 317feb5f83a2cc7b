/** What `status` says about losses, in words. */
import { majorityOf } from '../core/raft/quorum.ts';
import type { ClusterStatus } from './api.ts';

/** @param oneCopy of a cell with one voter: has no standby everything? Only its leader knows; undefined elsewhere. */
export function advice(phase: ClusterStatus['node']['phase'], voters: number, live: number, standbys: number, oneCopy: boolean | undefined): string {
  if (phase === 'seeking') return 'looking for other nodes';
  if (phase === 'damaged') return 'the log on this disk is damaged: it does not vote and waits to see its cell alive';
  if (phase === 'stalled') return 'the majority of the voters is out of reach: nothing can be recorded until they return';
  if (voters === 0) return 'this node works without a log';
  if (voters === 1) {
    if (standbys === 0) return 'one machine: losing it stops the queue until it is back';
    if (oneCopy === undefined) return 'only one machine leads; ask it whether the copy on the standby is complete';
    return oneCopy ? 'one copy: the standby is catching up' : 'two copies: the log is on both machines, but only one of them leads';
  }
  if (live < voters) return `${voters - live} of ${voters} voters ${voters - live === 1 ? 'is' : 'are'} gone; who stays away is replaced or dropped`;
  return `any ${voters - majorityOf(voters)} of ${voters} voters may be lost`;
}
