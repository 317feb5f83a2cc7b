/** From what was written to a checked pipeline: reads every key, then what only the whole can tell (names, cycles). */
import { checkEnv, envValues, type EnvDraft } from './check-env.ts';
import { checkInputs } from './check-files.ts';
import { checkForeachSources, fileParam } from './check-foreach.ts';
import { isFileType } from './param-files.ts';
import { checkGraph } from './check-graph.ts';
import { checkModule, type ModuleDraft } from './check-module.ts';
import { checkParams } from './check-params.ts';
import { checkRunPolicy } from './check-policy.ts';
import { describe, Fields } from './fields.ts';
import type { InputMap, InputNode } from './input.ts';
import { foreignPipelineKeys, laterPipelineKeys, pipelineKeys } from './keys.ts';
import { NAME_LENGTH_MAX, PIPELINE_MODULES_MAX } from './limits.ts';
import type { Params, ParamSpec, Pipeline } from './model.ts';
import { quote, type Problems, type Span } from './problems.ts';
import { checkCommand, checkEnvCircles, checkTemplate, type Scope } from './references.ts';

export interface Source {
  readonly file: string;
  readonly directory: string | null;
  readonly text: string;
  /** When the file has no `name`. */
  readonly defaultName: string;
  /** Set when the builder was given a function for its modules: they are not known yet. */
  readonly generate?: (params: Params) => Promise<Pipeline>;
}

/** @throws SkeinError PIPELINE_INVALID with every problem of the file. */
export function checkPipeline(root: InputNode | undefined, source: Source, problems: Problems): Pipeline {
  if (root === undefined || root.kind !== 'map') {
    const found = root === undefined ? 'an empty file' : describe(root);
    problems.add(root?.span ?? { start: 0, end: 0 }, 'a pipeline must be a map', { found, allowed: 'name, params, env, modules' });
    problems.throwIfAny();
    throw new Error('a problem was added above');
  }
  const fields = new Fields(root, '', { known: pipelineKeys, later: laterPipelineKeys, foreign: foreignPipelineKeys }, problems);
  const name = checkName(fields, problems) ?? source.defaultName;
  const params = checkParams(fields.map('params'), problems);
  const env = checkEnv(fields, problems);
  const policy = checkRunPolicy(fields, problems);
  const drafts = source.generate === undefined ? checkModules(fields, root, problems) : [];
  checkGraph(drafts, problems);
  checkInputs(drafts.map(({ module, files }) => ({ name: module.name, needs: module.needs, files })), params, problems);
  checkForeachSources(drafts, params, problems);
  if (source.directory === null) refuseFiles(drafts, problems);
  checkExpressions({ drafts, env, params, text: source.text }, problems);
  problems.throwIfAny();
  return {
    name,
    params,
    env: envValues(env),
    policy,
    modules: drafts.map((draft) => ({ ...draft.module, env: envValues(draft.env) })),
    origin: {
      file: source.file,
      directory: source.directory,
      text: source.text,
      actionSpans: new Map(drafts.map((draft) => [draft.module.name, draft.actionSpan])),
    },
    ...(source.generate === undefined ? {} : { generate: source.generate }),
  };
}

function checkName(fields: Fields, problems: Problems): string | undefined {
  const name = fields.text('name');
  const node = fields.get('name');
  if (name === undefined || node === undefined) return undefined;
  // Control characters would disturb terminals and logs.
  if (name.trim() !== '' && name.length <= NAME_LENGTH_MAX && name.isWellFormed() && !/\p{Cc}/u.test(name) && !name.includes('${{')) return name;
  problems.add(node.span, '`name` is not usable', { found: quote(name), allowed: `1 to ${NAME_LENGTH_MAX} characters on one line, without expressions` });
  return undefined;
}

function checkModules(fields: Fields, root: InputMap, problems: Problems): ModuleDraft[] {
  const key = fields.get('modules') === undefined && fields.get('jobs') !== undefined ? 'jobs' : 'modules';
  if (key === 'modules' && fields.get('jobs') !== undefined) problems.add(fields.keySpan('jobs'), '`modules` and `jobs` are two names of one key', { hint: 'keep one of them' });
  const node = fields.get(key);
  if (node === undefined) {
    problems.add({ start: root.span.start, end: root.span.start + 1 }, 'the pipeline has no `modules`', { allowed: 'modules: { NAME: { run: COMMAND } }' });
    return [];
  }
  const entries = node.kind === 'map' ? node.entries : node.kind === 'list' ? namedItems(node.items, problems) : undefined;
  if (entries === undefined || entries.length === 0) {
    const empty = entries !== undefined || (node.kind === 'scalar' && node.value === null);
    if (empty) problems.add(fields.keySpan(key), `\`${key}\` is empty`, { allowed: 'at least one module' });
    else fields.wrong(node, key, 'must be a map of modules or a list of them', { allowed: 'a map by name, or a list of maps with `name`' });
    return [];
  }
  if (entries.length > PIPELINE_MODULES_MAX) {
    problems.add(fields.keySpan(key), `${entries.length} modules are too many`, { allowed: `at most ${PIPELINE_MODULES_MAX}` });
    return [];
  }
  return entries.map((entry) => checkModule(entry, problems)).filter((draft) => draft !== undefined);
}

/** The list form: each item carries its name. */
function namedItems(items: readonly InputNode[], problems: Problems): { key: string; keySpan: Span; value: InputNode }[] {
  const places = new Map<string, Span>();
  const entries: { key: string; keySpan: Span; value: InputNode }[] = [];
  items.forEach((item, index) => {
    const nameEntry = item.kind === 'map' ? item.entries.find(({ key }) => key === 'name') : undefined;
    const name = nameEntry?.value.kind === 'scalar' ? nameEntry.value.value : undefined;
    if (nameEntry === undefined || typeof name !== 'string') {
      problems.add(nameEntry?.value.span ?? item.span, `module ${index + 1} of the list has no name`, { found: describe(nameEntry?.value ?? item), allowed: 'a map with `name`' });
      return;
    }
    const first = places.get(name);
    if (first !== undefined) {
      const { line, column } = problems.position(first.start);
      const where = line === 0 ? '' : `, first at ${line}:${column}`;
      problems.add(nameEntry.value.span, `duplicate module ${quote(name)}${where}`);
      return;
    }
    places.set(name, nameEntry.value.span);
    entries.push({ key: name, keySpan: nameEntry.value.span, value: item });
  });
  return entries;
}

/** Text without a folder, as sent over HTTP, must not make a node read its own files. */
function refuseFiles(drafts: readonly ModuleDraft[], problems: Problems): void {
  for (const { module, actionSpan } of drafts) {
    if (module.action.type !== 'uses') continue;
    problems.add(actionSpan, `module ${quote(module.name)}: \`uses\` names a file, but only the text of the pipeline is here`, { hint: 'submit it with `skein run FILE`, which bundles the files' });
  }
}

function itemScope({ foreach }: ModuleDraft, files: ReadonlySet<string>, params: Pipeline['params']): Pick<Scope, 'item' | 'list'> {
  if (foreach === undefined) return { item: 'none', list: '' };
  const { source } = foreach.foreach;
  const param = source.type === 'expression' ? fileParam(source.text) : undefined;
  if (param !== undefined && Object.hasOwn(params, param) && isFileType(params[param]!.type)) return { item: 'file', list: '' };
  const list = source.type === 'need' ? `${source.module} ${source.output}` : '';
  return { item: files.has(list) ? 'file' : 'value', list: files.has(list) ? '' : list };
}

interface Whole {
  readonly drafts: readonly ModuleDraft[];
  readonly env: EnvDraft;
  readonly params: Readonly<Record<string, ParamSpec>>;
  readonly text: string;
}

function checkExpressions({ drafts, env, params: specs, text }: Whole, problems: Problems): void {
  const params = new Map(Object.entries(specs).map(([name, { type }]) => [name, type]));
  const modules = new Set(drafts.map(({ module }) => module.name));
  const files = new Set(drafts.flatMap(({ module }) => module.files.outputs.map(({ name }) => `${module.name} ${name}`)));
  const pipelineNames = new Set(env.keys());
  for (const [name, { value, span }] of env) {
    checkTemplate(value, span, text, { label: `\`env\`: ${quote(name)}`, params, modules, needs: undefined, env: pipelineNames, item: 'none', list: '', files }, problems);
  }
  checkEnvCircles(env, pipelineNames, '`env`', problems);
  for (const draft of drafts) {
    const where = `module ${quote(draft.module.name)}`;
    const names = draft.env.size === 0 ? pipelineNames : new Set([...pipelineNames, ...draft.env.keys()]);
    const scope: Scope = { label: '', params, modules, needs: new Set(draft.module.needs), env: names, ...itemScope(draft, files, specs), files };
    for (const [name, { value, span }] of draft.env) checkTemplate(value, span, text, { ...scope, label: `${where}: \`env\`: ${quote(name)}` }, problems);
    if (draft.env.size > 0) checkEnvCircles(new Map([...env, ...draft.env]), new Set(draft.env.keys()), `${where}: \`env\``, problems);
    const { action } = draft.module;
    if (action.type !== 'run') continue;
    const label = `${where}: \`run\``;
    checkTemplate(action.command, draft.actionSpan, text, { ...scope, label }, problems);
    checkCommand(action.command, draft.actionSpan, text, label, problems);
  }
}
