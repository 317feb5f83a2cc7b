/** All scenarios by name. A new one is a file in this folder and a line here. */
import { suggest } from '../../src/pipeline/suggest.ts';
import { addedWhileDown } from './added-while-down.ts';
import { appliedOnce } from './applied-once.ts';
import { blackout } from './blackout.ts';
import { blockedLeader } from './blocked-leader.ts';
import { capabilitySelection } from './capability-selection.ts';
import { clonedDirectory } from './cloned-directory.ts';
import { damagedLog } from './damaged-log.ts';
import { demotedNode } from './demoted-node.ts';
import { flippedSnapshot } from './flipped-snapshot.ts';
import { hubChained } from './hub-chained.ts';
import { hubConstrained } from './hub-constrained.ts';
import { hubQuorumLoss } from './hub-quorum-loss.ts';
import { hundredConcurrent } from './hundred-concurrent.ts';
import { hungDisk } from './hung-disk.ts';
import { largeSnapshot } from './large-snapshot.ts';
import { lockContention } from './lock-contention.ts';
import { lopsidedLogs } from './lopsided-logs.ts';
import { manyJobs } from './many-jobs.ts';
import { mixedSettings } from './mixed-settings.ts';
import { networkPartition } from './network-partition.ts';
import { oldPackets } from './old-packets.ts';
import { oldTermCommit } from './old-term-commit.ts';
import { oneWayLink } from './one-way-link.ts';
import { orphans } from './orphans.ts';
import { partitionKillRemove } from './partition-kill-remove.ts';
import { powerLossAndPauses } from './power-loss-and-pauses.ts';
import { prevoteDeadlock } from './prevote-deadlock.ts';
import { queueAtHolder } from './queue-at-holder.ts';
import { reconfigurePartitioned } from './reconfigure-partitioned.ts';
import { recoveryRedistribution } from './recovery-redistribution.ts';
import { removedReturns } from './removed-returns.ts';
import { resetEffectful } from './reset-effectful.ts';
import { restartAlone } from './restart-alone.ts';
import { restartEveryOrder } from './restart-every-order.ts';
import { retryElsewhere } from './retry-elsewhere.ts';
import type { Scenario } from './scenario.ts';
import { slowFollower } from './slow-follower.ts';
import { slowLink } from './slow-link.ts';
import { snapshotCrash } from './snapshot-crash.ts';
import { stateSurvives } from './state-survives.ts';
import { suspendedLaptop } from './suspended-laptop.ts';
import { transferRacesHeartbeat } from './transfer-races-heartbeat.ts';
import { twoConfigChanges } from './two-config-changes.ts';
import { vanishingMembers } from './vanishing-members.ts';
import { voterBehind } from './voter-behind.ts';
import { wipedVoter } from './wiped-voter.ts';
import { workerFailure } from './worker-failure.ts';

export const scenarios: readonly Scenario[] = [
  powerLossAndPauses,
  blackout,
  partitionKillRemove,
  flippedSnapshot,
  damagedLog,
  wipedVoter,
  removedReturns,
  restartAlone,
  twoConfigChanges,
  vanishingMembers,
  oldTermCommit,
  prevoteDeadlock,
  mixedSettings,
  hubChained,
  hubConstrained,
  hubQuorumLoss,
  oneWayLink,
  hungDisk,
  blockedLeader,
  suspendedLaptop,
  snapshotCrash,
  appliedOnce,
  addedWhileDown,
  demotedNode,
  retryElsewhere,
  reconfigurePartitioned,
  voterBehind,
  resetEffectful,
  orphans,
  manyJobs,
  workerFailure,
  recoveryRedistribution,
  hundredConcurrent,
  networkPartition,
  stateSurvives,
  lockContention,
  capabilitySelection,
  queueAtHolder,
  clonedDirectory,
  largeSnapshot,
  lopsidedLogs,
  oldPackets,
  restartEveryOrder,
  slowFollower,
  slowLink,
  transferRacesHeartbeat,
];

/** What will have a story and has none. */
export const notYet: readonly { readonly name: string; readonly number: string; readonly why: string }[] = [
  { name: 'cells-meet', number: '22', why: 'blank nodes that outnumber a survivor, and established cells that meet, need redirect, import and closing of an established cell' },
];

/** @throws Error with one sentence for people. */
export function scenarioNamed(name: string): Scenario {
  const scenario = scenarios.find((one) => one.name === name);
  if (scenario !== undefined) return scenario;
  const missing = notYet.find((one) => one.name === name);
  if (missing !== undefined) throw new Error(`--scenario ${name}: not there yet: ${missing.why}`);
  const near = suggest(name, scenarios.map((one) => one.name));
  throw new Error(`--scenario ${name}: there is none of this name${near === undefined ? '.' : `, did you mean ${near}?`} --list shows all`);
}
