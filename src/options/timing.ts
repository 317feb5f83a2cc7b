/**
 * Timing profiles. The durations hang together (a lease must end before the next election may begin, a worker must
 * fence itself before its session is given away), so people choose a profile, not single values.
 */
import { SkeinError } from '../errors.ts';
import type { Timing } from '../runtime/init.ts';

export type ProfileName = 'default' | 'wired' | 'wifi' | 'test';

const fallback: Timing = {
  heartbeatMs: 100,
  electionMs: 1000,
  plannerLeaseMs: 900,
  keepaliveMs: 1000,
  sessionTtlMs: 5000,
  selfFenceMs: 4000,
  socketGraceMs: 1500,
  voterDeadMs: 10_000,
  memberForgottenMs: 600_000,
  stalledMs: 15_000,
  beaconMs: 2000,
  seekMs: 1500,
  seekStepMs: 1500,
  diskStallMs: 1000,
};

export const timingProfiles: Readonly<Record<ProfileName, Timing>> = {
  default: fallback,
  /** Machines on cables: silence means loss sooner. Costs false elections where the network or the disk hiccups. */
  wired: { ...fallback, heartbeatMs: 50, electionMs: 400, plannerLeaseMs: 360, keepaliveMs: 500, sessionTtlMs: 2500, selfFenceMs: 2000 },
  /** Machines whose radio naps: twice as patient. Costs twice the silence before a lost leader is replaced. */
  wifi: {
    ...fallback,
    heartbeatMs: 200,
    electionMs: 2000,
    plannerLeaseMs: 1800,
    keepaliveMs: 2000,
    sessionTtlMs: 10_000,
    selfFenceMs: 8000,
    socketGraceMs: 3000,
    voterDeadMs: 20_000,
    stalledMs: 30_000,
    seekMs: 3000,
  },
  /**
   * Several nodes on one machine in a test: everything about half a second, which is as quick as two busy cores allow
   * before a process that had to wait for its turn looks like one that was suspended. Not for real networks.
   */
  test: {
    heartbeatMs: 50,
    electionMs: 500,
    plannerLeaseMs: 450,
    keepaliveMs: 250,
    sessionTtlMs: 2000,
    selfFenceMs: 1600,
    socketGraceMs: 500,
    voterDeadMs: 2500,
    memberForgottenMs: 60_000,
    stalledMs: 4000,
    beaconMs: 300,
    seekMs: 500,
    seekStepMs: 500,
    diskStallMs: 1000,
  },
};

/** Refuses combinations that would break a promise of the protocol, quoting both values. */
export function checkTiming(timing: Timing): void {
  const below = (low: keyof Timing, high: keyof Timing, why: string): void => {
    if (timing[low] < timing[high]) return;
    throw new SkeinError('OPTION_INVALID', `${low} = ${timing[low]} must be less than ${high} = ${timing[high]}: ${why}`, { option: low });
  };
  for (const [name, value] of Object.entries(timing) as [keyof Timing, number][]) {
    if (!Number.isFinite(value) || value <= 0) throw new SkeinError('OPTION_INVALID', `${name} = ${value} must be a positive number of milliseconds`, { option: name });
  }
  if (timing.heartbeatMs * 3 > timing.electionMs) {
    throw new SkeinError('OPTION_INVALID', `heartbeatMs = ${timing.heartbeatMs} must be at most a third of electionMs = ${timing.electionMs}: one lost heartbeat would cause an election`, { option: 'heartbeatMs' });
  }
  below('plannerLeaseMs', 'electionMs', 'the planner lease has to end before another leader can be elected');
  below('keepaliveMs', 'sessionTtlMs', 'a session must outlive the pause between two keepalives');
  below('selfFenceMs', 'sessionTtlMs', 'a worker must stop its effectful modules before they are given to another one');
  below('electionMs', 'stalledMs', 'a cell is not stalled while it still elects');
}
