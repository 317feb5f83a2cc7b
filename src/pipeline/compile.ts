/** From a checked pipeline and parameters to the run that a node accepts. */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { ForeachSource } from '../core/cell/foreach-spec.ts';
import type { Json, ModuleAction, ModuleSpec, RunSpec } from '../core/cell/types.ts';
import { unreachable } from '../core/lib/assert.ts';
import { SkeinError } from '../errors.ts';
import { bundleWithin, type Bundle } from './bundle.ts';
import { FOREACH_ITEMS_MAX } from '../core/cell/limits.ts';
import { fileParam } from './check-foreach.ts';
import { evaluateOverParams } from './expressions.ts';
import { isFileType } from './param-files.ts';
import { BUNDLES_MAX } from './limits.ts';
import { expandPipeline } from './load.ts';
import type { Params, Pipeline, PipelineInput, PipelineModule } from './model.ts';
import { resolveParams } from './params.ts';
import { putBundles, type PutBundle } from './submit-bundles.ts';
import { putFiles, wantedFiles, type FileOptions } from './submit-files.ts';
import { modulePolicyField, runPolicyField } from './policy.ts';
import { didYouMean, NOWHERE, Problems, quote, type ProblemDetail } from './problems.ts';
import { compileCommand } from './references.ts';
import { suggest } from './suggest.ts';

/**
 * Fills in the parameters, bundles the source files of `uses` (one bundle a file, whoever uses it) and turns
 * expressions in commands into variables. The result is plain data.
 *
 * @param given as for `resolveParams`; what that returned may be given again.
 * @param files where the files of parameters, and bundles over 32 KiB, are put; a run without them needs none.
 * @throws SkeinError PARAM_INVALID; BLOB_… of what is put; PIPELINE_INVALID when a file or an export is missing; BUNDLE_FAILED, also
 * for a large bundle when there is nowhere to put it; REQUEST_TOO_LARGE, naming the module, when its bundle is over 64 MiB.
 */
export async function compileRun(pipeline: Pipeline, given: Readonly<Record<string, Json>> = {}, files: FileOptions = {}): Promise<RunSpec> {
  const resolved = resolveParams(pipeline, given);
  const wanted = await wantedFiles(pipeline, resolved, given, files);
  // What can be told without the files comes before they are sent.
  const early = pipeline.generate === undefined ? await bundleFiles(pipeline) : undefined;
  const params = { ...resolved, ...(await putFiles(wanted, files.place)) };
  const expanded = await expandPipeline(pipeline, params);
  const bundles = await putBundles(early ?? (await bundleFiles(expanded)), files.place);
  const positions = new Map(expanded.modules.map(({ name }, position) => [name, position]));
  return {
    name: expanded.name,
    params,
    env: expanded.env,
    modules: expanded.modules.map((module) => ({ ...compileModule(module, params, positions, bundles), ...foreachField(module, expanded, positions, params) })),
    bundles: Object.fromEntries(Array.from(bundles.values(), ({ name, carried }) => [name, carried])),
    ...runPolicyField(expanded.policy),
  };
}

function compileModule(module: PipelineModule, params: RunSpec['params'], positions: ReadonlyMap<string, number>, bundles: ReadonlyMap<string, PutBundle>): ModuleSpec {
  const { action, env } = compileAction(module, bundles);
  const { name, requires, timeoutMs, retry, effectful, durationMs, policy, files, cache, checkpoint } = module;
  const needs = module.needs.map((need) => positions.get(need)).filter((position) => position !== undefined);
  const isAbsent = (input: PipelineInput): boolean => 'param' in input && params[input.param] === null;
  // Files that were not given are an empty variable, as other parameters are empty text.
  const absent = Object.fromEntries(files.inputs.filter(isAbsent).map(({ variable }) => [variable, '']));
  return { name, needs, action, env: { ...module.env, ...absent, ...env }, requires, timeoutMs, retry, effectful, durationMs, ...modulePolicyField(policy), ...filesField({ inputs: files.inputs.filter((input) => !isAbsent(input)), outputs: files.outputs }, positions), ...(cache ? { cache } : {}), ...(checkpoint === null ? {} : { checkpoint }) };
}

/** Absent for a module without files. */
function filesField({ inputs, outputs }: PipelineModule['files'], positions: ReadonlyMap<string, number>): Pick<ModuleSpec, 'files'> {
  if (inputs.length === 0 && outputs.length === 0) return {};
  return { files: { inputs: inputs.map((input) => ('param' in input ? input : { ...input, module: positions.get(input.module)! })), outputs } };
}

/** Absent for a module that is executed once. */
function foreachField({ name, foreach }: PipelineModule, { modules, params: specs }: Pipeline, positions: ReadonlyMap<string, number>, params: Params): Pick<ModuleSpec, 'foreach'> {
  if (foreach === null) return {};
  const { failFast, parallelMax, source } = foreach;
  if (source.type === 'list') return { foreach: { source, failFast, parallelMax } };
  if (source.type === 'expression') return { foreach: { source: sourceOfParams(name, source.text, specs, params), failFast, parallelMax } };
  const { output } = source;
  const module = positions.get(source.module)!;
  const isFiles = modules[module]!.files.outputs.some((declared) => declared.name === output);
  return { foreach: { source: { type: isFiles ? 'files' : 'value', module, output }, failFast, parallelMax } };
}

/** Files that were not given are a list without items. */
function sourceOfParams(module: string, text: string, specs: Pipeline['params'], params: Params): ForeachSource {
  const param = fileParam(text);
  if (param === undefined || !isFileType(specs[param]!.type)) return { type: 'list', values: listOfParams(module, text, params) };
  return params[param] === null ? { type: 'list', values: [] } : { type: 'param', param };
}

function listOfParams(module: string, text: string, params: Params): readonly Json[] {
  const what = `module ${quote(module)}: \`foreach\`: ${quote(`\${{ ${text} }}`)}`;
  let value: Json;
  try {
    value = evaluateOverParams(text, params);
  } catch (error) {
    throw new SkeinError('PARAM_INVALID', `${what}: ${error instanceof Error ? error.message : String(error)}`, {}, { cause: error });
  }
  // Text is read as JSON, as that of an output is.
  if (typeof value === 'string') return listOfParams(module, `fromJSON(${text})`, params);
  if (!Array.isArray(value)) throw new SkeinError('PARAM_INVALID', `${what} is not a list`);
  if (value.length > FOREACH_ITEMS_MAX) throw new SkeinError('PARAM_INVALID', `${what} has ${value.length} items, at most ${FOREACH_ITEMS_MAX} are allowed`);
  return value as readonly Json[];
}

function compileAction({ action }: PipelineModule, bundles: ReadonlyMap<string, PutBundle>): { action: ModuleAction; env: Readonly<Record<string, string>> } {
  switch (action.type) {
    case 'run': {
      const { command, env } = compileCommand(action.command);
      return { action: { type: 'run', command }, env };
    }
    case 'call':
      return { action: { type: 'registered', function: action.function }, env: {} };
    case 'uses': {
      const bundle = bundles.get(action.file)?.name ?? '';
      return { action: { type: 'bundle', bundle, export: action.export, sourceName: action.file }, env: {} };
    }
    default:
      return unreachable(action);
  }
}

/** Bundles by path as written. */
async function bundleFiles({ modules, origin }: Pipeline): Promise<Map<string, Bundle>> {
  const bundles = new Map<string, Bundle>();
  const byFile = new Map<string, Bundle>();
  const missing = new Set<string>();
  const problems = new Problems(origin.file, origin.text);
  for (const { name, action } of modules) {
    if (action.type !== 'uses') continue;
    const report = (message: string, detail: ProblemDetail): void => problems.add(origin.actionSpans.get(name) ?? NOWHERE, `module ${quote(name)}: ${message}`, detail);
    const file = path.resolve(origin.directory ?? '', action.file);
    let bundle = byFile.get(file);
    if (bundle === undefined) {
      if (missing.has(file)) continue;
      if (!(await isFile(file))) {
        missing.add(file);
        report(`there is no file ${quote(action.file)}`, { hint: await nearFile(file, action.file) });
        continue;
      }
      bundle = await bundleWithin(file, name, action.file);
      byFile.set(file, bundle);
    }
    bundles.set(action.file, bundle);
    if (bundle.exports.includes(action.export)) continue;
    report(`${quote(action.file)} does not export ${quote(action.export)}`, {
      allowed: bundle.exports.length === 0 ? 'nothing is exported' : bundle.exports.join(', '),
      hint: didYouMean(suggest(action.export, bundle.exports)),
    });
  }
  problems.throwIfAny();
  if (byFile.size > BUNDLES_MAX) throw new SkeinError('REQUEST_TOO_LARGE', `this run uses ${byFile.size} source files; at most ${BUNDLES_MAX} travel with a run`, { files: byFile.size, filesMax: BUNDLES_MAX });
  return bundles;
}

function isFile(file: string): Promise<boolean> {
  return stat(file).then(
    (found) => found.isFile(),
    () => false,
  );
}

async function nearFile(file: string, written: string): Promise<string | undefined> {
  const names = await readdir(path.dirname(file)).catch(() => [] as string[]);
  const near = suggest(path.basename(file), names.filter((name) => /\.[cm]?[jt]s$/.test(name)));
  return near === undefined ? undefined : didYouMean(`${written.slice(0, written.lastIndexOf('/') + 1)}${near}`);
}
