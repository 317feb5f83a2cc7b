/**
 * Evaluates `${{ … }}` in the variables of a module, when it is executed. Pure: no clock, no IO, no process.
 * What an expression gives becomes the value of a variable and is never read again as an expression or as shell code.
 */
import { data, Evaluator, type Expr } from '@actions/expressions';
import type { Json } from '../core/cell/types.ts';
import { SkeinError } from '../errors.ts';
import { hasExpression, parseExpression, parseTemplate, WHOLE_ITEM } from './expression-syntax.ts';

/** Mostly the same few templates are evaluated again and again. */
const PARSED_MAX = 512;

export interface ExpressionContext {
  readonly params: Readonly<Record<string, Json>>;
  /** By module name. */
  readonly needs: Readonly<Record<string, { readonly outputs: Readonly<Record<string, Json>> }>>;
  /** Read by `env.X` when `env` itself has no X. */
  readonly env?: Readonly<Record<string, string>>;
  readonly run?: { readonly id: string; readonly name: string };
  /** Of an item of a `foreach`: a value, or a file by its path. */
  readonly item?: { readonly index: number; readonly value: Json; readonly path?: string };
}

/**
 * Replaces every `${{ … }}` in the values of `env`. Give it the pipeline's and the module's variables as one record, the
 * module's last. `env.X` reads another variable of the same record, evaluated.
 *
 * null becomes '', lists and objects become JSON, everything else its usual text.
 *
 * @throws SkeinError MODULE_SPAWN when an expression cannot be evaluated (`fromJSON` of text that is no JSON, a
 * variable that needs itself).
 */
export function evaluateEnv(env: Readonly<Record<string, string>>, context: ExpressionContext): Record<string, string> {
  const result: Record<string, string> = {};
  let evaluation: EnvEvaluation | undefined;
  for (const [name, template] of Object.entries(env)) {
    result[name] = hasExpression(template) ? (evaluation ??= new EnvEvaluation(env, context)).variable(name, template) : template;
  }
  return result;
}

class EnvEvaluation {
  readonly #env: Readonly<Record<string, string>>;
  readonly #outer: Readonly<Record<string, string>>;
  readonly #context = new ExactDictionary();
  readonly #done = new Map<string, string>();
  readonly #open = new Set<string>();

  constructor(env: Readonly<Record<string, string>>, context: ExpressionContext) {
    this.#env = env;
    this.#outer = context.env ?? {};
    this.#context.add('params', dataOf(context.params));
    this.#context.add('needs', dataOf(context.needs));
    this.#context.add('run', dataOf({ ...(context.run ?? { id: '', name: '' }) }));
    this.#context.add('item', itemData(context.item));
    this.#context.add('env', new LazyEnv((name) => this.#read(name)));
  }

  variable(name: string, template: string): string {
    const known = this.#done.get(name);
    if (known !== undefined) return known;
    if (this.#open.has(name)) throw new SkeinError('MODULE_SPAWN', `env ${name} needs itself: ${[...this.#open, name].join(' → ')}`);
    this.#open.add(name);
    const value = this.#template(name, template);
    this.#open.delete(name);
    this.#done.set(name, value);
    return value;
  }

  #read(name: string): string | undefined {
    if (Object.hasOwn(this.#env, name)) return this.variable(name, this.#env[name] ?? '');
    return Object.hasOwn(this.#outer, name) ? this.#outer[name] : undefined;
  }

  #template(name: string, template: string): string {
    try {
      return parsedTemplate(template)
        .map((part) => (typeof part === 'string' ? part : textOf(new Evaluator(part, this.#context, functions).evaluate())))
        .join('');
    } catch (error) {
      if (error instanceof SkeinError) throw error;
      // The evaluator wraps what goes wrong inside an index.
      if (error instanceof Error && error.cause instanceof SkeinError) throw error.cause;
      throw new SkeinError('MODULE_SPAWN', `env ${name}: ${error instanceof Error ? error.message : String(error)}`, {}, { cause: error });
    }
  }
}

const parsed = new Map<string, readonly (string | Expr)[]>();

function parsedTemplate(template: string): readonly (string | Expr)[] {
  const known = parsed.get(template);
  if (known !== undefined) return known;
  const parts = parseTemplate(template).map((part) => (part.kind === 'literal' ? part.text : parseExpression(part.text)));
  if (parsed.size >= PARSED_MAX) parsed.clear();
  parsed.set(template, parts);
  return parts;
}

/** Names are exact and any name is just a name: the library's own folds case and stumbles over `constructor`. */
class ExactDictionary extends data.Dictionary {
  readonly #byName = new Map<string, data.ExpressionData>();

  override add(key: string, value: data.ExpressionData): void {
    this.#byName.set(key, value);
  }

  override get(key: string): data.ExpressionData | undefined {
    return this.#byName.get(key);
  }

  override values(): data.ExpressionData[] {
    return [...this.#byName.values()];
  }

  override pairs(): { key: string; value: data.ExpressionData }[] {
    return Array.from(this.#byName, ([key, value]) => ({ key, value }));
  }
}

/** Variables evaluated when they are asked for. Only by name: `env` as a whole would need all of them, itself included. */
class LazyEnv extends data.Dictionary {
  readonly #read: (name: string) => string | undefined;

  constructor(read: (name: string) => string | undefined) {
    super();
    this.#read = read;
  }

  override get(key: string): data.ExpressionData | undefined {
    const value = this.#read(key);
    return value === undefined ? undefined : new data.StringData(value);
  }
}

function dataOf(value: Json | undefined): data.ExpressionData {
  if (value === null || value === undefined) return new data.Null();
  if (typeof value === 'string') return new data.StringData(value);
  if (typeof value === 'number') return new data.NumberData(value);
  if (typeof value === 'boolean') return new data.BooleanData(value);
  if (Array.isArray(value)) {
    const list = new data.Array();
    for (const item of value as readonly Json[]) list.add(dataOf(item));
    return list;
  }
  const dictionary = new ExactDictionary();
  for (const [key, item] of Object.entries(value)) dictionary.add(key, dataOf(item));
  return dictionary;
}

/** Fields of the item itself come before `value` and `index`. */
function itemData(item: ExpressionContext['item']): data.ExpressionData {
  if (item === undefined) return new data.Null();
  const { index, value, path } = item;
  const dictionary = new ExactDictionary();
  const fields: Readonly<Record<string, Json>> = path === undefined ? { value, index, ...fieldsOf(value) } : { path, name: path.slice(path.lastIndexOf('/') + 1), index };
  for (const [name, field] of Object.entries(fields)) dictionary.add(name, dataOf(field));
  dictionary.add(WHOLE_ITEM, dataOf(path ?? value));
  return dictionary;
}

function fieldsOf(value: Json): Readonly<Record<string, Json>> {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

/** What an expression over parameters gives. @throws Error when it cannot be evaluated. */
export function evaluateOverParams(text: string, params: Readonly<Record<string, Json>>): Json {
  const context = new ExactDictionary();
  context.add('params', dataOf(params));
  return jsonOf(new Evaluator(parseExpression(text), context, functions).evaluate());
}

function jsonOf(value: data.ExpressionData): Json {
  if (value instanceof data.Dictionary) return Object.fromEntries(value.pairs().map((pair) => [pair.key, jsonOf(pair.value)]));
  if (value instanceof data.Array) return value.values().map(jsonOf);
  if (value instanceof data.Null) return null;
  if (value instanceof data.NumberData || value instanceof data.BooleanData) return value.value;
  return value.coerceString();
}

function textOf(value: data.ExpressionData): string {
  if (value instanceof data.NumberData) return String(value.value);
  return value.primitive ? value.coerceString() : JSON.stringify(jsonOf(value));
}

/** In place of the library's, which stumble over long lists and odd names. */
const functions = new Map([
  ['tojson', { name: 'toJSON', minArgs: 1, maxArgs: 1, call: (...args: data.ExpressionData[]) => new data.StringData(JSON.stringify(jsonOf(args[0] ?? new data.Null()), null, 2)) }],
  ['fromjson', { name: 'fromJSON', minArgs: 1, maxArgs: 1, call: (...args: data.ExpressionData[]) => parseJson(args[0]?.coerceString() ?? '') }],
  [
    'join',
    {
      name: 'join',
      minArgs: 1,
      maxArgs: 2,
      call: (...[list, separator]: data.ExpressionData[]) => {
        const items = list instanceof data.Array ? list.values() : list === undefined ? [] : [list];
        return new data.StringData(items.map(textOf).join(separator === undefined ? ',' : textOf(separator)));
      },
    },
  ],
]);

function parseJson(text: string): data.ExpressionData {
  try {
    return dataOf(JSON.parse(text) as Json);
  } catch {
    throw new Error(`fromJSON: not JSON: ${text.length > 80 ? `${text.slice(0, 80)}…` : text}`);
  }
}
