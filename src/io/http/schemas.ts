/**
 * What requests may hold. Strict (unknown keys are errors) and bounded, so that nothing that passes here can be refused
 * by the wire codec or upset the reducer. The types of the core are the measure: a test compares both.
 */
import { z } from 'zod';
import { CHECKPOINT_EVERY_MS_MAX, CHECKPOINT_EVERY_MS_MIN, CID_LENGTH_MAX, FILES_PER_MODULE_MAX, HEDGE_FACTOR_MAX, HEDGE_FACTOR_MIN, LIMITS_PER_MODULE_MAX, MEMORY_BYTES_MAX, NAME_LENGTH_MAX, PARALLEL_MAX, PATTERN_LENGTH_MAX, RETRY_ATTEMPTS_MAX, RETRY_FACTOR_MAX, FOREACH_ITEMS_MAX } from '../../core/cell/limits.ts';
import { PRIORITY_MAX, PRIORITY_MIN } from '../../core/cell/policy.ts';
import { bundleBlobs, filesOfParam } from '../../core/cell/files.ts';
import { topologicalOrder } from '../../core/cell/needs.ts';
import type { Json, RunSpec } from '../../core/cell/types.ts';
import type { Cid } from '../../core/lib/ids.ts';
import { folderFault } from '../../pipeline/check-checkpoint.ts';
import { outputPattern, variablePattern } from '../../pipeline/check-files.ts';
import * as pipeline from '../../pipeline/limits.ts';
import { readCid } from '../../protocol/cid.ts';
import { JSON_DEPTH_MAX } from '../../protocol/limits.ts';
import { PACK_FILES_MAX } from '../blobs/pack.ts';
import { FETCH_WAIT_MS, PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX } from './limits.ts';

// oxlint-disable-next-line no-control-regex -- a control character in a name would garble terminals and logs
const printable = /^[^\u0000-\u001f\u007f]*$/;
const wellFormed = (value: string): boolean => value.isWellFormed();
const name = z.string().min(1).max(pipeline.NAME_LENGTH_MAX).regex(printable, 'no control characters').refine(wellFormed, 'whole characters');
const key = z.string().min(1).max(NAME_LENGTH_MAX).refine(wellFormed, 'whole characters');
const text = (bytesMax: number): z.ZodString => z.string().refine(wellFormed, 'whole characters').refine((value) => Buffer.byteLength(value) <= bytesMax, `at most ${bytesMax} bytes`);

const json = z.custom<Json>((value) => isJson(value, JSON_DEPTH_MAX), `a JSON value nested at most ${JSON_DEPTH_MAX} deep`).meta({ description: 'Any JSON value' });
const env = record(text(pipeline.VALUE_BYTES_MAX), pipeline.ENV_MAX);

const action = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('run'), command: text(pipeline.COMMAND_BYTES_MAX).refine((command) => command.trim() !== '', 'must not be empty') }),
  z.strictObject({ type: z.literal('bundle'), bundle: z.string().regex(/^([0-9a-f]{64}|b[a-z2-7]{10,99})$/, 'the sha256 of a bundle in hex, or the name of its blob'), export: key, sourceName: text(1024) }),
  z.strictObject({ type: z.literal('registered'), function: key }),
]);

const requires = z.strictObject({
  cpu: z.number().min(0).max(pipeline.CPU_MAX),
  memory: z.int().min(0).max(MEMORY_BYTES_MAX),
  labels: z.array(key).max(pipeline.REQUIRES_MAX),
  tools: record(z.string().max(NAME_LENGTH_MAX).refine(wellFormed, 'whole characters'), pipeline.REQUIRES_MAX),
  os: z.array(key).max(pipeline.REQUIRES_MAX),
  arch: z.array(key).max(pipeline.REQUIRES_MAX),
});

const retry = z.strictObject({
  attempts: z.int().min(1).max(pipeline.ATTEMPTS_MAX),
  backoffMs: z.number().min(0).max(pipeline.BACKOFF_MS_MAX),
  factor: z.number().min(1).max(RETRY_FACTOR_MAX),
  jitter: z.boolean(),
  capMs: z.number().min(0).max(pipeline.BACKOFF_MS_MAX),
});

const priority = z.int().min(PRIORITY_MIN).max(PRIORITY_MAX);

const runPolicy = z.strictObject({ priority, parallelMax: z.int().min(0).max(PARALLEL_MAX), barrier: z.enum(['none', 'wave']) });

const modulePolicy = z.strictObject({
  priority: z.union([z.literal(0), priority]),
  limits: z.array(z.strictObject({ key: name, max: z.int().min(1).max(PARALLEL_MAX) })).max(LIMITS_PER_MODULE_MAX),
  hedgeFactor: z.union([z.literal(0), z.number().min(HEDGE_FACTOR_MIN).max(HEDGE_FACTOR_MAX)]),
});

const foreach = z.strictObject({
  source: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('files'), module: z.int().min(0), output: key }),
    z.strictObject({ type: z.literal('value'), module: z.int().min(0), output: key }),
    z.strictObject({ type: z.literal('param'), param: key }),
    z.strictObject({ type: z.literal('list'), values: z.array(json).max(FOREACH_ITEMS_MAX) }),
  ]),
  failFast: z.boolean(),
  parallelMax: z.int().min(0).max(PARALLEL_MAX).meta({ description: '0 = as many as there is room for' }),
});

/** Also a folder in the work folder of the module. */
const variable = key.regex(variablePattern, 'letters, digits and _, not a digit first');

const checkpoint = z.strictObject({
  folder: z.string().min(1).refine((folder) => folderFault(folder) === '', 'a folder below the work folder'),
  everyMs: z.int().min(CHECKPOINT_EVERY_MS_MIN).max(CHECKPOINT_EVERY_MS_MAX),
});

const moduleFiles = z.strictObject({
  inputs: z.array(z.union([z.strictObject({ variable, module: z.int().min(0), output: key }), z.strictObject({ variable, param: key })])).max(FILES_PER_MODULE_MAX),
  outputs: z.array(z.strictObject({ name: key.regex(outputPattern, 'letters, digits, _ and -, not a digit first'), pattern: z.string().min(1).max(PATTERN_LENGTH_MAX).refine(wellFormed, 'whole characters') })).max(FILES_PER_MODULE_MAX),
});

const moduleSpec = z.strictObject({
  name,
  needs: z.array(z.int().min(0)).max(pipeline.PIPELINE_MODULES_MAX),
  action,
  env,
  requires,
  timeoutMs: z.int().min(0).max(pipeline.TIMEOUT_MS_MAX),
  retry,
  effectful: z.boolean(),
  durationMs: z.number().min(0).max(pipeline.TIMEOUT_MS_MAX),
  policy: modulePolicy.exactOptional(),
  files: moduleFiles.exactOptional(),
  cache: z.literal(true).exactOptional(),
  checkpoint: checkpoint.exactOptional(),
  foreach: foreach.exactOptional(),
});

const bundleBlob = z
  .strictObject({ kind: z.literal('file'), cid: z.custom<Cid>((value) => typeof value === 'string' && readCid(value) !== undefined, 'the name of a blob'), name: key, size: z.int().min(0).max(pipeline.BUNDLE_BYTES_MAX), count: z.literal(1) })
  .refine((blob) => filesOfParam({ blob }, 'blob') !== undefined, 'a file with the name of one')
  .meta({ description: 'A bundle that was put as a blob before (POST /api/v1/blobs); it goes by the name of the blob' });

export const runSpecSchema = z
  .strictObject({
    name,
    params: record(json, pipeline.PARAMS_MAX),
    env,
    modules: z.array(moduleSpec).min(1).max(pipeline.PIPELINE_MODULES_MAX),
    bundles: record(z.union([text(pipeline.BUNDLE_IN_LOG_BYTES_MAX), bundleBlob]), pipeline.BUNDLES_MAX),
    policy: runPolicy.exactOptional(),
  })
  .superRefine((spec, context) => {
    for (const problem of graphProblems(spec)) context.addIssue({ code: 'custom', path: [...problem.path], message: problem.message });
  })
  .meta({ id: 'RunSpec', description: 'A compiled run: `skein run` makes it from a pipeline file.' });

export const submitBodySchema = z.union([
  z.strictObject({ spec: runSpecSchema }),
  z.strictObject({
    pipeline: z.string().min(1).max(pipeline.PIPELINE_FILE_BYTES_MAX).meta({ description: 'A pipeline file, YAML or JSON; without `uses: ./file`, since the file is not here' }),
    file: z.string().min(1).max(1024).optional().meta({ description: 'Name of the file, for messages' }),
    params: record(json, pipeline.PARAMS_MAX).optional(),
    priority: priority.optional().meta({ description: 'In place of what the file says' }),
    maxParallel: z.int().min(0).max(PARALLEL_MAX).optional().meta({ description: 'In place of what the file says; 0 = as many as there is room for' }),
  }),
]);

export const reasonBodySchema = z.strictObject({ reason: z.string().max(1024).regex(printable, 'no control characters').optional() }).nullish();

export const rerunBodySchema = z.strictObject({ failedOnly: z.boolean().exactOptional().meta({ description: 'What succeeded is taken over and not executed' }) }).nullish();

export const fetchBodySchema = z.strictObject({ waitMs: z.number().min(0).max(FETCH_WAIT_MS).exactOptional() }).nullish();

export const gcBodySchema = z.strictObject({ dryRun: z.boolean().exactOptional() }).nullish();

export const uploadKeySchema = z.string().regex(/^[A-Za-z0-9_-]{8,64}$/, '8 to 64 letters, digits, - and _');

export const uploadQuerySchema = z
  .strictObject({
    upload: uploadKeySchema.optional().meta({ description: 'A name of your own for this upload: when the connection breaks, GET /api/v1/uploads/NAME says how much has come' }),
    offset: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0).meta({ description: 'Where in the file the body begins: what has come before' }),
  })
  .refine(({ upload, offset }) => upload !== undefined || offset === 0, { path: ['offset'], message: 'only with upload' });

export const readBodySchema = z.strictObject({ cids: z.array(z.string().max(CID_LENGTH_MAX)).min(1).max(PACK_FILES_MAX) });

export const blobsQuerySchema = z.strictObject({ standing: z.enum(['true', 'false']).default('false') });

export const runsQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(PAGE_LIMIT_MAX).default(PAGE_LIMIT_DEFAULT),
  cursor: z.string().min(1).max(NAME_LENGTH_MAX).optional(),
  phase: z.enum(['queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled']).optional(),
  status: z.enum(['pending', 'running', 'completed', 'failed']).optional(),
  consistency: z.enum(['local', 'strong']).optional(),
});
export const runQuerySchema = z.strictObject({ consistency: z.enum(['local', 'strong']).optional() });
export const logQuerySchema = z.strictObject({
  attempt: z.coerce.number().int().min(1).max(RETRY_ATTEMPTS_MAX).optional().meta({ description: 'Only this attempt' }),
  follow: z.enum(['true', 'false']).optional().meta({ description: 'Goes on until the module is final' }),
});
export const logPositionSchema = z.string().regex(/^\d{1,15}\.\d{1,15}$/, 'as the id of an event of this stream');
export const eventsQuerySchema = z.strictObject({ after: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional() });
export const readyQuerySchema = z.looseObject({ verbose: z.string().optional() });
export const sequenceSchema = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
export const requestKeySchema = z.string().regex(/^[A-Za-z0-9._:-]{1,128}$/, '1 to 128 letters, digits and . _ : -');

function record<T extends z.ZodType>(value: T, countMax: number): z.ZodRecord<z.ZodString, T> {
  return z.record(key, value).refine((object) => Object.keys(object).length <= countMax, `at most ${countMax} entries`);
}

/** Iterative, since a body of `[[[[…` must not overflow the stack. */
function isJson(value: unknown, depthMax: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > depthMax) return false;
    const next: unknown[] = [];
    for (const item of level) {
      if (item === undefined || (typeof item === 'number' && !Number.isFinite(item)) || (typeof item === 'string' && !item.isWellFormed())) return false;
      if (typeof item === 'object' && item !== null) for (const child of Object.values(item)) next.push(child);
    }
    level = next;
  }
  return true;
}

interface GraphProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Positions out of range, names used twice, bundles that are not there, cycles. */
function* graphProblems(spec: Pick<RunSpec, 'modules' | 'bundles'>): Generator<GraphProblem> {
  const names = new Map<string, number>();
  let edges = 0;
  let sound = true;
  for (const [name, { cid }] of bundleBlobs(spec.bundles)) if (name !== cid) yield { path: ['bundles', name], message: `goes by another name than its blob, ${cid}` };
  for (const [position, module] of spec.modules.entries()) {
    const earlier = names.get(module.name);
    if (earlier !== undefined) yield { path: ['modules', position, 'name'], message: `module ${earlier} has this name too` };
    names.set(module.name, position);
    if (module.action.type === 'bundle' && !Object.hasOwn(spec.bundles, module.action.bundle)) yield { path: ['modules', position, 'action', 'bundle'], message: 'is not among the bundles' };
    edges += module.needs.length;
    for (const [i, need] of module.needs.entries()) {
      if (need < spec.modules.length && need !== position) continue;
      sound = false;
      yield { path: ['modules', position, 'needs', i], message: need === position ? 'a module cannot need itself' : `there is no module at position ${need}` };
    }
    if (new Set(module.needs).size < module.needs.length) yield { path: ['modules', position, 'needs'], message: 'names a module twice' };
  }
  if (edges > pipeline.PIPELINE_NEEDS_MAX) yield { path: ['modules'], message: `at most ${pipeline.PIPELINE_NEEDS_MAX} needs in all` };
  else if (sound) {
    const ordered = new Set(topologicalOrder(spec.modules));
    const stuck = spec.modules.findIndex((_module, position) => !ordered.has(position));
    if (stuck !== -1) yield { path: ['modules', stuck, 'needs'], message: `module ${JSON.stringify(spec.modules[stuck]?.name)} is part of a cycle, or needs one` };
  }
}
