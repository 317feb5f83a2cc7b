/** Reads the files of a module: `outputs` (patterns) and `inputs` (outputs of modules that it needs, and file parameters). */
import { FILES_PER_MODULE_MAX, PATTERN_LENGTH_MAX } from '../core/cell/limits.ts';
import type { OutputSpec } from '../core/cell/types.ts';
import { ExpressionProblem, hasExpression, parseExpression, parseTemplate, referencesOf } from './expression-syntax.ts';
import { describe, isReserved, type Fields } from './fields.ts';
import type { InputEntry } from './input.ts';
import { KEY_LENGTH_MAX } from './limits.ts';
import type { ParamSpec, PipelineInput } from './model.ts';
import { isFileType } from './param-files.ts';
import { didYouMean, quote, type Problems, type Span } from './problems.ts';
import { suggest } from './suggest.ts';

export type InputDraft = PipelineInput & { readonly span: Span };

export interface FilesDraft {
  readonly inputs: readonly InputDraft[];
  readonly outputs: readonly OutputSpec[];
}

/** Of an input: a variable, and a folder. */
export const variablePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;
export const outputPattern = /^[A-Za-z_][A-Za-z0-9_-]*$/;
const FORM = '${{ needs.MODULE.outputs.NAME }} or ${{ params.NAME }}';

export function checkFiles(fields: Fields, problems: Problems): FilesDraft {
  const inputs = entriesOf(fields, 'inputs', problems).flatMap((entry) => readInput(entry, fields, problems) ?? []);
  const outputs = entriesOf(fields, 'outputs', problems).flatMap((entry) => readOutput(entry, fields, problems) ?? []);
  for (const key of ['inputs', 'outputs']) {
    const other = registered(fields);
    if (other !== undefined && fields.get(key) !== undefined) problems.add(fields.keySpan(key), `${fields.label(key)} and ${quote(other)} exclude each other`, { hint: 'files are for modules with `run` and for functions of files (`uses: ./file.ts#name`); a registered function returns its values' });
  }
  return { inputs, outputs };
}

/** What makes the module a function that runs in the process of the node itself, where it has no folder of its own. */
function registered(fields: Fields): string | undefined {
  if (fields.get('call') !== undefined) return 'call';
  const uses = fields.get('uses');
  return uses?.kind === 'scalar' && String(uses.value).startsWith('fn:') ? 'uses: fn:…' : undefined;
}

function entriesOf(fields: Fields, key: string, problems: Problems): readonly InputEntry[] {
  const map = fields.map(key);
  if (map === undefined) return [];
  if (map.entries.length > FILES_PER_MODULE_MAX) problems.add(map.span, `${fields.label(key)} has ${map.entries.length} entries`, { allowed: `at most ${FILES_PER_MODULE_MAX}` });
  return map.entries.slice(0, FILES_PER_MODULE_MAX);
}

function textOf({ key, value }: InputEntry, label: string, allowed: string, problems: Problems): string | undefined {
  if (value.kind === 'scalar' && typeof value.value === 'string') return value.value;
  problems.add(value.span, `${label}: ${quote(key)} must be a string`, { found: describe(value), allowed });
  return undefined;
}

function readOutput(entry: InputEntry, fields: Fields, problems: Problems): OutputSpec | undefined {
  const { key, keySpan, value } = entry;
  const label = fields.label('outputs');
  if (!outputPattern.test(key) || key.length > KEY_LENGTH_MAX || isReserved(key)) problems.add(keySpan, `${label}: ${quote(key)} cannot name an output`, { allowed: `letters, digits, _ and -, not a digit first, at most ${KEY_LENGTH_MAX}` });
  const pattern = textOf(entry, label, 'a path or a pattern such as out/*.mkv', problems);
  if (pattern === undefined) return undefined;
  const fault = patternFault(pattern);
  if (fault !== undefined) problems.add(value.span, `${label}: the pattern of ${quote(key)} ${fault}`, { found: quote(pattern), allowed: 'a path or a pattern below the work folder, such as result.json, out/*.mkv or logs/**' });
  return { name: key, pattern };
}

function patternFault(pattern: string): string | undefined {
  if (pattern.trim() === '') return 'is empty';
  if (pattern.length > PATTERN_LENGTH_MAX) return `has more than ${PATTERN_LENGTH_MAX} characters`;
  if (hasExpression(pattern)) return 'holds an expression, which only `run` and `env` may';
  if (/\p{Cc}/u.test(pattern) || !pattern.isWellFormed()) return 'holds a control character or half of a surrogate pair';
  if (pattern.includes('\\')) return 'holds a backslash: parts of a path are separated by /';
  if (/^(?:\/|~|[A-Za-z]:)/.test(pattern)) return 'does not begin in the work folder';
  return pattern.split('/').includes('..') ? 'leads out of the work folder' : undefined;
}

function readInput(entry: InputEntry, fields: Fields, problems: Problems): InputDraft | undefined {
  const { key, keySpan, value } = entry;
  const label = fields.label('inputs');
  if (key.startsWith('SKEIN_')) problems.add(keySpan, `${label}: names that begin with SKEIN_ are set by Skein`, { found: quote(key) });
  else if (!variablePattern.test(key) || key.length > KEY_LENGTH_MAX || isReserved(key)) problems.add(keySpan, `${label}: ${quote(key)} cannot name a variable`, { allowed: `letters, digits and _, not a digit first, at most ${KEY_LENGTH_MAX}` });
  const text = textOf(entry, label, FORM, problems);
  if (text === undefined) return undefined;
  const source = sourceOf(text);
  if (source !== undefined) return { variable: key, ...source, span: value.span };
  const [module = '', output = ''] = /^[\w.-]+$/.test(text) ? text.split('.') : [];
  const hint = output === '' ? undefined : `did you mean ${quote(`\${{ needs.${module}.outputs.${output} }}`)}?`;
  problems.add(value.span, `${label}: ${quote(key)} must name the files of one output of a module, or of one parameter`, { found: quote(text), allowed: FORM, hint });
  return undefined;
}

/** @returns undefined for anything but the two forms that there are. */
function sourceOf(text: string): { readonly module: string; readonly output: string } | { readonly param: string } | undefined {
  try {
    const [part, ...rest] = parseTemplate(text.trim());
    if (part?.kind !== 'expression' || rest.length > 0) return undefined;
    const references = referencesOf(parseExpression(part.text), part.text);
    const [reference] = references;
    if (reference === undefined || references.length > 1) return undefined;
    const [param, ...below] = reference.path;
    if (reference.context === 'params' && param !== undefined && below.length === 0) return { param };
    if (reference.context !== 'needs') return undefined;
    const [module, section, output, ...more] = reference.path;
    return module !== undefined && section === 'outputs' && output !== undefined && more.length === 0 ? { module, output } : undefined;
  } catch (error) {
    if (error instanceof ExpressionProblem) return undefined;
    throw error;
  }
}

export interface FilesOfModule {
  readonly name: string;
  readonly needs: readonly string[];
  readonly files: FilesDraft;
}

/** What only the whole file can tell: that what an input names is there. */
export function checkInputs(modules: readonly FilesOfModule[], params: Readonly<Record<string, ParamSpec>>, problems: Problems): void {
  const outputs = new Map(modules.map(({ name, files }) => [name, files.outputs.map((output) => output.name)]));
  for (const { name, needs, files } of modules) {
    for (const input of files.inputs) {
      const { variable, span } = input;
      const label = `module ${quote(name)}: \`inputs\`: ${quote(variable)}`;
      if ('param' in input) {
        checkParamInput(input.param, params, label, span, problems);
        continue;
      }
      const { module, output } = input;
      const there = outputs.get(module);
      if (there === undefined) problems.add(span, `${label} names module ${quote(module)}, which does not exist`, { hint: didYouMean(suggest(module, needs)) });
      else if (!needs.includes(module)) problems.add(span, `${label}: module ${quote(module)} is not among the needs of this one`, { hint: `add it: needs: [${[...needs, module].slice(-5).join(', ')}]` });
      else if (!there.includes(output)) {
        const hint = didYouMean(suggest(output, there)) ?? (there.length === 0 ? `it declares none: add outputs: { ${output}: PATTERN } to it` : `it declares ${there.slice(0, 10).join(', ')}`);
        problems.add(span, `${label}: module ${quote(module)} has no output with files of the name ${quote(output)}`, { hint });
      }
    }
  }
}

function checkParamInput(name: string, params: Readonly<Record<string, ParamSpec>>, label: string, span: Span, problems: Problems): void {
  const param = Object.hasOwn(params, name) ? params[name] : undefined;
  if (param === undefined) problems.add(span, `${label} names parameter ${quote(name)}, which does not exist`, { hint: didYouMean(suggest(name, Object.keys(params))) ?? `declare it: params: { ${name}: { type: file } }` });
  else if (!isFileType(param.type)) problems.add(span, `${label}: parameter ${quote(name)} is of type ${param.type}, and only files are put into place`, { hint: `read it as \${{ params.${name} }} in \`run\` or \`env\`, or declare it with \`type: file\`` });
}
