/** Everything that a seed decides, drawn at the start and printed before anything happens. */
import { timingProfiles, type ProfileName } from '../src/options/timing.ts';
import type { StorageTuning, Timing } from '../src/runtime/init.ts';
import { drawFaults, NO_FAULTS, type FaultMix } from './faults.ts';
import { PIPELINE_MIX } from './pipelines.ts';
import { drawPolicies } from './policies.ts';
import { Prng } from './prng.ts';
import { drawRepeats } from './repeating.ts';
import { CURIOSITY, type WorkloadMix } from './workload.ts';

export interface SimArguments {
  readonly seed: string;
  readonly nodes: number;
  /** Length of the phase with faults, virtual minutes. */
  readonly minutes: number;
  /** False: a quiet network and healthy nodes, for comparison. @default true */
  readonly faults?: boolean;
  readonly mutants?: ReadonlySet<string>;
  readonly print?: (line: string) => void;
}

export interface SimOptions {
  readonly seed: string;
  readonly nodes: number;
  readonly faultMs: number;
  readonly profile: ProfileName;
  readonly timing: Timing;
  readonly slots: number;
  /** Much smaller than in production, so that snapshots and new segments are common. */
  readonly storage: StorageTuning;
  readonly faults: FaultMix;
  readonly workload: WorkloadMix;
}

/** Work is what takes time to simulate: half of the seeds have little of it, and leave more for faults. */
const SUBMIT_EVERY_MS = [400, 1000, 3000, 3000, 10_000, 10_000, 10_000, 10_000];
/** Modules of an average pipeline. */
const MODULES_MEAN = 4.5;
/** 0: as often as the entries say, even of a large state. That is what takes most time to simulate. */
const SNAPSHOT_LOG_BYTES_MAX = [0, 1_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000];
/** What hanging, repeated and lost executions add to an average module; one node alone can then keep up. */
const OVERHEAD_MS = 300;

export function drawOptions({ seed, nodes, minutes, faults }: SimArguments): SimOptions {
  const random = new Prng(`${seed}/options`);
  const profile = random.pick<ProfileName>(['default', 'default', 'wired']);
  const slots = random.pick([1, 2, 4, 8]);
  const durationMeanMs = random.pick([20, 300, 1500]);
  const policies = drawPolicies(random.fork('policies'));
  const repeats = drawRepeats(random.fork('repeats'));
  return {
    seed,
    nodes,
    faultMs: minutes * 60_000,
    profile,
    timing: timingProfiles[profile],
    slots,
    storage: drawStorage(random.fork('storage')),
    faults: faults === false ? NO_FAULTS : drawFaults(random.fork('faults'), nodes),
    workload: {
      submitEveryMs: Math.max(random.pick(SUBMIT_EVERY_MS), (MODULES_MEAN * (durationMeanMs + OVERHEAD_MS)) / slots),
      cancelRate: random.pick([0, 0.1]),
      answerTimeoutMs: random.pick([1000, 5000]),
      runsMax: 2000,
      pipelines: { ...PIPELINE_MIX, durationMeanMs, cpuMax: slots },
      curiosity: CURIOSITY,
      ...(policies === undefined ? {} : { policies }),
      ...(repeats === undefined ? {} : { repeats }),
    },
  };
}

function drawStorage(random: Prng): StorageTuning {
  return { snapshotEntries: random.pick([20, 100, 1000]), tailEntriesMax: random.pick([0, 10, 1024]), segmentBytes: random.pick([2000, 50_000, 16_000_000]), stepsPerSlice: random.pick([30, 200, 20_000]), snapshotLogBytesMax: random.pick(SNAPSHOT_LOG_BYTES_MAX) };
}

/** One line of `key=value`, only what differs from a quiet cluster. */
export function describeOptions(options: SimOptions): string {
  const { faults, workload, seed, nodes, profile, slots, storage, faultMs } = options;
  const parts = [`seed=${seed}`, `nodes=${nodes}`, `minutes=${faultMs / 60_000}`, `profile=${profile}`, `slots=${slots}`, ...Object.entries(storage).map(([name, value]) => `${name}=${value}`)];
  parts.push(`submitEveryMs=${Math.round(workload.submitEveryMs)}`, `cancelRate=${workload.cancelRate}`, `durationMeanMs=${workload.pipelines.durationMeanMs}`);
  if (workload.policies !== undefined) parts.push(`policies=${shortJson(workload.policies)}`);
  if (workload.repeats !== undefined) parts.push(`repeats=${shortJson(workload.repeats)}`);
  const quiet: Readonly<Record<string, unknown>> = { ...NO_FAULTS.network, ...NO_FAULTS };
  for (const [name, value] of Object.entries({ ...faults.network, ...faults })) {
    if (name === 'network' || JSON.stringify(value) === JSON.stringify(quiet[name])) continue;
    const text = typeof value === 'number' ? String(Number(value.toPrecision(3))) : shortJson(value);
    parts.push(`${name}=${text}`);
  }
  return parts.join(' ');
}

function shortJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'number' ? Number(item.toPrecision(3)) : item)).replaceAll('"', '');
}
