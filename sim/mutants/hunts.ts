/**
 * How each mutant is caught: by which drill, by which invariant, with which seed. `npm run sim:mutants` goes through all
 * of them and says what to write here when a change of the code makes another seed find it.
 */
import type { DrillName } from './hunt.ts';

export interface Hunt {
  readonly mutant: string;
  /** A second rule that has to be off for the first one to matter: a line of defence behind another. */
  readonly partner?: string;
  /** Those of PROTOCOL §9 that may notice it first. */
  readonly invariants: readonly string[];
  readonly drill: DrillName;
  /** One that finds it. */
  readonly seed: string;
}

export const hunts: readonly Hunt[] = [
  { mutant: 'no-prevote', invariants: ['L10'], drill: 'brokenLink', seed: '1' },
  { mutant: 'prevote-while-hearing-leader', invariants: ['L10'], drill: 'brokenLink', seed: '1' },
  { mutant: 'no-term-adoption', invariants: ['L1'], drill: 'prevoteDeadlock', seed: '1' },
  { mutant: 'transfer-respects-lease', invariants: ['T1'], drill: 'handOver', seed: '1' },
  { mutant: 'transfer-to-laggard', invariants: ['T1'], drill: 'handOverOvertakes', seed: '1' },
  { mutant: 'transfer-to-standby', invariants: ['T1'], drill: 'handOverToStandby', seed: '1' },
  { mutant: 'vote-while-hearing-leader', partner: 'no-prevote', invariants: ['S25'], drill: 'brokenLinkLeases', seed: '1' },
  { mutant: 'no-check-quorum', invariants: ['L1'], drill: 'hub', seed: '1' },
  { mutant: 'check-quorum-by-receipt', invariants: ['S25'], drill: 'lateAnswers', seed: '1' },
  { mutant: 'remember-leadership', invariants: ['T1'], drill: 'stepsDown', seed: '1' },
  { mutant: 'noop-skipped', invariants: ['L5'], drill: 'ordinary', seed: '1' },
  { mutant: 'commit-old-term', invariants: ['S7'], drill: 'ordinary', seed: '1' },
  { mutant: 'config-before-noop', invariants: ['S9'], drill: 'earlyChange', seed: '1' },
  { mutant: 'read-before-noop', invariants: ['S23'], drill: 'earlyRead', seed: '2' },
  { mutant: 'read-unconfirmed', invariants: ['S23'], drill: 'staleRead', seed: '1' },
  { mutant: 'joint-not-finished', invariants: ['L5'], drill: 'ordinary', seed: '1' },
  { mutant: 'full-timeout-retry', invariants: ['T1'], drill: 'failedElection', seed: '1' },
  { mutant: 'no-fast-path', invariants: ['T1'], drill: 'killedLeader', seed: '1' },
  { mutant: 'fast-path-unchecked', invariants: ['L10'], drill: 'refusedDial', seed: '1' },
  { mutant: 'nonvoter-campaigns', invariants: ['S10'], drill: 'silentLeader', seed: '1' },
  { mutant: 'ack-own-last-index', invariants: ['S8'], drill: 'divergentTail', seed: '1' },
  { mutant: 'reply-before-sync-term', invariants: ['S8'], drill: 'ordinary', seed: '1' },
  { mutant: 'reply-before-sync-vote', invariants: ['S8'], drill: 'ordinary', seed: '1' },
  { mutant: 'reply-before-sync-append', invariants: ['S8'], drill: 'ordinary', seed: '1' },
  { mutant: 'leader-counts-unsynced', invariants: ['S5'], drill: 'ordinary', seed: '1' },
  { mutant: 'single-majority-in-joint', invariants: ['S5', 'S10'], drill: 'shrinkCutOff', seed: '1' },
  { mutant: 'final-by-outsider', invariants: ['S9'], drill: 'leaderLeaves', seed: '1' },
  { mutant: 'final-to-demoted', invariants: ['L1'], drill: 'finalOnlyToDemoted', seed: '1' },
  { mutant: 'promote-unsynced', invariants: ['S9'], drill: 'promoteDeaf', seed: '1' },
  { mutant: 'vote-without-log-check', invariants: ['S3'], drill: 'shortLog', seed: '1' },
  { mutant: 'lease-forever', partner: 'no-check-quorum', invariants: ['S25'], drill: 'silentBusyLeader', seed: '1' },
  { mutant: 'removed-accepted', invariants: ['L10'], drill: 'lateAnswerOfRemoved', seed: '1' },
  { mutant: 'window-unbounded', invariants: ['S26'], drill: 'stalledFollower', seed: '1' },
  { mutant: 'stale-fence-accepted', invariants: ['S20', 'crash'], drill: 'lateResult', seed: '1' },
  { mutant: 'effectful-late-result', invariants: ['S20'], drill: 'lateResult', seed: '1' },
  { mutant: 'effectful-released-early', invariants: ['S20'], drill: 'deadSocket', seed: '1' },
  { mutant: 'result-recorded-twice', invariants: ['S18'], drill: 'lostReplyToSuccess', seed: '1' },
  { mutant: 'failure-counted-twice', invariants: ['S18'], drill: 'lostReplyToFailure', seed: '1' },
  { mutant: 'dedupe-off', invariants: ['S21'], drill: 'submitTwice', seed: '1' },
  { mutant: 'dedupe-not-restored', invariants: ['S15'], drill: 'restored', seed: '1' },
  { mutant: 'claim-before-needs', invariants: ['S19'], drill: 'twoNeeds', seed: '1' },
  { mutant: 'copies-not-demanded', invariants: ['S24'], drill: 'outOfReach', seed: '1' },
  { mutant: 'code-not-awaited', invariants: ['S24'], drill: 'codeElsewhere', seed: '1' },
  { mutant: 'invalidate-keeps-generation', invariants: ['S18'], drill: 'lostFile', seed: '1' },
  { mutant: 'foresight-kept', invariants: ['T1'], drill: 'slotFreedOnce', seed: '1' },
  { mutant: 'limit-ignored', invariants: ['S28'], drill: 'onePrinter', seed: '1' },
  { mutant: 'limit-released-early', invariants: ['S28'], drill: 'printerInGrace', seed: '1' },
  { mutant: 'run-pause-ignored', invariants: ['S29'], drill: 'pausedRun', seed: '1' },
  { mutant: 'queue-pause-ignored', invariants: ['S29'], drill: 'pausedQueue', seed: '1' },
  { mutant: 'parallel-ignored', invariants: ['S30'], drill: 'oneAtATime', seed: '1' },
  { mutant: 'fail-fast-ignored', invariants: ['S22'], drill: 'failingList', seed: '1' },
  { mutant: 'cache-ignores-inputs', invariants: ['S19'], drill: 'sameWorkOnOtherInputs', seed: '1' },
  { mutant: 'barrier-ignored', invariants: ['S31'], drill: 'unevenWaves', seed: '1' },
  { mutant: 'assign-before-commit', invariants: ['S17'], drill: 'ordinary', seed: '1' },
  { mutant: 'ack-before-commit', invariants: ['S8'], drill: 'submitTwice', seed: '1' },
  { mutant: 'reads-go-back', invariants: ['S23'], drill: 'leftOutReader', seed: '1' },
  { mutant: 'no-self-fence', invariants: ['S20'], drill: 'silentWorker', seed: '1' },
  { mutant: 'late-start', invariants: ['S20'], drill: 'lateAssign', seed: '1' },
  { mutant: 'disk-watchdog-off', invariants: ['L1'], drill: 'hungLeader', seed: '1' },
  { mutant: 'session-never-expires', invariants: ['L3'], drill: 'deadWorker', seed: '1' },
  { mutant: 'session-expires-early', invariants: ['S20'], drill: 'silentWorker', seed: '1' },
  { mutant: 'frame-unsynced', invariants: ['S8', 'S5'], drill: 'ordinary', seed: '1' },
  { mutant: 'hard-state-unsynced', invariants: ['S8'], drill: 'ordinary', seed: '1' },
  { mutant: 'segment-name-unsynced', invariants: ['S8', 'S5'], drill: 'ordinary', seed: '1' },
  { mutant: 'snapshot-unsynced', invariants: ['S8', 'S5'], drill: 'snapshotToLaggard', seed: '1' },
  { mutant: 'snapshot-name-unsynced', invariants: ['S8', 'S5'], drill: 'snapshotToLaggard', seed: '1' },
  { mutant: 'recovered-unsynced', invariants: ['S8'], drill: 'killedWhileWriting', seed: '1' },
  { mutant: 'identity-unsynced', invariants: ['S5'], drill: 'ordinary', seed: '1' },
  { mutant: 'damage-cut', invariants: ['S3'], drill: 'damagedVoter', seed: '1' },
  { mutant: 'orphans-live', invariants: ['S20'], drill: 'killedWorker', seed: '1' },
];

/**
 * Rules whose absence no history of this system shows, because another one stands before them. They stay: the other one
 * may be wrong, or a member older. Each is tested where it lives (test/core/raft/support).
 */
export const secondLines: readonly { readonly mutant: string; readonly why: string }[] = [
  {
    mutant: 'prevote-silent',
    why: 'Who hears a leader of a later term has that leader’s Noop, or gets it in a moment. The asker lacks that entry, so it cannot win before it has heard from that leader itself, and then it knows the term.',
  },
  {
    mutant: 'reply-before-sync-snapshot',
    why: 'The runtime stores a snapshot durably before it offers it to the core, and recovery puts the newest whole snapshot in force even if the log does not know of it yet. What that file promises is tested by snapshot-unsynced and snapshot-name-unsynced.',
  },
  {
    mutant: 'snapshot-drops-acked-tail',
    why: 'A leader sends a snapshot only to a log that ends before the oldest entry it kept, so the log cannot contain the snapshot; one that comes late is refused because its index has been applied (snapshot-transfer.ts) or its term is over.',
  },
];
