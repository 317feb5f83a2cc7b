/** Random small pipelines for the workload. */
import type { ForeachSource } from '../src/core/cell/foreach-spec.ts';
import type { ModuleSpec, RunSpec } from '../src/core/cell/types.ts';
import { LIST_VARIABLE, commandOf, type Behaviour, type BehaviourKind } from './behaviour.ts';
import { withBundle } from './bundles.ts';
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
  /** Probability that a module is executed for each item of a list. */
  readonly foreachRate: number;
  /** Probability that a run has functions, whose code comes as a blob. */
  readonly bundleRate: number;
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
  foreachRate: 0.12,
  bundleRate: 0.25,
};

export function drawPipeline(random: Prng, mix: PipelineMix, name: string): RunSpec {
  const modules: ModuleSpec[] = [];
  const count = random.int(1, mix.modulesMax);
  for (let i = 0; i < count; i += 1) {
    const needs = modules.map((_, at) => at).filter(() => random.chance(mix.needRate));
    modules.push(drawModule(random, mix, `m${i}`, needs));
  }
  if (mix.fileRate > 0) addFiles(random.fork('files'), mix.fileRate, modules);
  if (mix.foreachRate > 0) addForeach(random.fork('foreach'), mix.foreachRate, modules);
  const spec: RunSpec = { name, params: {}, env: {}, modules, bundles: {} };
  const bundled = random.fork('bundles');
  return bundled.chance(mix.bundleRate) ? withBundle(bundled, spec) : spec;
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

/** Of literal lists, of values and of files, also of what the items of another one left. */
function addForeach(random: Prng, rate: number, modules: ModuleSpec[]): void {
  for (const [index, module] of modules.entries()) {
    if (!random.chance(rate)) continue;
    const source = random.pick([literalList(random), ...module.needs.flatMap((need) => listsOf(modules[need]!, need))]);
    if (source.type === 'value' && source.output === 'list') tellList(random, modules, source.module);
    modules[index] = { ...module, foreach: { source, failFast: random.chance(0.7), parallelMax: random.chance(0.3) ? random.int(1, 3) : 0 } };
  }
}

function literalList(random: Prng): ForeachSource {
  return { type: 'list', values: Array.from({ length: drawCount(random) }, (_, at) => (at % 2 === 0 ? at : `value ${at}`)) };
}

/** What all items of a need put out is a list by itself. */
function listsOf({ foreach, files }: ModuleSpec, module: number): ForeachSource[] {
  const outputs = files?.outputs ?? [];
  return [{ type: 'value', module, output: foreach === undefined ? 'list' : 'sum' }, ...outputs.map(({ name }): ForeachSource => ({ type: 'files', module, output: name }))];
}

/** Now and then the need does not put out what was promised. */
function tellList(random: Prng, modules: ModuleSpec[], need: number): void {
  const module = modules[need]!;
  if (module.env[LIST_VARIABLE] !== undefined || random.chance(0.03)) return;
  modules[need] = { ...module, env: { ...module.env, [LIST_VARIABLE]: `${drawCount(random)}${random.chance(0.3) ? ' text' : ''}` } };
}

function drawCount(random: Prng): number {
  return random.chance(0.1) ? random.int(6, 20) : random.int(0, 5);
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
