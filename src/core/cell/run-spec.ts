/**
 * The reducer's own check of a spec. src/pipeline has checked it before with better messages; this one keeps the state
 * sound whatever a peer proposes: in range, bounded, acyclic, and nothing in it that would change on the wire.
 */
import type { ErrorCode } from '../../errors.ts';
import { jsonProblem, jsonText } from '../lib/json-text.ts';
import {
  COMMAND_LENGTH_MAX,
  CPU_PER_MODULE_MAX,
  DURATION_MS_MAX,
  ENTRIES_PER_RECORD_MAX,
  ENV_VALUE_LENGTH_MAX,
  HEDGE_FACTOR_MAX,
  HEDGE_FACTOR_MIN,
  LIMITS_PER_MODULE_MAX,
  MEMORY_BYTES_MAX,
  MODULES_PER_RUN_MAX,
  NAME_LENGTH_MAX,
  NEEDS_PER_MODULE_MAX,
  NEEDS_PER_RUN_MAX,
  PARALLEL_MAX,
  RETRY_ATTEMPTS_MAX,
  RETRY_FACTOR_MAX,
  SPEC_TEXT_LENGTH_MAX,
} from './limits.ts';
import { PRIORITY_MAX, PRIORITY_MIN } from './policy.ts';
import type { ModuleAction, ModuleSpec, Requires, RetrySpec, RunPolicy, RunSpec } from './types.ts';

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
      this.whole(max, 1, PARALLEL_MAX, `limit ${key} of ${what}`);
    }
    if (limits.length > 1 && new Set(limits.map(({ key }) => key)).size !== limits.length) throw new Problem('PIPELINE_INVALID', `${what} names a limit twice`);
    if (hedgeFactor === 0) return;
    this.range(hedgeFactor, HEDGE_FACTOR_MIN, HEDGE_FACTOR_MAX, `hedge.factor of ${what}`);
    if (effectful) throw new Problem('PIPELINE_INVALID', `${what} is effectful: it cannot be hedged`);
    if (limits.length > 0) throw new Problem('PIPELINE_INVALID', `${what} has a mutex or a limit: it cannot be hedged`);
  }

  module(module: ModuleSpec, modules: number): void {
    this.name(module.name, 'the name of a module');
    const what = `module ${module.name}`;
    this.needs += module.needs.length;
    if (module.needs.length > NEEDS_PER_MODULE_MAX || this.needs > NEEDS_PER_RUN_MAX) {
      throw new Problem('LIMIT_EXCEEDED', `${what}: more than ${NEEDS_PER_MODULE_MAX} needs, or ${NEEDS_PER_RUN_MAX} in the run`);
    }
    for (const need of module.needs) {
      if (!Number.isInteger(need) || need < 0 || need >= modules) throw new Problem('PIPELINE_INVALID', `${what} needs module number ${need}, which does not exist`);
    }
    if (module.needs.length > 1 && new Set(module.needs).size !== module.needs.length) throw new Problem('PIPELINE_INVALID', `${what} names a need twice`);
    this.action(module.action, what);
    this.record(module.env, ENV_VALUE_LENGTH_MAX, `env of ${what}`);
    this.requires(module.requires, what);
    this.range(module.timeoutMs, 0, DURATION_MS_MAX, `timeout of ${what}`);
    this.range(module.durationMs, 0, DURATION_MS_MAX, `duration of ${what}`);
    this.retry(module.retry, what);
    this.modulePolicy(module, what);
  }
}

/** Modules in an order in which every need comes before what needs it; shorter than the list if there is a cycle. */
export function topologicalOrder(modules: readonly { readonly needs: readonly number[] }[]): Int32Array {
  const { childStart, childList } = childrenOf(modules);
  const missing = Int32Array.from(modules, (module) => module.needs.length);
  const order = new Int32Array(modules.length);
  let end = 0;
  for (let i = 0; i < modules.length; i++) if (missing[i] === 0) order[end++] = i;
  for (let next = 0; next < end; next++) {
    const at = order[next]!;
    for (let c = childStart[at]!; c < childStart[at + 1]!; c++) if (--missing[childList[c]!]! === 0) order[end++] = childList[c]!;
  }
  return order.subarray(0, end);
}

/** Children as two flat arrays: those of module i are `childList[childStart[i]]` to before `childStart[i + 1]`, rising. */
export function childrenOf(modules: readonly { readonly needs: readonly number[] }[]): { childStart: Int32Array; childList: Int32Array } {
  const childStart = new Int32Array(modules.length + 1);
  for (const { needs } of modules) for (const need of needs) childStart[need + 1]!++;
  for (let i = 0; i < modules.length; i++) childStart[i + 1]! += childStart[i]!;
  const cursor = childStart.slice();
  const childList = new Int32Array(childStart[modules.length]!);
  for (let i = 0; i < modules.length; i++) for (const need of modules[i]!.needs) childList[cursor[need]!++] = i;
  return { childStart, childList };
}

function checkAll(spec: RunSpec): void {
  const check = new SpecCheck();
  check.name(spec.name, 'the name of the pipeline');
  if (spec.modules.length === 0) throw new Problem('PIPELINE_INVALID', 'the run has no modules');
  if (spec.modules.length > MODULES_PER_RUN_MAX) throw new Problem('LIMIT_EXCEEDED', `the run has ${spec.modules.length} modules, at most ${MODULES_PER_RUN_MAX} are allowed`);
  const problem = jsonProblem(spec.params);
  if (problem !== undefined) throw new Problem('PARAM_INVALID', `params: ${problem}`);
  check.text(jsonText(spec.params), SPEC_TEXT_LENGTH_MAX, 'params');
  check.record(spec.env, ENV_VALUE_LENGTH_MAX, 'env');
  check.record(spec.bundles, SPEC_TEXT_LENGTH_MAX, 'bundles');
  if (spec.policy !== undefined) check.runPolicy(spec.policy);
  const names = new Set<string>();
  for (const module of spec.modules) {
    check.module(module, spec.modules.length);
    if (names.has(module.name)) throw new Problem('PIPELINE_INVALID', `two modules are named ${module.name}`);
    names.add(module.name);
  }
  if (topologicalOrder(spec.modules).length !== spec.modules.length) throw new Problem('PIPELINE_INVALID', 'the needs form a cycle');
}

/** @returns why this spec cannot become a run, or undefined. */
export function specProblem(spec: RunSpec): SpecProblem | undefined {
  try {
    checkAll(spec);
    return undefined;
  } catch (error) {
    if (error instanceof Problem) return { code: error.code, message: error.message };
    throw error;
  }
}
