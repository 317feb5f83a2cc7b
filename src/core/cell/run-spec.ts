/**
 * The reducer's own check of a spec. src/pipeline has checked it before with better messages; this one keeps the state
 * sound whatever a peer proposes: in range, bounded, acyclic, and nothing in it that would change on the wire.
 */
import type { ErrorCode } from '../../errors.ts';
import { bundleBlob, inputsProblem } from './files.ts';
import { foreachProblem, itemNameProblem } from './foreach-spec.ts';
import { isOwnKey } from './foreach.ts';
import { jsonProblem, jsonText } from '../lib/json-text.ts';
import { drained, type Slice } from '../lib/slice.ts';
import {
  CHECKPOINT_EVERY_MS_MAX,
  CHECKPOINT_EVERY_MS_MIN,
  COMMAND_LENGTH_MAX,
  CPU_PER_MODULE_MAX,
  DURATION_MS_MAX,
  ENTRIES_PER_RECORD_MAX,
  ENV_VALUE_LENGTH_MAX,
  FILES_PER_MODULE_MAX,
  FOREACH_ITEMS_MAX,
  HEDGE_FACTOR_MAX,
  HEDGE_FACTOR_MIN,
  LIMITS_PER_MODULE_MAX,
  MEMORY_BYTES_MAX,
  MODULES_PER_RUN_MAX,
  NAME_LENGTH_MAX,
  NEEDS_PER_MODULE_MAX,
  NEEDS_PER_RUN_MAX,
  PARALLEL_MAX,
  PATTERN_LENGTH_MAX,
  RETRY_ATTEMPTS_MAX,
  RETRY_FACTOR_MAX,
  SPEC_TEXT_LENGTH_MAX,
} from './limits.ts';
import { childrenInSlices, orderInSlices, type Children } from './needs.ts';
import { PRIORITY_MAX, PRIORITY_MIN } from './policy.ts';
import type { ForeachSpec } from './foreach-spec.ts';
import type { CheckpointSpec, ModuleAction, ModuleFiles, ModuleSpec, Requires, RetrySpec, RunPolicy, RunSpec } from './types.ts';

/** Steps (`Slice`) for the check of a module, and characters of its text that cost one more. */
const MODULE_STEPS = 50;
const TEXT_PER_STEP = 64;

export interface SpecProblem {
  readonly code: ErrorCode;
  readonly message: string;
}

class Problem extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Counts the text seen, so that the sum has a limit too. */
class SpecCheck {
  textLength = 0;
  needs = 0;
  readonly #modules: number;
  /** Per module: one more than the last one that was seen to need it. */
  readonly #neededBy: Int32Array;

  constructor(modules: number) {
    this.#modules = modules;
    this.#neededBy = new Int32Array(Math.min(modules, MODULES_PER_RUN_MAX));
  }

  text(value: string, lengthMax: number, what: string): void {
    if (value.length > lengthMax) throw new Problem('REQUEST_TOO_LARGE', `${what} has ${value.length} characters, at most ${lengthMax} are allowed`);
    if (!value.isWellFormed()) throw new Problem('PIPELINE_INVALID', `${what} holds half of a surrogate pair`);
    this.textLength += value.length;
    if (this.textLength > SPEC_TEXT_LENGTH_MAX) {
      throw new Problem('REQUEST_TOO_LARGE', `the run has more than ${SPEC_TEXT_LENGTH_MAX} characters of text`);
    }
  }

  name(value: string, what: string): void {
    if (value === '') throw new Problem('PIPELINE_INVALID', `${what} is empty`);
    this.text(value, NAME_LENGTH_MAX, what);
  }

  range(value: number, min: number, max: number, what: string): void {
    // Also refuses NaN.
    if (!(value >= min && value <= max)) throw new Problem('PIPELINE_INVALID', `${what} is ${value}, allowed are ${min} to ${max}`);
  }

  names(values: readonly string[], what: string): void {
    if (values.length > ENTRIES_PER_RECORD_MAX) throw new Problem('LIMIT_EXCEEDED', `${what} has more than ${ENTRIES_PER_RECORD_MAX} entries`);
    for (const value of values) this.name(value, what);
  }

  record(values: Readonly<Record<string, string>>, lengthMax: number, what: string): void {
    const keys = Object.keys(values);
    if (keys.length > ENTRIES_PER_RECORD_MAX) throw new Problem('LIMIT_EXCEEDED', `${what} has more than ${ENTRIES_PER_RECORD_MAX} entries`);
    for (const key of keys) {
      this.name(key, `a name in ${what}`);
      this.text(values[key]!, lengthMax, `${what} ${key}`);
    }
  }

  /** A blob goes by its own name: whoever has a bundle of that name in memory has these bytes. */
  bundles(bundles: RunSpec['bundles']): void {
    const names = Object.keys(bundles);
    if (names.length > ENTRIES_PER_RECORD_MAX) throw new Problem('LIMIT_EXCEEDED', `the run has more than ${ENTRIES_PER_RECORD_MAX} bundles`);
    for (const name of names) {
      this.name(name, 'the name of a bundle');
      const bundle = bundles[name]!;
      if (typeof bundle === 'string') {
        this.text(bundle, SPEC_TEXT_LENGTH_MAX, `bundle ${name}`);
        continue;
      }
      const blob = bundleBlob(bundles, name);
      if (blob === undefined || blob.kind !== 'file' || blob.count !== 1 || blob.cid !== name) throw new Problem('PIPELINE_INVALID', `bundle ${name} is neither a text nor the blob of that name`);
    }
  }

  action(action: ModuleAction, what: string): void {
    switch (action.type) {
      case 'run':
        return this.text(action.command, COMMAND_LENGTH_MAX, `the command of ${what}`);
      case 'bundle':
        this.name(action.bundle, `the bundle of ${what}`);
        this.name(action.export, `the export of ${what}`);
        return this.text(action.sourceName, ENV_VALUE_LENGTH_MAX, `the source name of ${what}`);
      case 'registered':
        return this.name(action.function, `the function of ${what}`);
      default:
        throw new Problem('PIPELINE_INVALID', `${what} has an unknown kind of action`);
    }
  }

  requires(requires: Requires, what: string): void {
    this.range(requires.cpu, 0, CPU_PER_MODULE_MAX, `requires.cpu of ${what}`);
    this.range(requires.memory, 0, MEMORY_BYTES_MAX, `requires.memory of ${what}`);
    if (!Number.isInteger(requires.memory)) throw new Problem('PIPELINE_INVALID', `requires.memory of ${what} is not whole bytes`);
    this.names(requires.labels, `requires.labels of ${what}`);
    this.names(requires.os, `requires.os of ${what}`);
    this.names(requires.arch, `requires.arch of ${what}`);
    this.record(requires.tools, NAME_LENGTH_MAX, `requires.tools of ${what}`);
  }

  retry(retry: RetrySpec, what: string): void {
    this.range(retry.attempts, 1, RETRY_ATTEMPTS_MAX, `retry.attempts of ${what}`);
    if (!Number.isInteger(retry.attempts)) throw new Problem('PIPELINE_INVALID', `retry.attempts of ${what} is not a whole number`);
    this.range(retry.backoffMs, 0, DURATION_MS_MAX, `retry.backoff of ${what}`);
    this.range(retry.factor, 1, RETRY_FACTOR_MAX, `retry.factor of ${what}`);
    this.range(retry.capMs, 0, DURATION_MS_MAX, `retry.cap of ${what}`);
  }

  whole(value: number, min: number, max: number, what: string): void {
    this.range(value, min, max, what);
    if (!Number.isInteger(value)) throw new Problem('PIPELINE_INVALID', `${what} is not a whole number`);
  }

  runPolicy({ priority, parallelMax, barrier }: RunPolicy): void {
    this.whole(priority, PRIORITY_MIN, PRIORITY_MAX, 'priority');
    this.whole(parallelMax, 0, PARALLEL_MAX, 'max-parallel');
    if (barrier !== 'none' && barrier !== 'wave') throw new Problem('PIPELINE_INVALID', 'barrier is neither none nor wave');
  }

  modulePolicy({ policy, effectful }: ModuleSpec, what: string): void {
    if (policy === undefined) return;
    const { priority, limits, hedgeFactor } = policy;
    if (priority !== 0) this.whole(priority, PRIORITY_MIN, PRIORITY_MAX, `priority of ${what}`);
    if (limits.length > LIMITS_PER_MODULE_MAX) throw new Problem('LIMIT_EXCEEDED', `${what} has more than ${LIMITS_PER_MODULE_MAX} limits`);
    for (const { key, max } of limits) {
      this.name(key, `the key of a limit of ${what}`);
      if (isOwnKey(key)) throw new Problem('PIPELINE_INVALID', `the key of a limit of ${what} begins with a control character`);
      this.whole(max, 1, PARALLEL_MAX, `limit ${key} of ${what}`);
    }
    if (limits.length > 1 && new Set(limits.map(({ key }) => key)).size !== limits.length) throw new Problem('PIPELINE_INVALID', `${what} names a limit twice`);
    if (hedgeFactor === 0) return;
    this.range(hedgeFactor, HEDGE_FACTOR_MIN, HEDGE_FACTOR_MAX, `hedge.factor of ${what}`);
    if (effectful) throw new Problem('PIPELINE_INVALID', `${what} is effectful: it cannot be hedged`);
    if (limits.length > 0) throw new Problem('PIPELINE_INVALID', `${what} has a mutex or a limit: it cannot be hedged`);
  }

  *needsOf({ name, needs }: ModuleSpec, index: number, slice: Slice): Generator<undefined, void> {
    this.needs += needs.length;
    if (needs.length > NEEDS_PER_MODULE_MAX || this.needs > NEEDS_PER_RUN_MAX) {
      throw new Problem('LIMIT_EXCEEDED', `module ${name}: more than ${NEEDS_PER_MODULE_MAX} needs, or ${NEEDS_PER_RUN_MAX} in the run`);
    }
    let twice = false;
    for (const need of needs) {
      if (!Number.isInteger(need) || need < 0 || need >= this.#modules) throw new Problem('PIPELINE_INVALID', `module ${name} needs module number ${need}, which does not exist`);
      twice ||= this.#neededBy[need] === index + 1;
      this.#neededBy[need] = index + 1;
      if (slice.spent(1)) yield undefined;
    }
    if (twice) throw new Problem('PIPELINE_INVALID', `module ${name} names a need twice`);
  }

  /** All but its name and needs. */
  module(module: ModuleSpec): void {
    const what = `module ${module.name}`;
    this.action(module.action, what);
    this.record(module.env, ENV_VALUE_LENGTH_MAX, `env of ${what}`);
    this.requires(module.requires, what);
    this.range(module.timeoutMs, 0, DURATION_MS_MAX, `timeout of ${what}`);
    this.range(module.durationMs, 0, DURATION_MS_MAX, `duration of ${what}`);
    this.retry(module.retry, what);
    this.modulePolicy(module, what);
    if (module.cache === true && module.effectful) throw new Problem('PIPELINE_INVALID', `${what} is effectful: a result cannot stand for its execution`);
    if (module.cache === true && module.action.type === 'registered') throw new Problem('PIPELINE_INVALID', `${what} cannot be cached: nobody knows the code of a registered function`);
    if (module.checkpoint !== undefined) this.checkpoint(module.checkpoint, module.action, what);
    if (module.files !== undefined) this.files(module.files, module.action, what);
    if (module.foreach !== undefined) this.foreach(module.foreach, what);
  }

  foreach({ source, parallelMax }: ForeachSpec, what: string): void {
    this.whole(parallelMax, 0, PARALLEL_MAX, `max-parallel of ${what}`);
    if (source.type !== 'list') return this.name(source.type === 'param' ? source.param : source.output, `the list that foreach of ${what} names`);
    if (source.values.length > FOREACH_ITEMS_MAX) throw new Problem('LIMIT_EXCEEDED', `foreach of ${what} has ${source.values.length} items, at most ${FOREACH_ITEMS_MAX} are allowed`);
    const problem = jsonProblem(source.values);
    if (problem !== undefined) throw new Problem('PIPELINE_INVALID', `foreach of ${what}: ${problem}`);
    this.text(jsonText(source.values), SPEC_TEXT_LENGTH_MAX, `foreach of ${what}`);
  }

  checkpoint({ folder, everyMs }: CheckpointSpec, { type }: ModuleAction, what: string): void {
    if (type === 'registered') throw new Problem('PIPELINE_INVALID', `${what} has a checkpoint, which a registered function has not`);
    this.text(folder, PATTERN_LENGTH_MAX, `the checkpoint folder of ${what}`);
    if (folder === '' || folder.split('/').some((part) => part === '' || part === '.' || part === '..') || /[\\\0]/.test(folder)) throw new Problem('PIPELINE_INVALID', `${what}: ${JSON.stringify(folder)} is no folder below the work folder`);
    this.whole(everyMs, CHECKPOINT_EVERY_MS_MIN, CHECKPOINT_EVERY_MS_MAX, `the pause between checkpoints of ${what}`);
  }

  files({ inputs, outputs }: ModuleFiles, { type }: ModuleAction, what: string): void {
    if (type === 'registered') throw new Problem('PIPELINE_INVALID', `${what} has files, which registered functions cannot have`);
    if (inputs.length > FILES_PER_MODULE_MAX || outputs.length > FILES_PER_MODULE_MAX) throw new Problem('LIMIT_EXCEEDED', `${what} has more than ${FILES_PER_MODULE_MAX} inputs or outputs`);
    for (const input of inputs) {
      const { variable } = input;
      this.name(variable, `the variable of an input of ${what}`);
      // It is also the name of a folder.
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable)) throw new Problem('PIPELINE_INVALID', `${what}: ${variable} cannot name the variable of an input`);
      if ('param' in input) this.name(input.param, `the parameter that an input of ${what} names`);
      else this.name(input.output, `the output that an input of ${what} names`);
    }
    for (const { name, pattern } of outputs) {
      this.name(name, `the name of an output of ${what}`);
      this.text(pattern, PATTERN_LENGTH_MAX, `the pattern of output ${name} of ${what}`);
    }
    const names = [...inputs.map(({ variable }) => `input ${variable}`), ...outputs.map(({ name }) => `output ${name}`)];
    if (new Set(names).size !== names.length) throw new Problem('PIPELINE_INVALID', `${what} names an input or an output twice`);
  }
}

function* checkAll(spec: RunSpec, slice: Slice): Generator<undefined, Children> {
  const check = new SpecCheck(spec.modules.length);
  check.name(spec.name, 'the name of the pipeline');
  if (spec.modules.length === 0) throw new Problem('PIPELINE_INVALID', 'the run has no modules');
  if (spec.modules.length > MODULES_PER_RUN_MAX) throw new Problem('LIMIT_EXCEEDED', `the run has ${spec.modules.length} modules, at most ${MODULES_PER_RUN_MAX} are allowed`);
  const problem = jsonProblem(spec.params);
  if (problem !== undefined) throw new Problem('PARAM_INVALID', `params: ${problem}`);
  check.text(jsonText(spec.params), SPEC_TEXT_LENGTH_MAX, 'params');
  check.record(spec.env, ENV_VALUE_LENGTH_MAX, 'env');
  check.bundles(spec.bundles);
  if (spec.policy !== undefined) check.runPolicy(spec.policy);
  const names = new Set<string>();
  for (const [index, module] of spec.modules.entries()) {
    check.name(module.name, 'the name of a module');
    yield* check.needsOf(module, index, slice);
    const before = check.textLength;
    check.module(module);
    const wrong = inputsProblem(spec, module) || foreachProblem(spec, module);
    if (wrong !== '') throw new Problem('PIPELINE_INVALID', wrong);
    if (names.has(module.name)) throw new Problem('PIPELINE_INVALID', `two modules are named ${module.name}`);
    names.add(module.name);
    if (slice.spent(MODULE_STEPS + (check.textLength - before) / TEXT_PER_STEP)) yield undefined;
  }
  const clash = itemNameProblem(spec.modules);
  if (clash !== '') throw new Problem('PIPELINE_INVALID', clash);
  const children = yield* childrenInSlices(spec.modules, slice);
  const order = yield* orderInSlices(spec.modules, slice, children);
  if (order.length !== spec.modules.length) throw new Problem('PIPELINE_INVALID', 'the needs form a cycle');
  return children;
}

/** @returns why this spec cannot become a run, or undefined. */
export function specProblem(spec: RunSpec): SpecProblem | undefined {
  const checked = drained((slice) => checkInSlices(spec, slice));
  return 'code' in checked ? checked : undefined;
}

/** @returns who needs whom, which the check finds out anyway, or why this spec cannot become a run. */
export function* checkInSlices(spec: RunSpec, slice: Slice): Generator<undefined, SpecProblem | Children> {
  try {
    return yield* checkAll(spec, slice);
  } catch (error) {
    if (error instanceof Problem) return { code: error.code, message: error.message };
    throw error;
  }
}
