/** Random small pipelines for the workload. */
import type { ModuleSpec, RunSpec } from '../src/core/cell/types.ts';
import { commandOf, type Behaviour, type BehaviourKind } from './behaviour.ts';
import type { Prng } from './prng.ts';

export interface PipelineMix {
  readonly modulesMax: number;
  /** Probability that a module needs a given earlier one. */
  readonly needRate: number;
  readonly durationMeanMs: number;
  readonly effectfulRate: number;
  /** Probability of each behaviour other than `ok`. */
  readonly failRate: number;
  readonly flakyRate: number;
  readonly hangRate: number;
  readonly lateRate: number;
}

export const PIPELINE_MIX: PipelineMix = {
  modulesMax: 8,
  needRate: 0.4,
  durationMeanMs: 300,
  effectfulRate: 0.2,
  failRate: 0.03,
  flakyRate: 0.1,
  hangRate: 0.03,
  lateRate: 0.05,
};

export function drawPipeline(random: Prng, mix: PipelineMix, name: string): RunSpec {
  const modules: ModuleSpec[] = [];
  const count = random.int(1, mix.modulesMax);
  for (let i = 0; i < count; i += 1) {
    const needs = modules.map((_, at) => at).filter(() => random.chance(mix.needRate));
    modules.push(drawModule(random, mix, `m${i}`, needs));
  }
  return { name, params: {}, env: {}, modules, bundles: {} };
}

function drawModule(random: Prng, mix: PipelineMix, name: string, needs: readonly number[]): ModuleSpec {
  const behaviour: Behaviour = { kind: drawKind(random, mix), durationMs: Math.ceil(random.exponential(mix.durationMeanMs)) };
  return {
    name,
    needs,
    action: { type: 'run', command: commandOf(behaviour) },
    env: {},
    requires: { cpu: 1, memory: 0, labels: [], tools: {}, os: [], arch: [] },
    timeoutMs: behaviour.kind === 'hang' ? random.int(500, 3000) : 30_000,
    retry: { attempts: behaviour.kind === 'flaky' ? 3 : random.int(1, 2), backoffMs: 200, factor: 2, jitter: true, capMs: 5000 },
    effectful: random.chance(mix.effectfulRate),
    durationMs: 0,
  };
}

function drawKind(random: Prng, mix: PipelineMix): BehaviourKind {
  let draw = random.float();
  for (const [kind, rate] of [['fail', mix.failRate], ['flaky', mix.flakyRate], ['hang', mix.hangRate], ['late', mix.lateRate]] as const) {
    if (draw < rate) return kind;
    draw -= rate;
  }
  return 'ok';
}
