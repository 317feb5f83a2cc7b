/** How the runs of the workload stand beside each other: priorities, limits and mutexes, max-parallel, barriers, pauses. */
import type { Limit, ModuleSpec, RunSpec } from '../src/core/cell/types.ts';
import { PRIORITY_MAX, PRIORITY_MIN } from '../src/core/cell/policy.ts';
import type { Prng } from './prng.ts';

export interface PolicyMix {
  /** Probability that a run, or a module of it, has a priority of its own. */
  readonly priorityRate: number;
  /** Probability that a module names a limit. */
  readonly limitRate: number;
  /** Uses of one key at a time, at most; modules of the same key may differ in what they allow. */
  readonly limitMax: number;
  readonly parallelRate: number;
  readonly barrierRate: number;
  /** Probability that a module is executed a second time when it takes too long, if it may be. */
  readonly hedgeRate: number;
  /** Mean ms between two pauses, of runs or of the queue; 0 = never. */
  readonly pauseEveryMs: number;
  readonly pauseMeanMs: number;
  /** Share of the pauses that are of the whole queue. */
  readonly queueRate: number;
}

/** Few, so that runs meet at them. */
const KEYS = ['database', 'licence', 'printer'] as const;

/** Half of the seeds have none of it; the others have each kind with a coin of its own. */
export function drawPolicies(random: Prng): PolicyMix | undefined {
  if (random.chance(0.5)) return undefined;
  const on = (rate: number): number => (random.chance(0.6) ? rate : 0);
  return {
    priorityRate: on(0.5),
    limitRate: on(random.pick([0.1, 0.3])),
    limitMax: random.pick([1, 1, 2, 3]),
    parallelRate: on(0.3),
    barrierRate: on(0.3),
    hedgeRate: on(0.4),
    pauseEveryMs: on(random.between(3000, 15_000)),
    pauseMeanMs: random.pick([300, 2000, 8000]),
    queueRate: random.pick([0, 0.3, 1]),
  };
}

export function withPolicies(random: Prng, mix: PolicyMix, spec: RunSpec): RunSpec {
  const policy = {
    priority: random.chance(mix.priorityRate) ? random.int(PRIORITY_MIN, PRIORITY_MAX) : 5,
    parallelMax: random.chance(mix.parallelRate) ? random.int(1, 3) : 0,
    barrier: random.chance(mix.barrierRate) ? ('wave' as const) : ('none' as const),
  };
  return { ...spec, policy, modules: spec.modules.map((module) => withPolicy(random, mix, module)) };
}

function withPolicy(random: Prng, mix: PolicyMix, module: ModuleSpec): ModuleSpec {
  const limits: Limit[] = KEYS.filter(() => random.chance(mix.limitRate / KEYS.length)).map((key) => ({ key, max: random.int(1, mix.limitMax) }));
  const priority = random.chance(mix.priorityRate / 2) ? random.int(PRIORITY_MIN, PRIORITY_MAX) : 0;
  const hedgeFactor = limits.length === 0 && !module.effectful && random.chance(mix.hedgeRate) ? random.pick([1, 1.5, 3]) : 0;
  return limits.length === 0 && priority === 0 && hedgeFactor === 0 ? module : { ...module, policy: { priority, limits, hedgeFactor } };
}
