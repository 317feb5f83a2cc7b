/**
 * The format as a JSON Schema, for completion and checks in editors. It says what a schema can say about each value;
 * what needs the whole file (needs, cycles, expressions) is the loader's. Built from the same words and bounds.
 */
import { z } from 'zod';
import { FILES_PER_MODULE_MAX, FOREACH_ITEMS_MAX, HEDGE_FACTOR_MAX, HEDGE_FACTOR_MIN, LIMITS_PER_MODULE_MAX, PARALLEL_MAX, PATTERN_LENGTH_MAX } from '../core/cell/limits.ts';
import { PRIORITY_MAX, PRIORITY_MIN } from '../core/cell/policy.ts';
import { archNames, barrierWords, osNames, paramTypes } from './keys.ts';
import { ATTEMPTS_MAX, COMMAND_BYTES_MAX, CPU_MAX, CPU_MIN, ENV_WRITTEN_MAX, NAME_LENGTH_MAX, REQUIRES_MAX, VALUE_BYTES_MAX } from './limits.ts';

const durationPattern = /^\d{1,15}(\.\d{1,9})? ?(ms|s|m|h|d)$/;
const sizePattern = /^\d{1,15}(\.\d{1,9})? ?(B|[KMGT]B|[KMGT]iB)$/;

const duration = z.string().regex(durationPattern).meta({ description: 'A duration: 500ms, 10s, 5m, 2h, 7d' });
const size = z.string().regex(sizePattern).meta({ description: 'A size: 512MiB, 2GiB' });
const strings = z.union([z.string(), z.array(z.string()).max(REQUIRES_MAX)]);
const envValue = z.union([z.string().max(VALUE_BYTES_MAX), z.number(), z.boolean(), z.null()]);
const env = z
  .record(z.string().regex(/^(?!SKEIN_)[A-Za-z_][A-Za-z0-9_]*$/), envValue)
  .meta({ description: 'Environment variables; values may hold ${{ … }}', maxProperties: ENV_WRITTEN_MAX });

const paramValue = z.union([z.string(), z.number(), z.boolean()]);
const param = z.strictObject({
  type: z.enum(paramTypes).optional().meta({ description: 'Type of the value; string if left out. file, files: of whoever submits, for inputs' }),
  description: z.string().optional(),
  required: z.boolean().optional().meta({ description: 'A run without it is refused; true unless there is a default' }),
  default: paramValue.optional().meta({ description: 'For files a path or a pattern, relative to this file' }),
  min: z.number().optional().meta({ description: 'Smallest number allowed' }),
  max: z.number().optional().meta({ description: 'Largest number allowed' }),
  enum: z.array(paramValue).min(1).optional().meta({ description: 'The only values allowed' }),
});

const requires = z.strictObject({
  cpu: z.number().min(CPU_MIN).max(CPU_MAX).optional().meta({ description: 'Cpu slots reserved; 1 if left out' }),
  memory: size.optional().meta({ description: 'Memory reserved, such as 2GiB' }),
  labels: strings.optional().meta({ description: 'Labels of the node: key, or key=value' }),
  tools: z
    .union([strings, z.record(z.string(), z.union([z.string(), z.number(), z.null()]))])
    .optional()
    .meta({ description: 'Tool → version range such as ">=6"; a list of names for any version' }),
  os: z.union([z.enum(osNames), z.array(z.enum(osNames))]).optional(),
  arch: z.union([z.enum(archNames), z.array(z.enum(archNames))]).optional(),
});

const retry = z.union([
  z.int().min(1).max(ATTEMPTS_MAX),
  z.strictObject({
    attempts: z.int().min(1).max(ATTEMPTS_MAX).optional().meta({ description: 'Executions in all, the first one included' }),
    backoff: duration.optional().meta({ description: 'Wait before the second attempt; 5s if left out' }),
    factor: z.number().min(1).max(100).optional().meta({ description: 'Each further wait is this many times longer; 2 if left out' }),
    jitter: z.boolean().optional().meta({ description: 'Spread each wait; true if left out' }),
    cap: duration.optional().meta({ description: 'Longest wait; 5m if left out' }),
  }),
]);

const needs = z.union([z.string(), z.array(z.string())]);

const priority = z.int().min(PRIORITY_MIN).max(PRIORITY_MAX);
const key = z.string().min(1).max(NAME_LENGTH_MAX);
const mutex = z.union([key, z.array(key).max(LIMITS_PER_MODULE_MAX)]);
const oneLimit = z.strictObject({ key: key.meta({ description: 'Name that all runs of the cluster share' }), max: z.int().min(1).max(PARALLEL_MAX).meta({ description: 'Modules with this key at a time' }) });
const limit = z.union([oneLimit, z.array(oneLimit).max(LIMITS_PER_MODULE_MAX)]);
const hedge = z.union([
  z.boolean(),
  z.strictObject({ factor: z.number().min(HEDGE_FACTOR_MIN).max(HEDGE_FACTOR_MAX).optional().meta({ description: 'Times the predicted duration; 2 if left out' }) }),
]);

const moduleFields = {
  name: z.string().min(1).max(NAME_LENGTH_MAX).optional().meta({ description: 'Needed in a list of modules; in a map the key is the name' }),
  run: z.string().min(1).max(COMMAND_BYTES_MAX).optional().meta({ description: 'Shell command; ${{ … }} becomes a variable' }),
  uses: z
    .string()
    .regex(/^(\.\.?\/|fn:)/)
    .optional()
    .meta({ description: './file.ts#function, or fn:NAME for a registered function' }),
  call: z.string().min(1).max(NAME_LENGTH_MAX).optional().meta({ description: 'A function registered by the program that embeds the nodes' }),
  needs: needs.optional().meta({ description: 'Modules that must succeed before' }),
  dependsOn: needs.optional().meta({ description: 'Same as needs' }),
  requires: requires.optional().meta({ description: 'What a node must have to execute this module' }),
  timeout: z.union([duration, z.literal(0)]).optional().meta({ description: 'Longest execution, 0 = none; 30m if left out' }),
  'timeout-minutes': z.number().min(0).optional(),
  retry: retry.optional().meta({ description: 'Attempts, or attempts with waits' }),
  effectful: z.boolean().optional().meta({ description: 'Touches the world outside: never executed by two nodes at once' }),
  checkpoint: z.string().min(1).max(PATTERN_LENGTH_MAX + 32).optional().meta({ description: 'FOLDER [every DURATION]: kept while the module is executed, and given to its next execution; 30s if left out' }),
  cache: z.boolean().optional().meta({ description: 'A result of the same work, in whatever run, stands for its execution' }),
  env: env.optional(),
  duration: duration.optional().meta({ description: 'Estimate for the planner' }),
  priority: priority.optional().meta({ description: '1 to 10, 10 first; that of the pipeline if left out' }),
  mutex: mutex.optional().meta({ description: 'Names of which one module at a time holds each, over all runs of the cluster' }),
  limit: limit.optional().meta({ description: 'So many modules with this key at a time, over all runs of the cluster' }),
  inputs: z
    .record(z.string().regex(/^(?!SKEIN_)[A-Za-z_][A-Za-z0-9_]*$/), z.string().regex(/^\s*\$\{\{.*\}\}\s*$/))
    .optional()
    .meta({ description: 'Variable → ${{ needs.MODULE.outputs.NAME }} or ${{ params.NAME }}: files put into place before the command starts', maxProperties: FILES_PER_MODULE_MAX }),
  outputs: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_-]*$/), z.string().min(1).max(PATTERN_LENGTH_MAX))
    .optional()
    .meta({ description: 'Name → path or pattern below the work folder: files that the command leaves', maxProperties: FILES_PER_MODULE_MAX }),
  foreach: z
    .union([z.string().regex(/^\s*\$\{\{.*\}\}\s*$/), z.array(z.json()).max(FOREACH_ITEMS_MAX)])
    .optional()
    .meta({ description: 'Once for each item: ${{ needs.MODULE.outputs.NAME }} (files or a list), ${{ fromJSON(params.NAME) }}, or a list' }),
  'fail-fast': z.boolean().optional().meta({ description: 'The first item that fails for good cancels the others; true if left out' }),
  'max-parallel': z.int().min(1).max(PARALLEL_MAX).optional().meta({ description: 'Items of foreach at a time; as many as there is room for if left out' }),
  hedge: hedge.optional().meta({ description: 'A second copy on an idle node when an execution takes far longer than predicted' }),
};

const module = z.strictObject(moduleFields).refine(hasOneAction, 'one of run, uses and call').meta({ id: 'module', oneOf: [{ required: ['run'] }, { required: ['uses'] }, { required: ['call'] }] });
const modules = z.union([z.record(z.string().min(1).max(NAME_LENGTH_MAX), module).meta({ minProperties: 1 }), z.array(module).min(1)]).meta({ description: 'Modules by name, or a list of modules with names' });

const pipeline = z
  .strictObject({
    $schema: z.string().optional(),
    name: z.string().min(1).max(NAME_LENGTH_MAX).optional().meta({ description: 'Name of the pipeline; the name of the file if left out' }),
    params: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_-]*$/), param).optional().meta({ description: 'Typed inputs of a run' }),
    env: env.optional(),
    priority: priority.optional().meta({ description: '1 to 10, 10 first; 5 if left out' }),
    'max-parallel': z.int().min(1).max(PARALLEL_MAX).optional().meta({ description: 'Modules of a run at a time; as many as there is room for if left out' }),
    barrier: z.enum(barrierWords).optional().meta({ description: 'wave: modules of a wave start when all earlier waves have ended; none if left out' }),
    modules: modules.optional(),
    jobs: modules.optional().meta({ description: 'Same as modules' }),
  })
  .refine((value) => (value.modules === undefined) !== (value.jobs === undefined), 'one of modules and jobs')
  .meta({ title: 'Skein pipeline', oneOf: [{ required: ['modules'] }, { required: ['jobs'] }] });

function hasOneAction(value: { readonly run?: unknown; readonly uses?: unknown; readonly call?: unknown }): boolean {
  return [value.run, value.uses, value.call].filter((action) => action !== undefined).length === 1;
}

/** JSON Schema draft 7, which editors understand best. */
export function pipelineSchema(): Record<string, unknown> {
  return z.toJSONSchema(pipeline, { target: 'draft-7' });
}
