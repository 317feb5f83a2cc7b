/** Reads `foreach`, `fail-fast` and `max-parallel` of a module: a list in the file, one made of parameters, or what a needed module left. */
import { FunctionCall } from '@actions/expressions/ast';
import { FOREACH_ITEMS_MAX, PARALLEL_MAX } from '../core/cell/limits.ts';
import type { Json } from '../core/cell/types.ts';
import { ExpressionProblem, hasExpression, isPlainReference, parseExpression, parseTemplate, referencesOf } from './expression-syntax.ts';
import { describe, isReserved, type Fields } from './fields.ts';
import type { InputNode } from './input.ts';
import type { Pipeline, PipelineForeach, PipelineModule } from './model.ts';
import { isFileType } from './param-files.ts';
import { didYouMean, quote, type Problems, type Span } from './problems.ts';
import { suggest } from './suggest.ts';

const FORM = '${{ needs.MODULE.outputs.NAME }}, ${{ params.NAME }}, ${{ fromJSON(params.NAME) }}, or a list';

export interface ForeachDraft {
  readonly foreach: PipelineForeach;
  readonly span: Span;
}

export function checkForeach(fields: Fields, problems: Problems): ForeachDraft | undefined {
  const node = fields.get('foreach');
  const failFast = fields.flag('fail-fast') ?? true;
  const parallelMax = fields.integer('max-parallel', { min: 1, max: PARALLEL_MAX }) ?? 0;
  if (node === undefined) {
    if (fields.get('fail-fast') !== undefined) problems.add(fields.keySpan('fail-fast'), `${fields.label('fail-fast')} belongs to \`foreach\`, which this module does not have`);
    if (fields.get('max-parallel') !== undefined) {
      problems.add(fields.keySpan('max-parallel'), `${fields.label('max-parallel')} belongs to \`foreach\`, which this module does not have`, { hint: 'for all modules of a run it belongs to the pipeline; for some use `limit: { key: NAME, max: N }`' });
    }
    return undefined;
  }
  const source = node.kind === 'list' ? listSource(node.items, fields, node, problems) : textSource(node, (says, hint) => {
    problems.add(node.span, `${fields.label('foreach')} ${says}`, { found: describe(node), allowed: FORM, hint });
    return undefined;
  });
  return source === undefined ? undefined : { foreach: { source, failFast, parallelMax }, span: node.span };
}

function listSource(items: readonly InputNode[], fields: Fields, node: InputNode, problems: Problems): PipelineForeach['source'] | undefined {
  if (items.length > FOREACH_ITEMS_MAX) return fields.wrong(node, 'foreach', `has ${items.length} items`, { allowed: `at most ${FOREACH_ITEMS_MAX}` });
  const before = problems.count;
  const values = items.map((item) => jsonOf(item, fields, problems));
  return problems.count > before ? undefined : { type: 'list', values };
}

function jsonOf(node: InputNode, fields: Fields, problems: Problems): Json {
  switch (node.kind) {
    case 'scalar':
      if (typeof node.value === 'string' && hasExpression(node.value)) {
        problems.add(node.span, `${fields.label('foreach')}: an item of a list cannot hold an expression`, { found: describe(node), hint: 'make the whole list of parameters: ${{ fromJSON(params.NAME) }}' });
      }
      return node.value;
    case 'list':
      return node.items.map((item) => jsonOf(item, fields, problems));
    case 'map': {
      const reserved = node.entries.find(({ key }) => isReserved(key));
      if (reserved !== undefined) problems.add(reserved.keySpan, `${fields.label('foreach')}: ${quote(reserved.key)} cannot name a field`);
      return Object.fromEntries(node.entries.map(({ key, value }) => [key, jsonOf(value, fields, problems)]));
    }
    default:
      problems.add(node.span, `${fields.label('foreach')}: an item must be plain data`, { found: describe(node) });
      return null;
  }
}

/** Adds a problem. */
type Refuse = (says: string, hint?: string) => undefined;

function textSource(node: InputNode, refuse: Refuse): PipelineForeach['source'] | undefined {
  const text = node.kind === 'scalar' && typeof node.value === 'string' ? node.value.trim() : undefined;
  if (text === undefined) return refuse('must be a list, or an expression that gives one');
  try {
    const [part, ...rest] = parseTemplate(text);
    if (part?.kind !== 'expression' || rest.length > 0) return refuse('must be a list, or one expression that gives one');
    return expressionSource(part.text, refuse);
  } catch (error) {
    if (!(error instanceof ExpressionProblem)) throw error;
    return refuse(`cannot be read: ${error.message}`, error.hint);
  }
}

function expressionSource(text: string, refuse: Refuse): PipelineForeach['source'] | undefined {
  const expression = parseExpression(text);
  const references = referencesOf(expression, text);
  const [reference] = references;
  if (reference?.context === 'needs' && references.length === 1) {
    // Text is read as JSON anyway.
    const [inner] = expression instanceof FunctionCall && expression.functionName.lexeme.toLowerCase() === 'fromjson' ? expression.args : [expression];
    const [module, section, output, ...more] = reference.path;
    if (inner !== undefined && isPlainReference(inner) && module !== undefined && section === 'outputs' && output !== undefined && more.length === 0) return { type: 'need', module, output };
  }
  if (references.some(({ context }) => context === 'needs')) return refuse('can go over one output of a needed module, as it is');
  const other = references.find(({ context }) => context !== 'params');
  if (other !== undefined) return refuse(`cannot be made of ${quote(other.context)}`);
  return { type: 'expression', text: text.trim() };
}

/** Files are gone over as they are. */
function checkFiles(text: string, name: string, { action }: Listed, add: (message: string, hint: string | undefined) => void): void {
  if (fileParam(text) === undefined) add(`parameter ${quote(name)} is files`, `write ${quote(`\${{ params.${name} }}`)}: each file is an item`);
  else if (action.type === 'call') add('registered functions take no files', 'use `run`, or `uses: ./file.ts#name`');
}

/** @returns the parameter that is all of the expression. */
export function fileParam(text: string): string | undefined {
  const expression = parseExpression(text);
  const [reference, ...more] = referencesOf(expression, text);
  if (!isPlainReference(expression) || reference?.context !== 'params' || reference.path.length !== 1 || more.length > 0) return undefined;
  return reference.path[0];
}

type Listed = Pick<PipelineModule, 'name' | 'needs' | 'files' | 'action'>;

export interface ForeachOfModule {
  readonly module: Listed;
  readonly foreach: ForeachDraft | undefined;
}

/** What only all modules together can tell: that what `foreach` names is there. */
export function checkForeachSources(modules: readonly ForeachOfModule[], params: Pipeline['params'], problems: Problems): void {
  const byName = new Map(modules.map(({ module }) => [module.name, module]));
  for (const { module, foreach } of modules) {
    if (foreach === undefined) continue;
    const { source } = foreach.foreach;
    const label = `module ${quote(module.name)}: \`foreach\``;
    if (source.type === 'need') checkNeed(module, source, byName, (message, hint) => problems.add(foreach.span, `${label} ${message}`, { hint }));
    if (source.type !== 'expression') continue;
    for (const { path } of referencesOf(parseExpression(source.text), source.text)) {
      const [name] = path;
      if (name === undefined) continue;
      const add = (message: string, hint: string | undefined): void => problems.add(foreach.span, `${label}: ${message}`, { hint });
      if (!Object.hasOwn(params, name)) add(`unknown parameter ${quote(name)}`, didYouMean(suggest(name, Object.keys(params))));
      else if (isFileType(params[name]!.type)) checkFiles(source.text, name, module, add);
    }
  }
}

function checkNeed(module: Listed, { module: name, output }: { readonly module: string; readonly output: string }, byName: ReadonlyMap<string, Listed>, add: (message: string, hint?: string) => void): void {
  const source = byName.get(name);
  if (source === undefined) return add(`names module ${quote(name)}, which does not exist`, didYouMean(suggest(name, module.needs)));
  if (!module.needs.includes(name)) return add(`names module ${quote(name)}, which is not among the needs of this one`, `add it: needs: [${[...module.needs, name].slice(-5).join(', ')}]`);
  const files = source.files.outputs.some((declared) => declared.name === output);
  if (files && module.action.type === 'call') add('goes over files, which registered functions do not take', 'use `run`, or `uses: ./file.ts#name`');
}
