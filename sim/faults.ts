/**
 * Which faults a seed injects, and how often: drawn once per seed, each kind switched on with its own probability, since
 * a run with few kinds reaches corners that a run with all of them never does (swarm testing).
 */
import type { Channel } from '../src/ports/transport.ts';
import { WIRED, type NetworkOptions } from './network-options.ts';
import { PARTITION_SHAPES, type PartitionShape } from './partitions.ts';
import type { Prng } from './prng.ts';

export interface FaultMix {
  readonly network: NetworkOptions;
  /** Mean ms between two faults of the kind; 0 = never. */
  readonly partitionEveryMs: number;
  readonly partitionMeanMs: number;
  readonly partitionShapes: readonly PartitionShape[];
  readonly crashEveryMs: number;
  readonly downMeanMs: number;
  /** Share of crashes that take the machine's power: unsynced writes are lost, nobody refuses a dial. */
  readonly powerLossRate: number;
  /** Share of crashes that hit the whole cluster at once. */
  readonly blackoutRate: number;
  readonly pauseEveryMs: number;
  readonly pauseMeanMs: number;
  /** The machine sleeps: its monotonic clock stands still and nobody answers for it. */
  readonly suspendEveryMs: number;
  readonly suspendMeanMs: number;
  /** Each turn of a slow node takes up to `slowTurnMs`. */
  readonly slowEveryMs: number;
  readonly slowMeanMs: number;
  readonly slowTurnMs: number;
  /** Each machine's clocks are fast or slow by up to this share. Above `DRIFT_MAX` no promise of S20 holds. */
  readonly clockDrift: number;
  /** Each machine's wall clock is wrong by up to this from the start. */
  readonly clockOffsetMs: number;
  readonly clockJumpEveryMs: number;
  readonly clockJumpMaxMs: number;
  /** Duration of one write and sync. */
  readonly diskMeanMs: number;
  /** A write or sync fails: the node ends itself and is started again. */
  readonly diskErrorEveryMs: number;
  readonly diskStallEveryMs: number;
  readonly diskStallMeanMs: number;
  readonly diskFullEveryMs: number;
  readonly diskFullMeanMs: number;
  /** A bit of what is on a disk changes, not in the last frame of the log. */
  readonly flipEveryMs: number;
  readonly wipeEveryMs: number;
  /** An older copy of a disk takes its place. What is violated after it is counted and not a failure. */
  readonly rollbackEveryMs: number;
  /** The disk of another node, copied. */
  readonly cloneEveryMs: number;
  /** A blob is removed from the disk of a node that runs. */
  readonly blobTakenEveryMs: number;
  /** A node is killed and comes back without any of its blobs. */
  readonly blobsWipedEveryMs: number;
  readonly blobsFullEveryMs: number;
  readonly blobsFullMeanMs: number;
  /** A node goes in good order, and comes back. */
  readonly leaveEveryMs: number;
  /** So many of the nodes start only while there are faults, one after the other. */
  readonly lateNodes: number;
  readonly joinEveryMs: number;
}

export const NO_FAULTS: FaultMix = {
  network: WIRED,
  partitionEveryMs: 0,
  partitionMeanMs: 0,
  partitionShapes: [],
  crashEveryMs: 0,
  downMeanMs: 0,
  powerLossRate: 0,
  blackoutRate: 0,
  pauseEveryMs: 0,
  pauseMeanMs: 0,
  suspendEveryMs: 0,
  suspendMeanMs: 0,
  slowEveryMs: 0,
  slowMeanMs: 0,
  slowTurnMs: 0,
  clockDrift: 0,
  clockOffsetMs: 0,
  clockJumpEveryMs: 0,
  clockJumpMaxMs: 0,
  diskMeanMs: 0.2,
  diskErrorEveryMs: 0,
  diskStallEveryMs: 0,
  diskStallMeanMs: 0,
  diskFullEveryMs: 0,
  diskFullMeanMs: 0,
  flipEveryMs: 0,
  wipeEveryMs: 0,
  rollbackEveryMs: 0,
  cloneEveryMs: 0,
  blobTakenEveryMs: 0,
  blobsWipedEveryMs: 0,
  blobsFullEveryMs: 0,
  blobsFullMeanMs: 0,
  leaveEveryMs: 0,
  lateNodes: 0,
  joinEveryMs: 0,
};

/** Any two clocks then run within 10 % of each other (PROTOCOL §9, S20). */
export const DRIFT_MAX = 0.045;
const [SECOND_MS, MINUTE_MS, HOUR_MS] = [1000, 60_000, 3_600_000];
/** Two clocks that differ by more than the 7 days for which finished runs are kept would make them all old at once. */
const DAYS_MS = 3 * 24 * HOUR_MS;

export function drawFaults(random: Prng, nodes: number): FaultMix {
  const network = drawNetwork(random.fork('network'));
  const [partitions, crashes, pauses] = [random.chance(0.75), random.chance(0.75), random.chance(0.5)];
  const shapes = PARTITION_SHAPES.filter(() => random.chance(0.4));
  return {
    network,
    partitionEveryMs: partitions ? random.between(4000, 25_000) : 0,
    partitionMeanMs: random.between(500, 9000),
    partitionShapes: shapes.length > 0 ? shapes : PARTITION_SHAPES,
    crashEveryMs: crashes ? random.between(4000, 25_000) : 0,
    downMeanMs: random.between(200, 8000),
    powerLossRate: random.pick([0, 0.5, 1]),
    blackoutRate: random.pick([0, 0, 0.1, 0.3]),
    pauseEveryMs: pauses ? random.between(5000, 25_000) : 0,
    pauseMeanMs: random.between(100, 6000),
    diskMeanMs: random.pick([0.2, 2, 20]),
    ...drawClocks(random.fork('clocks')),
    ...drawDisks(random.fork('disks'), nodes),
    ...drawMembership(random.fork('membership'), nodes),
    ...drawBlobs(random.fork('blobs')),
  };
}

function drawBlobs(random: Prng): Pick<FaultMix, 'blobTakenEveryMs' | 'blobsWipedEveryMs' | 'blobsFullEveryMs' | 'blobsFullMeanMs'> {
  const sometimes = (share: number): number => (random.chance(share) ? random.between(5000, 25_000) : 0);
  return { blobTakenEveryMs: sometimes(0.3), blobsWipedEveryMs: sometimes(0.2), blobsFullEveryMs: sometimes(0.25), blobsFullMeanMs: random.pick([2000, 10_000, 60_000]) };
}

function drawMembership(random: Prng, nodes: number): Pick<FaultMix, 'leaveEveryMs' | 'lateNodes' | 'joinEveryMs'> {
  const lateNodes = nodes >= 3 && random.chance(0.2) ? random.int(1, Math.floor(nodes / 2)) : 0;
  return {
    leaveEveryMs: random.chance(0.3) ? random.between(6000, 25_000) : 0,
    lateNodes,
    joinEveryMs: lateNodes === 0 ? 0 : random.between(1000, 10_000),
  };
}

type DiskFaults = 'diskErrorEveryMs' | 'diskStallEveryMs' | 'diskStallMeanMs' | 'diskFullEveryMs' | 'diskFullMeanMs' | 'flipEveryMs' | 'wipeEveryMs' | 'rollbackEveryMs' | 'cloneEveryMs';

function drawDisks(random: Prng, nodes: number): Pick<FaultMix, DiskFaults> {
  const sometimes = (share: number): number => (random.chance(share) ? random.between(8000, 30_000) : 0);
  // With one voter there is nobody to repair what its disk loses.
  const repairable = nodes >= 3 ? 1 : 0;
  return {
    diskErrorEveryMs: sometimes(0.2),
    diskStallEveryMs: sometimes(0.2),
    diskStallMeanMs: random.pick([300, 2000, 10_000]),
    diskFullEveryMs: sometimes(0.2),
    diskFullMeanMs: random.between(1000, 10_000),
    flipEveryMs: sometimes(0.2 * repairable),
    wipeEveryMs: sometimes(0.15 * repairable),
    rollbackEveryMs: sometimes(0.03 * repairable),
    cloneEveryMs: sometimes(0.1 * repairable),
  };
}

type ClockFaults = 'suspendEveryMs' | 'suspendMeanMs' | 'slowEveryMs' | 'slowMeanMs' | 'slowTurnMs' | 'clockDrift' | 'clockOffsetMs' | 'clockJumpEveryMs' | 'clockJumpMaxMs';

function drawClocks(random: Prng): Pick<FaultMix, ClockFaults> {
  return {
    suspendEveryMs: random.chance(0.25) ? random.between(8000, 30_000) : 0,
    suspendMeanMs: random.pick([500, 3000, 15_000]),
    slowEveryMs: random.chance(0.25) ? random.between(8000, 30_000) : 0,
    slowMeanMs: random.between(1000, 10_000),
    slowTurnMs: random.pick([2, 10, 30]),
    clockDrift: random.pick([0, 0, 0.01, DRIFT_MAX, DRIFT_MAX, 0.3]),
    clockOffsetMs: random.pick([0, 0, SECOND_MS, HOUR_MS, DAYS_MS]),
    clockJumpEveryMs: random.chance(0.25) ? random.between(8000, 30_000) : 0,
    clockJumpMaxMs: random.pick([SECOND_MS, MINUTE_MS, HOUR_MS]),
  };
}

function drawNetwork(random: Prng): NetworkOptions {
  const on = (): boolean => random.chance(0.5);
  const narrow = random.fork('narrow');
  const nasty: readonly Channel[] = random.pick<readonly Channel[]>([[], ['raft'], ['raft', 'bulk']]);
  return {
    ...WIRED,
    delayMinMs: random.pick([0.1, 0.5, 2, 10]),
    delayJitterMs: random.pick([0.1, 1, 5, 30, 60]),
    resetRate: on() ? random.between(0, 0.002) : 0,
    stallRate: on() ? random.between(0, 0.005) : 0,
    stallMeanMs: random.between(100, 2000),
    // Most of the range is small: a clog of 2 % lets next to nothing through.
    clogRate: narrow.chance(0.4) ? 10 ** narrow.between(-4, Math.log10(0.02)) : 0,
    clogMeanMs: narrow.between(100, 3000),
    pathCapacity: narrow.chance(0.4) ? narrow.int(2, 20) : Infinity,
    overflow: narrow.pick(['wait', 'drop']),
    nastyChannels: nasty,
    lossRate: on() ? random.between(0, 0.3) : 0,
    duplicateRate: on() ? random.between(0, 0.3) : 0,
    reorderRate: on() ? random.between(0, 0.3) : 0,
    reorderMeanMs: random.between(5, 300),
    gossipLossRate: random.pick([0, 0.05, 0.3]),
    cutNoticedMinMs: random.pick([500, 2000]),
    cutNoticedMaxMs: random.pick([3000, 6000, 12_000]),
  };
}
