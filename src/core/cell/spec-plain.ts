/** The plain form of a spec: positional, so that its hash and its bytes do not depend on the order of keys. */
import { jsonText } from '../lib/json-text.ts';
import { PlainReader, damaged, type Plain } from '../lib/plain.ts';
import type { Slice } from '../lib/slice.ts';
import { moduleFilesPlain, readModuleFiles } from './files.ts';
import { summaryModule } from './run-record.ts';
import type { ForeachSource, ForeachSpec } from './foreach-spec.ts';
import type { CheckpointSpec, Limit, ModuleAction, ModulePolicy, ModuleSpec, Requires, RetrySpec, RunPolicy, RunSpec, Json } from './types.ts';

function recordText(record: Readonly<Record<string, unknown>>): string {
  for (const _key in record) return jsonText(record);
  return '';
}

/** Steps (`Slice`) for the plain form of a module. */
const MODULE_STEPS = 20;

/** @param summary the spec of a finished run, of which only names, needs and parameters are left. */
export function* specPlain(spec: RunSpec, summary: boolean, slice: Slice): Generator<undefined, Plain> {
  const modules: Plain[] = [];
  for (const module of spec.modules) {
    modules.push(summary ? [module.name, module.needs] : modulePlain(module));
    if (slice.spent(MODULE_STEPS)) yield undefined;
  }
  return [spec.name, recordText(spec.params), recordText(spec.env), recordText(spec.bundles), modules, runPolicyPlain(spec.policy)];
}

function runPolicyPlain(policy: RunPolicy | undefined): Plain {
  return policy === undefined ? null : [policy.priority, policy.parallelMax, policy.barrier];
}

function modulePolicyPlain(policy: ModulePolicy | undefined): Plain {
  return policy === undefined ? null : [policy.priority, policy.limits.map(({ key, max }) => [key, max]), policy.hedgeFactor];
}

function modulePlain(module: ModuleSpec): Plain {
  const { requires, retry } = module;
  return [
    module.name,
    module.needs,
    actionPlain(module.action),
    recordText(module.env),
    [requires.cpu, requires.memory, requires.labels, recordText(requires.tools), requires.os, requires.arch],
    module.timeoutMs,
    [retry.attempts, retry.backoffMs, retry.factor, retry.jitter, retry.capMs],
    module.effectful,
    module.durationMs,
    modulePolicyPlain(module.policy),
    moduleFilesPlain(module.files),
    module.cache === true,
    module.checkpoint === undefined ? null : [module.checkpoint.folder, module.checkpoint.everyMs],
    foreachPlain(module.foreach),
  ];
}

function foreachPlain(foreach: ForeachSpec | undefined): Plain {
  if (foreach === undefined) return null;
  const { source, failFast, parallelMax } = foreach;
  const list = source.type === 'list' ? [jsonText(source.values)] : source.type === 'param' ? [source.param] : [source.module, source.output];
  return [source.type, failFast, parallelMax, ...list];
}

function readForeach(plain: readonly Plain[] | null): ForeachSpec | undefined {
  if (plain === null) return undefined;
  const reader = new PlainReader(plain, 'foreach');
  const type = reader.text();
  const failFast = reader.flag();
  const parallelMax = reader.number();
  const source = readForeachSource(type, reader);
  reader.end();
  return { source, failFast, parallelMax };
}

function readForeachSource(type: string, reader: PlainReader): ForeachSource {
  if (type === 'files' || type === 'value') return { type, module: reader.count(), output: reader.text() };
  if (type === 'param') return { type, param: reader.text() };
  const values = type === 'list' ? reader.json() : undefined;
  if (!Array.isArray(values)) throw damaged(`foreach over ${type}`);
  return { type: 'list', values: values as readonly Json[] };
}

function actionPlain(action: ModuleAction): Plain {
  switch (action.type) {
    case 'run':
      return ['run', action.command];
    case 'bundle':
      return ['bundle', action.bundle, action.export, action.sourceName];
    default:
      return ['registered', action.function];
  }
}

/** @throws SkeinError LOG_DAMAGED. The values are still to be checked with `specProblem`. */
export function readSpec(plain: Plain, summary: boolean): RunSpec {
  const reader = new PlainReader(plain, 'spec');
  const name = reader.text();
  const params = readRecord(reader) as RunSpec['params'];
  const env = readRecord(reader) as RunSpec['env'];
  const bundles = readRecord(reader) as RunSpec['bundles'];
  const modules = reader.list().map((item) => readModule(new PlainReader(item, 'module spec'), summary));
  const policy = readRunPolicy(reader.listOrNull());
  reader.end();
  return { name, params, env, bundles, modules, ...(policy === undefined ? {} : { policy }) };
}

function readRecord(reader: PlainReader): Readonly<Record<string, unknown>> {
  const text = reader.text();
  if (text === '') return {};
  const value = new PlainReader([text], 'record').json();
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw damaged('a record of the spec is none');
  return value as Record<string, unknown>;
}

function readModule(reader: PlainReader, summary: boolean): ModuleSpec {
  const name = reader.text();
  const needs = numbers(reader.list());
  if (summary) {
    reader.end();
    return summaryModule(name, needs);
  }
  const action = readAction(new PlainReader(reader.list(), 'action'));
  const env = readRecord(reader) as ModuleSpec['env'];
  const requires = readRequires(new PlainReader(reader.list(), 'requires'));
  const timeoutMs = reader.number();
  const retry = readRetry(new PlainReader(reader.list(), 'retry'));
  const effectful = reader.flag();
  const durationMs = reader.number();
  const policy = readModulePolicy(reader.listOrNull());
  const files = readModuleFiles(reader.listOrNull());
  const cache = reader.flag();
  const checkpoint = readCheckpoint(reader.listOrNull());
  const foreach = readForeach(reader.listOrNull());
  reader.end();
  return { name, needs, action, env, requires, timeoutMs, retry, effectful, durationMs, ...(policy === undefined ? {} : { policy }), ...(files === undefined ? {} : { files }), ...(cache ? { cache } : {}), ...(checkpoint === undefined ? {} : { checkpoint }), ...(foreach === undefined ? {} : { foreach }) };
}

function readCheckpoint(plain: readonly Plain[] | null): CheckpointSpec | undefined {
  if (plain === null) return undefined;
  const reader = new PlainReader(plain, 'checkpoint');
  const spec: CheckpointSpec = { folder: reader.text(), everyMs: reader.number() };
  reader.end();
  return spec;
}

function readRunPolicy(plain: readonly Plain[] | null): RunPolicy | undefined {
  if (plain === null) return undefined;
  const reader = new PlainReader(plain, 'run policy');
  const priority = reader.number();
  const parallelMax = reader.number();
  const barrier = reader.text();
  reader.end();
  if (barrier !== 'none' && barrier !== 'wave') throw damaged(`barrier ${barrier}`);
  return { priority, parallelMax, barrier };
}

function readModulePolicy(plain: readonly Plain[] | null): ModulePolicy | undefined {
  if (plain === null) return undefined;
  const reader = new PlainReader(plain, 'module policy');
  const policy: ModulePolicy = { priority: reader.number(), limits: reader.list().map(readLimit), hedgeFactor: reader.number() };
  reader.end();
  return policy;
}

function readLimit(plain: Plain): Limit {
  const reader = new PlainReader(plain, 'limit');
  const limit: Limit = { key: reader.text(), max: reader.number() };
  reader.end();
  return limit;
}

function readAction(reader: PlainReader): ModuleAction {
  const type = reader.text();
  const action = actionOf(type, reader);
  reader.end();
  return action;
}

function actionOf(type: string, reader: PlainReader): ModuleAction {
  switch (type) {
    case 'run':
      return { type, command: reader.text() };
    case 'bundle':
      return { type, bundle: reader.text(), export: reader.text(), sourceName: reader.text() };
    case 'registered':
      return { type, function: reader.text() };
    default:
      throw damaged(`action ${type}`);
  }
}

function readRequires(reader: PlainReader): Requires {
  const cpu = reader.number();
  const memory = reader.number();
  const labels = texts(reader.list());
  const tools = readRecord(reader) as Requires['tools'];
  const requires = { cpu, memory, labels, tools, os: texts(reader.list()), arch: texts(reader.list()) };
  reader.end();
  return requires;
}

function readRetry(reader: PlainReader): RetrySpec {
  const retry = { attempts: reader.number(), backoffMs: reader.number(), factor: reader.number(), jitter: reader.flag(), capMs: reader.number() };
  reader.end();
  return retry;
}

export function texts(list: readonly Plain[]): string[] {
  return list.map((item) => {
    if (typeof item !== 'string') throw damaged('a list of the spec holds something else than text');
    return item;
  });
}

function numbers(list: readonly Plain[]): number[] {
  return list.map((item) => {
    if (typeof item !== 'number') throw damaged('needs are not numbers');
    return item;
  });
}
