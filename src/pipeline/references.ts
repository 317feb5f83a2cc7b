/** Checks the expressions of a pipeline before anything runs, and turns those in commands into variables. */
import type { EnvDraft } from './check-env.ts';
import { bytesOf } from './fields.ts';
import { COMMAND_BYTES_MAX, EXPRESSIONS_MAX } from './limits.ts';
import { contextNames, ExpressionProblem, WHOLE_ITEM, hasExpression, parseExpression, parseTemplate, referencesOf, type Reference, type TemplatePart } from './expression-syntax.ts';
import type { ParamType } from './model.ts';
import { isFileType } from './param-files.ts';
import { didYouMean, NOWHERE, quote, type Problems, type Span } from './problems.ts';
import { suggest } from './suggest.ts';

/** The names that expressions in one place may use. */
export interface Scope {
  /** "module `x`: `run`", as messages begin. */
  readonly label: string;
  /** Types by name. */
  readonly params: ReadonlyMap<string, ParamType>;
  /** Undefined outside of modules. */
  readonly needs: ReadonlySet<string> | undefined;
  /** All modules, to tell "not among the needs" from "unknown". */
  readonly modules: ReadonlySet<string>;
  readonly env: ReadonlySet<string>;
  /** What `item` is here; `none` outside of modules with `foreach`. */
  readonly item: 'none' | 'file' | 'value';
  /** `module output` of the list that this module goes over; '' = none. */
  readonly list: string;
  /** `module output` for each output that is files. */
  readonly files: ReadonlySet<string>;
}

/**
 * Adds a problem for each expression in `template` that cannot work.
 * @param text the whole file, '' for a builder: places are found by looking for the same `${{` there.
 */
export function checkTemplate(template: string, span: Span, text: string, scope: Scope, problems: Problems): void {
  if (!hasExpression(template)) return;
  let parts: TemplatePart[];
  try {
    parts = parseTemplate(template);
  } catch (error) {
    if (!(error instanceof ExpressionProblem)) throw error;
    problems.add(placeOf(template, error.offset, span, text), `${scope.label}: ${error.message}`, { hint: error.hint });
    return;
  }
  for (const part of parts) {
    if (part.kind !== 'expression') continue;
    const fault = faultOf(part.text, scope);
    if (fault !== undefined) problems.add(placeOf(template, part.start + fault.offset, span, text), `${scope.label}: ${fault.message}`, { hint: fault.hint });
  }
}

function faultOf(text: string, scope: Scope): ExpressionProblem | undefined {
  try {
    for (const reference of referencesOf(parseExpression(text), text)) checkReference(reference, scope);
    return undefined;
  } catch (error) {
    if (error instanceof ExpressionProblem) return error;
    throw error;
  }
}

function checkReference({ context, path, offset }: Reference, scope: Scope): void {
  switch (context as (typeof contextNames)[number]) {
    case 'params':
      return checkParam(path, offset, scope);
    case 'env':
      if (path[0] === undefined) throw new ExpressionProblem('`env` needs the name of a variable', offset, 'write for example ${{ env.NAME }}');
      return known('variable', path[0], scope.env, offset);
    case 'run':
      return known('property of run', path[0], new Set(['id', 'name']), offset);
    case 'item':
      return checkItem(path, offset, scope);
    case 'needs':
      return checkNeeds(path, offset, scope);
  }
}

/** What a module may know of files without having them as an input. */
const fileProperties = { file: new Set(['name', 'size', 'cid']), files: new Set(['count', 'size', 'cid']) };

function checkParam([name, property]: readonly (string | undefined)[], offset: number, { params }: Scope): void {
  if (name !== undefined && !params.has(name)) known('parameter', name, new Set(params.keys()), offset);
  const type = name === undefined ? undefined : params.get(name);
  if (type === undefined || !isFileType(type)) return;
  const names = fileProperties[type];
  if (property === undefined) throw new ExpressionProblem(`parameter ${quote(name ?? '')} is ${type === 'file' ? 'a file' : 'files'}, which ${type === 'file' ? 'has' : 'have'} no value`, offset, `name it in \`inputs\`: the variable tells where ${type === 'file' ? 'it is' : 'they are'}; ${[...names].map((each) => `params.${name}.${each}`).join(', ')} are values`);
  known(type === 'file' ? 'property of a file' : 'property of files', property, names, offset);
}

function checkItem([name]: readonly (string | undefined)[], offset: number, { item }: Scope): void {
  if (item === 'none') throw new ExpressionProblem('`item` has no meaning outside of a module with `foreach`', offset);
  if (item === 'file' && name !== WHOLE_ITEM) known('property of item', name, new Set(['path', 'name', 'index']), offset);
}

function checkNeeds(path: readonly (string | undefined)[], offset: number, scope: Scope): void {
  const [name, section] = path;
  if (scope.needs === undefined) throw new ExpressionProblem('`needs` has no meaning outside of a module', offset);
  if (name !== undefined && !scope.needs.has(name)) {
    if (!scope.modules.has(name)) throw new ExpressionProblem(`unknown module ${quote(name)}`, offset, didYouMean(suggest(name, scope.needs)));
    throw new ExpressionProblem(`module ${quote(name)} is not among the needs of this one`, offset, `add it: needs: [${[...scope.needs, name].slice(-5).join(', ')}]`);
  }
  if (section !== undefined && section !== 'outputs') {
    throw new ExpressionProblem(`${quote(section)} of a needed module is not known`, offset, `write needs.${name ?? '*'}.outputs.${path[2] ?? 'NAME'}`);
  }
  if (scope.list === `${name} ${path[2]}`) throw new ExpressionProblem(`this module goes over output ${quote(path[2] ?? '')} of ${quote(name ?? '')}, of which each item sees its own part`, offset, 'use `item`');
  if (scope.files.has(`${name} ${path[2]}`)) throw new ExpressionProblem(`output ${quote(path[2] ?? '')} of ${quote(name ?? '')} is files, which have no value`, offset, `name it in \`inputs\`: the variable tells where its files are`);
}

function known(what: string, name: string | undefined, names: ReadonlySet<string>, offset: number): void {
  if (name === undefined || names.has(name)) return;
  const hint = didYouMean(suggest(name, names)) ?? (names.size === 0 ? 'there are none' : `there are ${[...names].slice(0, 20).join(', ')}`);
  throw new ExpressionProblem(`unknown ${what} ${quote(name)}`, offset, hint);
}

/**
 * Adds a problem for each circle of `env.X` among these variables, which read one another.
 * @param own only circles with one of these are told: those of the pipeline alone are told once, not for each module.
 */
export function checkEnvCircles(env: EnvDraft, own: ReadonlySet<string>, label: string, problems: Problems): void {
  const reads = new Map(Array.from(env, ([name, { value }]) => [name, value.includes('env.') || value.includes('env[') ? envNames(value) : []]));
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): void => {
    const at = path.indexOf(name);
    if (at !== -1) {
      const circle = path.slice(at);
      const span = env.get(circle.at(-1) ?? name)?.span ?? NOWHERE;
      if (circle.some((member) => own.has(member))) problems.add(span, `${label}: a variable needs itself: ${[...circle, name].join(' → ')}`);
      return;
    }
    if (done.has(name)) return;
    for (const next of reads.get(name) ?? []) visit(next, [...path, name]);
    done.add(name);
  };
  for (const name of reads.keys()) visit(name, []);
}

function envNames(template: string): string[] {
  try {
    const expressions = parseTemplate(template).filter((part) => part.kind === 'expression');
    const references = expressions.flatMap(({ text }) => referencesOf(parseExpression(text), text));
    return references.filter(({ context }) => context === 'env').flatMap(({ path }) => path[0] ?? []);
  } catch (error) {
    if (error instanceof ExpressionProblem) return [];
    throw error;
  }
}

/**
 * Where offset `at` of a decoded string stands in the file. Quotes, escapes and indentation shift offsets, so the n-th
 * `${{` of the value is matched with the n-th one of its source.
 */
function placeOf(template: string, at: number, span: Span, text: string): Span {
  if (span.start < 0) return span;
  const source = text.slice(span.start, span.end);
  const openBefore = template.lastIndexOf('${{', at);
  const nth = template.slice(0, openBefore).split('${{').length - 1;
  let open = -1;
  for (let count = 0; count <= nth; count++) {
    open = source.indexOf('${{', open + 1);
    if (open === -1) return span;
  }
  const within = at - openBefore;
  const same = source.slice(open, open + within) === template.slice(openBefore, at);
  const start = span.start + open + (same ? within : 0);
  const word = /^(?:\$\{\{|[\w-]+|\S)/.exec(text.slice(start, start + 128));
  return { start, end: start + (word?.[0].length ?? 1) };
}

/**
 * `echo ${{ params.x }}` becomes `echo ${SKEIN_EXPR_1}` with the expression as the value of that variable: whatever the
 * parameter holds, the shell reads it as data. Quotes are the author's, as with any variable.
 */
export function compileCommand(command: string): { readonly command: string; readonly env: Readonly<Record<string, string>> } {
  if (!hasExpression(command)) return { command, env: {} };
  const names = new Map<string, string>();
  const compiled = parseTemplate(command).map((part) => {
    if (part.kind === 'literal') return part.text;
    const template = `\${{ ${part.text.trim()} }}`;
    const name = names.get(template) ?? `SKEIN_EXPR_${names.size + 1}`;
    names.set(template, name);
    return `\${${name}}`;
  });
  return { command: compiled.join(''), env: Object.fromEntries(Array.from(names, ([template, name]) => [name, template])) };
}

/** Adds problems that only commands have: too many expressions, or one where the shell would not read a variable. */
export function checkCommand(command: string, span: Span, text: string, label: string, problems: Problems): void {
  if (!hasExpression(command)) return;
  let parts: TemplatePart[];
  try {
    parts = parseTemplate(command);
  } catch {
    return;
  }
  const compiled = compileCommand(command);
  const count = Object.keys(compiled.env).length;
  if (count > EXPRESSIONS_MAX) problems.add(span, `${label} has ${count} different expressions`, { allowed: `at most ${EXPRESSIONS_MAX}` });
  if (bytesOf(compiled.command) > COMMAND_BYTES_MAX) problems.add(span, `${label} is over ${COMMAND_BYTES_MAX} bytes with its expressions as variables`, { hint: 'put it into a script file' });
  const quoted = singleQuotedOffsets(command, parts);
  for (const at of quoted) {
    problems.add(placeOf(command, at, span, text), `${label}: an expression inside single quotes would not be replaced`, {
      hint: 'expressions become variables, which the shell reads in double quotes: "${{ … }}"',
    });
  }
}

/**
 * Offsets of expressions inside '…'. Follows plain shell quoting only; commands with here-documents or command
 * substitution nest quotes in ways that this does not follow, so they are left alone.
 */
function singleQuotedOffsets(command: string, parts: readonly TemplatePart[]): number[] {
  if (/<<|\$\(|`/.test(command)) return [];
  const found: number[] = [];
  let state: 'plain' | 'single' | 'double' | 'comment' = 'plain';
  for (const part of parts) {
    if (part.kind === 'expression') {
      if (state === 'single') found.push(part.start - 3);
      continue;
    }
    for (let at = 0; at < part.text.length; at++) {
      const char = part.text[at];
      if (state === 'comment') state = char === '\n' ? 'plain' : 'comment';
      else if (state === 'single') state = char === "'" ? 'plain' : 'single';
      else if (char === '\\') at++;
      else if (char === '"') state = state === 'double' ? 'plain' : 'double';
      else if (state === 'plain' && char === "'") state = 'single';
      else if (state === 'plain' && char === '#' && (at === 0 ? part === parts[0] : /\s/.test(part.text[at - 1] ?? ''))) state = 'comment';
    }
  }
  return found;
}
