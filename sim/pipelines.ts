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
  /** Probability that a module which ends with `ok` takes about as long as it may. */
  readonly tightRate: number;
  /** Cpu slots that the greediest module reserves; no more than one node has. */
  readonly cpuMax: number;
  /** Probability that a module leaves files, and that it takes those of a need. */
  readonly fileRate: number;
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
  tightRate: 0.03,
  cpuMax: 1,
  fileRate: 0.3,
};

export function drawPipeline(random: Prng, mix: PipelineMix, name: string): RunSpec {
  const modules: ModuleSpec[] = [];
  const count = random.int(1, mix.modulesMax);
  for (let i = 0; i < count; i += 1) {
    const needs = modules.map((_, at) => at).filter(() => random.chance(mix.needRate));
    modules.push(drawModule(random, mix, `m${i}`, needs));
  }
  if (mix.fileRate > 0) addFiles(random.fork('files'), mix.fileRate, modules);
  return { name, params: {}, env: {}, modules, bundles: {} };
}

/** The shortest timeout of a module that may well make it. */
const TIGHT_MIN_MS = 50;

function drawModule(random: Prng, mix: PipelineMix, name: string, needs: readonly number[]): ModuleSpec {
  const behaviour: Behaviour = { kind: drawKind(random, mix), durationMs: Math.ceil(random.exponential(mix.durationMeanMs)) };
  const { kind, durationMs } = behaviour;
  return {
    name,
    needs,
    action: { type: 'run', command: commandOf(behaviour) },
    env: {},
    requires: { cpu: drawCpu(random, mix), memory: 0, labels: [], tools: {}, os: [], arch: [] },
    timeoutMs: kind === 'hang' ? random.int(500, 3000) : kind === 'ok' && random.chance(mix.tightRate) ? Math.max(TIGHT_MIN_MS, durationMs) : 30_000,
    retry: { attempts: kind === 'flaky' ? 3 : random.int(1, 2), backoffMs: 200, factor: 2, jitter: true, capMs: 5000 },
    effectful: random.chance(mix.effectfulRate),
    durationMs: 0,
  };
}

/** Some modules leave one or two outputs, and some of those that need them take them. */
function addFiles(random: Prng, rate: number, modules: ModuleSpec[]): void {
  for (const [index, module] of modules.entries()) {
    const outputs = random.chance(rate) ? ['o', 'p'].slice(0, random.int(1, 2)).map((name) => ({ name, pattern: name })) : [];
    const sources = module.needs.flatMap((need) => (modules[need]!.files?.outputs ?? []).map(({ name }) => ({ need, name })));
    const inputs = sources.filter(() => random.chance(0.7)).map(({ need, name }) => ({ variable: `${name.toUpperCase()}${need}`, module: need, output: name }));
    if (outputs.length + inputs.length > 0) modules[index] = { ...module, files: { inputs, outputs } };
  }
}

/** Mostly one slot; sometimes a part of one, so that more modules than slots run at once, or several. */
function drawCpu(random: Prng, { cpuMax }: PipelineMix): number {
  return random.pick([1, 1, 1, 1, 0.5, Math.min(2, cpuMax), random.int(1, cpuMax)]);
}

function drawKind(random: Prng, mix: PipelineMix): BehaviourKind {
  let draw = random.float();
  for (const [kind, rate] of [['fail', mix.failRate], ['flaky', mix.flakyRate], ['hang', mix.hangRate], ['late', mix.lateRate]] as const) {
    if (draw < rate) return kind;
    draw -= rate;
  }
  return 'ok';
}
