/** `foreach` in a specification, and what only the whole of it can tell. */
import { filesOf, filesOfParam } from './files.ts';
import type { Json, ModuleSpec, RunSpec } from './types.ts';

export interface ForeachSpec {
  readonly source: ForeachSource;
  /** The first item that fails for good cancels the others. */
  readonly failFast: boolean;
  /** Items claimed at a time; 0 = as many as there is room for. */
  readonly parallelMax: number;
}

/** A `module` is one of `needs`; if it has `foreach` itself, what all its items left counts, in their order. */
export type ForeachSource =
  /** The files of an output. */
  | { readonly type: 'files'; readonly module: number; readonly output: string }
  /** An output value: a list, or text that is the JSON of one. */
  | { readonly type: 'value'; readonly module: number; readonly output: string }
  /** Files that came with the run: a parameter whose value is a FilesRef. */
  | { readonly type: 'param'; readonly param: string }
  | { readonly type: 'list'; readonly values: readonly Json[] };

/** @returns what is wrong between a module with `foreach` and that whose list it goes over, or ''. */
export function foreachProblem({ modules, params }: Pick<RunSpec, 'modules' | 'params'>, { name, needs, foreach, action }: ModuleSpec): string {
  if (foreach === undefined || foreach.source.type === 'list') return '';
  const { source } = foreach;
  if (source.type !== 'value' && action.type === 'registered') return `module ${name}: foreach goes over files, which registered functions do not take`;
  if (source.type === 'param') return filesOfParam(params, source.param) === undefined ? `module ${name}: foreach: parameter ${source.param} is no files` : '';
  const { type, module, output } = source;
  const from = modules[module];
  if (from === undefined || !needs.includes(module)) return `module ${name}: foreach goes over the output of a module that is not among its needs`;
  const isFiles = filesOf(from).outputs.some((declared) => declared.name === output);
  return isFiles === (type === 'files') ? '' : `module ${name}: foreach: output ${output} of module ${from.name} is ${isFiles ? 'files' : 'not files'}`;
}

/** Items are named after their module, `encode[3]`: no other module may have such a name. */
export function itemNameProblem(modules: readonly ModuleSpec[]): string {
  const templates = new Set(modules.flatMap(({ name, foreach }) => (foreach === undefined ? [] : [name])));
  if (templates.size === 0) return '';
  const clash = modules.find(({ name }) => templates.has(/^(.*)\[\d+\]$/s.exec(name)?.[1] ?? ''));
  return clash === undefined ? '' : `module ${clash.name} has the name of an item`;
}
