/** The model as a document of the file format, every default written out; loading it gives the same model again. */
import type { Json } from '../core/cell/types.ts';
import { unreachable } from '../core/lib/assert.ts';
import type { ParamSpec, Pipeline, PipelineAction, PipelineFiles, PipelineForeach, PipelineModule } from './model.ts';

/** A pipeline whose modules are generated must be expanded before. */
export function pipelineToJson({ name, params, env, policy, modules }: Pipeline): Record<string, Json> {
  return {
    name,
    params: Object.fromEntries(Object.entries(params).map(([key, spec]) => [key, paramToJson(spec)])),
    env,
    priority: policy.priority,
    ...(policy.parallelMax === 0 ? {} : { 'max-parallel': policy.parallelMax }),
    barrier: policy.barrier,
    // A list: an object would put modules with numbers for names first.
    modules: modules.map(moduleToJson),
  };
}

function paramToJson(spec: ParamSpec): Json {
  const given = Object.entries(spec).filter(([key, value]) => value !== null && !(key === 'enum' && spec.enum.length === 0));
  return Object.fromEntries(given) as Json;
}

function moduleToJson(module: PipelineModule): Json {
  const { requires, retry, policy, files, action } = module;
  return {
    name: module.name,
    ...actionToJson(module.action),
    needs: module.needs,
    env: module.env,
    requires: { cpu: requires.cpu, memory: `${requires.memory}B`, labels: requires.labels, tools: requires.tools, os: requires.os, arch: requires.arch },
    timeout: `${module.timeoutMs}ms`,
    retry: { attempts: retry.attempts, backoff: `${retry.backoffMs}ms`, factor: retry.factor, jitter: retry.jitter, cap: `${retry.capMs}ms` },
    effectful: module.effectful,
    cache: module.cache,
    ...(module.checkpoint === null ? {} : { checkpoint: `${module.checkpoint.folder} every ${module.checkpoint.everyMs}ms` }),
    duration: `${module.durationMs}ms`,
    ...(policy.priority === 0 ? {} : { priority: policy.priority }),
    limit: policy.limits.map(({ key, max }) => ({ key, max })),
    ...(action.type === 'call' ? {} : filesToJson(files)),
    ...(module.foreach === null ? {} : foreachToJson(module.foreach)),
    hedge: policy.hedgeFactor === 0 ? false : { factor: policy.hedgeFactor },
  };
}

function foreachToJson({ source, failFast, parallelMax }: PipelineForeach): Readonly<Record<string, Json>> {
  const rest = { 'fail-fast': failFast, ...(parallelMax === 0 ? {} : { 'max-parallel': parallelMax }) };
  switch (source.type) {
    case 'list':
      return { foreach: source.values, ...rest };
    case 'expression':
      return { foreach: `\${{ ${source.text} }}`, ...rest };
    case 'need':
      return { foreach: `\${{ needs['${source.module}'].outputs.${source.output} }}`, ...rest };
    default:
      return unreachable(source);
  }
}

function filesToJson({ inputs, outputs }: PipelineFiles): Readonly<Record<string, Json>> {
  return {
    inputs: Object.fromEntries(inputs.map((input) => [input.variable, 'param' in input ? `\${{ params['${input.param}'] }}` : `\${{ needs['${input.module}'].outputs.${input.output} }}`])),
    outputs: Object.fromEntries(outputs.map(({ name, pattern }) => [name, pattern])),
  };
}

function actionToJson(action: PipelineAction): Readonly<Record<string, Json>> {
  switch (action.type) {
    case 'run':
      return { run: action.command };
    case 'uses':
      return { uses: `${action.file}#${action.export}` };
    case 'call':
      return { call: action.function };
    default:
      return unreachable(action);
  }
}
