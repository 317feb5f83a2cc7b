/**
 * Wire form of what a run is made of. A run of 10,000 equal modules must not repeat what they share: everything but
 * name and needs is interned in a table of templates.
 */
import type { ForeachSource, ForeachSpec } from '../core/cell/foreach-spec.ts';
import type { Capabilities, CheckpointSpec, FilesRef, InputSpec, Json, Limit, LogRef, ModuleAction, ModuleError, ModuleFiles, ModulePolicy, ModuleSpec, Outcome, OutputSpec, Requires, RetrySpec, RunPolicy, RunSpec } from '../core/cell/types.ts';
import { DIGEST_BYTES, FOREACH_ITEMS_MAX } from '../core/cell/limits.ts';
import { bundleBlobs, submittedFiles } from '../core/cell/files.ts';
import { jsonText } from '../core/lib/json-text.ts';
import { drained, type Slice } from '../core/lib/slice.ts';
import type { Cid } from '../core/lib/ids.ts';
import { readCid } from './cid.ts';
import { MODULES_MAX, TEXT_LENGTH_MAX, VALUE_BYTES_MAX } from './limits.ts';
import { flat, invalid, type Reader } from './reader.ts';
import { SlicedReader } from './sliced-reader.ts';
import { SlicedWriter } from './sliced-writer.ts';

type Template = Omit<ModuleSpec, 'name' | 'needs'>;

const barriers = ['none', 'wave'] as const;
const foreachSources = ['files', 'value', 'param', 'list'] as const;

const encodedSpecs = new WeakMap<RunSpec, Uint8Array>();

/** Steps (`Slice`) for the wire form of a module. */
const MODULE_STEPS = 40;

/**
 * Encoded once per spec object. Equal specifications have equal bytes, in whatever order their records are: replicas keep
 * these of finished runs, and one that was restored from a snapshot has its records in another order than one that was not.
 */
export function encodeSpec(spec: RunSpec): Uint8Array {
  return encodedSpecs.get(spec) ?? drained((slice) => encodeSpecInSlices(spec, slice));
}

export function* encodeSpecInSlices(spec: RunSpec, slice: Slice): Generator<undefined, Uint8Array> {
  const known = encodedSpecs.get(spec);
  if (known !== undefined) return known;
  const templates = new Map<string, number>();
  const table: unknown[] = [];
  const numbers = new Int32Array(spec.modules.length);
  for (const [index, module] of spec.modules.entries()) {
    const fields = templateFields(module);
    // The wire sorts the keys of what a list holds.
    const key = module.foreach?.source.type === 'list' ? jsonText(fields) : JSON.stringify(fields);
    let number = templates.get(key);
    if (number === undefined) {
      number = table.length;
      templates.set(key, number);
      table.push(fields);
    }
    numbers[index] = number;
    if (slice.spent(MODULE_STEPS)) yield undefined;
  }
  const writer = new SlicedWriter();
  writer.list(8);
  for (const field of [spec.name, flat(spec.params), flat(spec.env), flat(textsOf(spec.bundles)), flat(Object.fromEntries(bundleBlobs(spec.bundles)), filesRefFields)]) writer.value(field);
  yield* writer.items(table.length, (i) => table[i], 1, slice);
  yield* writer.items(spec.modules.length, (i) => [spec.modules[i]!.name, spec.modules[i]!.needs, numbers[i]], 1, slice);
  writer.value(runPolicyFields(spec.policy));
  const bytes = yield* writer.bytes(slice);
  encodedSpecs.set(spec, bytes);
  return bytes;
}

/** Bundles that lie in the log. */
function textsOf(bundles: RunSpec['bundles']): Record<string, string> {
  return Object.fromEntries(Object.entries(bundles).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

function templateFields(module: Template): unknown[] {
  const { action, env, requires, timeoutMs, retry, effectful, durationMs, policy, files, cache, checkpoint, foreach } = module;
  return [actionFields(action), flat(env), requiresFields(requires), timeoutMs, retryFields(retry), effectful, durationMs, modulePolicyFields(policy), moduleFilesFields(files), cache === true, checkpoint === undefined ? null : [checkpoint.folder, checkpoint.everyMs], foreachFields(foreach)];
}

function runPolicyFields(policy: RunPolicy | undefined): unknown {
  return policy === undefined ? null : [policy.priority, policy.parallelMax, barriers.indexOf(policy.barrier)];
}

function modulePolicyFields(policy: ModulePolicy | undefined): unknown {
  return policy === undefined ? null : [policy.priority, policy.limits.map(({ key, max }) => [key, max]), policy.hedgeFactor];
}

function moduleFilesFields(files: ModuleFiles | undefined): unknown {
  return files === undefined ? null : [files.inputs.map(inputFields), files.outputs.map(({ name, pattern }) => [name, pattern])];
}

function inputFields(input: InputSpec): unknown[] {
  return 'param' in input ? [input.variable, input.param] : [input.variable, input.module, input.output];
}

function foreachFields(foreach: ForeachSpec | undefined): unknown {
  if (foreach === undefined) return null;
  const { source, failFast, parallelMax } = foreach;
  const head = [foreachSources.indexOf(source.type), failFast, parallelMax];
  if (source.type === 'list') return [...head, source.values];
  return source.type === 'param' ? [...head, source.param] : [...head, source.module, source.output];
}

function actionFields(action: ModuleAction): unknown[] {
  switch (action.type) {
    case 'run':
      return [0, action.command];
    case 'bundle':
      return [1, action.bundle, action.export, action.sourceName];
    case 'registered':
      return [2, action.function];
  }
}

function requiresFields(requires: Requires): unknown[] {
  return [requires.cpu, requires.memory, requires.labels, flat(requires.tools), requires.os, requires.arch];
}

function retryFields(retry: RetrySpec): unknown[] {
  return [retry.attempts, retry.backoffMs, retry.factor, retry.jitter, retry.capMs];
}

/** @throws SkeinError FRAME_INVALID */
export function decodeSpec(bytes: Uint8Array): RunSpec {
  return drained((slice) => decodeSpecInSlices(bytes, slice));
}

/** @throws SkeinError FRAME_INVALID, in any slice. */
export function* decodeSpecInSlices(bytes: Uint8Array, slice: Slice): Generator<undefined, RunSpec> {
  const reader = new SlicedReader(bytes);
  const head = reader.fields(5);
  const name = head.string();
  const params = head.record((field) => field.json());
  const env = head.record((field) => field.string(VALUE_BYTES_MAX));
  const texts = head.record((field) => field.string(4 * VALUE_BYTES_MAX), 1024);
  const blobs = head.record((field) => readFilesRef(field.sub()), 1024);
  const templates = yield* reader.list(readTemplate, MODULES_MAX, slice);
  const modules = yield* reader.list((fields) => readModule(fields, templates), MODULES_MAX, slice);
  const policy = reader.fields(1).maybe(readRunPolicy);
  reader.end();
  const spec: RunSpec = { name, params, env, bundles: { ...texts, ...blobs }, modules, ...(policy === null ? {} : { policy }) };
  // The reducer sees to the rest of a FilesRef; what a name is, it does not know.
  for (const { cid } of submittedFiles(params).values()) if (readCid(cid) === undefined) throw invalid(`${JSON.stringify(cid)} is not the name of a blob`);
  encodedSpecs.set(spec, bytes);
  return spec;
}

function readModule(fields: Reader, templates: readonly Template[]): ModuleSpec {
  const name = fields.string();
  const needs = fields.ints(MODULES_MAX);
  const template = templates[fields.int()];
  fields.end();
  if (template === undefined) throw invalid(`module ${name} names a template that is not there`);
  return { name, needs, ...template };
}

function readTemplate(reader: Reader): Template {
  const template = {
    action: readAction(reader.sub()),
    env: reader.record((field) => field.string(VALUE_BYTES_MAX)),
    requires: readRequires(reader.sub()),
    timeoutMs: reader.int(),
    retry: readRetry(reader.sub()),
    effectful: reader.boolean(),
    durationMs: reader.number(),
  };
  const policy = reader.maybe(readModulePolicy);
  const files = reader.maybe(readModuleFiles);
  const cache = reader.boolean();
  const checkpoint = reader.maybe(readCheckpoint);
  const foreach = reader.maybe(readForeach);
  reader.end();
  if (policy === null && files === null && foreach === null && !cache && checkpoint === null) return template;
  return { ...template, ...(policy === null ? {} : { policy }), ...(files === null ? {} : { files }), ...(cache ? { cache } : {}), ...(checkpoint === null ? {} : { checkpoint }), ...(foreach === null ? {} : { foreach }) };
}

function readForeach(reader: Reader): ForeachSpec {
  const type = reader.oneOf(foreachSources);
  const failFast = reader.boolean();
  const parallelMax = reader.int();
  const source = readForeachSource(type, reader);
  reader.end();
  return { source, failFast, parallelMax };
}

function readForeachSource(type: ForeachSource['type'], reader: Reader): ForeachSource {
  if (type === 'list') return { type, values: readItems(reader) };
  return type === 'param' ? { type, param: reader.string() } : { type, module: reader.int(), output: reader.string() };
}

function readItems(reader: Reader): readonly Json[] {
  const values = reader.json();
  if (!Array.isArray(values)) throw invalid('a foreach over something that is no list');
  return values as readonly Json[];
}

function readModuleFiles(reader: Reader): ModuleFiles {
  const inputs = reader.list((input): InputSpec => {
    const variable = input.string();
    const spec: InputSpec = input.remaining === 1 ? { variable, param: input.string() } : { variable, module: input.int(), output: input.string() };
    input.end();
    return spec;
  });
  const outputs = reader.list((output): OutputSpec => {
    const spec: OutputSpec = { name: output.string(), pattern: output.text() };
    output.end();
    return spec;
  });
  reader.end();
  return { inputs, outputs };
}

function readCheckpoint(reader: Reader): CheckpointSpec {
  const spec: CheckpointSpec = { folder: reader.text(), everyMs: reader.number() };
  reader.end();
  return spec;
}

function readRunPolicy(reader: Reader): RunPolicy {
  const policy: RunPolicy = { priority: reader.int(), parallelMax: reader.int(), barrier: reader.oneOf(barriers) };
  reader.end();
  return policy;
}

function readModulePolicy(reader: Reader): ModulePolicy {
  const policy: ModulePolicy = { priority: reader.int(), limits: reader.list(readLimit), hedgeFactor: reader.number() };
  reader.end();
  return policy;
}

function readLimit(reader: Reader): Limit {
  const limit: Limit = { key: reader.string(), max: reader.int() };
  reader.end();
  return limit;
}

function readAction(reader: Reader): ModuleAction {
  const type = reader.oneOf(['run', 'bundle', 'registered']);
  switch (type) {
    case 'run':
      return { type, command: reader.string(VALUE_BYTES_MAX) };
    case 'bundle':
      return { type, bundle: reader.string(), export: reader.string(), sourceName: reader.text() };
    case 'registered':
      return { type, function: reader.string() };
  }
}

function readRequires(reader: Reader): Requires {
  return {
    cpu: reader.number(),
    memory: reader.int(),
    labels: reader.strings(),
    tools: reader.record((field) => field.string()),
    os: reader.strings(),
    arch: reader.strings(),
  };
}

function readRetry(reader: Reader): RetrySpec {
  return { attempts: reader.int(), backoffMs: reader.number(), factor: reader.number(), jitter: reader.boolean(), capMs: reader.number() };
}

export function capabilityFields(capabilities: Capabilities): unknown[] {
  const { os, arch, slots, memory, gpus, tools, labels, functions } = capabilities;
  return [os, arch, slots, memory, gpus, flat(tools), flat(labels), functions];
}

export function readCapabilities(reader: Reader): Capabilities {
  return {
    os: reader.string(),
    arch: reader.string(),
    slots: reader.int(),
    memory: reader.int(),
    gpus: reader.strings(),
    tools: reader.record((field) => field.string()),
    labels: reader.record((field) => field.string()),
    functions: reader.strings(),
  };
}

/** Most results of small modules are `ok` and nothing else: they take eight bytes or so. */
export function outcomeFields(outcome: Outcome): unknown[] {
  const { ok, values, error, exitCode, tail, startedAt, durationMs, files, log, digests } = outcome;
  const hasValues = Object.keys(values).length > 0;
  const fields = [ok, startedAt, durationMs, tail, exitCode, hasValues ? flat(values) : null, error === null ? null : [error.code, error.message]];
  const last = digests !== undefined ? 3 : log !== undefined ? 2 : files !== undefined ? 1 : 0;
  if (last >= 1) fields.push(files === undefined ? null : flat(files, filesRefFields));
  if (last >= 2) fields.push(log === undefined ? null : [log.cid, log.size, log.cut, log.cutAt]);
  if (last >= 3) fields.push(flat(digests!));
  return fields;
}

export function readOutcome(reader: Reader): Outcome {
  const outcome: Outcome = {
    ok: reader.boolean(),
    startedAt: reader.number(),
    durationMs: reader.number(),
    tail: reader.string(VALUE_BYTES_MAX),
    exitCode: reader.intOrNull(),
    values: reader.maybe(readValues) ?? {},
    error: reader.maybe(readError),
  };
  if (reader.remaining === 0) return outcome;
  const files = reader.maybe(readFilesRefs);
  const log = reader.remaining === 0 ? null : reader.maybe(readLogRef);
  const digests = reader.remaining === 0 ? undefined : reader.record((list) => list.bytes(DIGEST_BYTES * FOREACH_ITEMS_MAX));
  reader.end();
  return { ...outcome, ...(files === null ? {} : { files }), ...(log === null ? {} : { log }), ...(digests === undefined ? {} : { digests }) };
}

function readFilesRefs(reader: Reader): Record<string, FilesRef> {
  const entries: Array<[string, FilesRef]> = [];
  while (reader.remaining > 0) entries.push([reader.string(), readFilesRef(reader.sub())]);
  return Object.fromEntries(entries);
}

function readLogRef(reader: Reader): LogRef {
  const log: LogRef = { cid: readName(reader), size: reader.int(), cut: reader.int(), cutAt: reader.int() };
  reader.end();
  return log;
}

const filesKinds = ['file', 'program', 'tree'] as const;

export function filesRefFields({ kind, cid, name, size, count }: FilesRef): unknown[] {
  return [filesKinds.indexOf(kind), cid, name, size, count];
}

export function readFilesRef(reader: Reader): FilesRef {
  const ref: FilesRef = { kind: reader.oneOf(filesKinds), cid: readName(reader), name: reader.string(), size: reader.int(), count: reader.int() };
  reader.end();
  return ref;
}

function readName(reader: Reader): Cid {
  const text = reader.string();
  const read = readCid(text);
  if (read === undefined) throw invalid(`${JSON.stringify(text)} is not the name of a blob`);
  return read.cid;
}

function readValues(reader: Reader): Record<string, Json> {
  const entries: Array<[string, Json]> = [];
  while (reader.remaining > 0) entries.push([reader.string(), reader.json()]);
  return Object.fromEntries(entries);
}

function readError(reader: Reader): ModuleError {
  return { code: reader.string(), message: reader.string(TEXT_LENGTH_MAX * 4) };
}
