/** Turns what a person or a program gave into the parameters of one run. */
import type { Json } from '../core/cell/types.ts';
import { SkeinError } from '../errors.ts';
import { paramFault } from './check-params.ts';
import { filesForm, isFileType, readGivenFiles } from './param-files.ts';
import { valueFault } from './fields.ts';
import type { ParamSpec, ParamValue, Pipeline } from './model.ts';
import { didYouMean, quote } from './problems.ts';
import { suggest } from './suggest.ts';

/**
 * Checks names, converts text (`-p crf=23`) to the declared types, fills in defaults.
 * A parameter that is neither given nor required and has no default becomes null. Of files only the form is looked at.
 *
 * @throws SkeinError PARAM_INVALID; `data.problems` lists `{ param, message, hint }` for every one.
 */
export function resolveParams(pipeline: Pick<Pipeline, 'name' | 'params'>, given: Readonly<Record<string, Json>>): Record<string, Json> {
  const problems: { param: string; message: string; hint: string }[] = [];
  const add = (param: string, message: string, hint = ''): void => void problems.push({ param, message, hint });
  const names = Object.keys(pipeline.params);
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(pipeline.params, name)) continue;
    const hint = didYouMean(suggest(name, names)) ?? (names.length === 0 ? 'this pipeline has none' : `there are ${names.join(', ')}`);
    add(name, `unknown parameter ${quote(name)}`, hint);
  }
  const values: Record<string, Json> = {};
  for (const [name, spec] of Object.entries(pipeline.params)) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    if (value !== undefined && value !== null) {
      const converted = convert(value, spec);
      if (converted.fault === undefined) values[name] = converted.value;
      else add(name, `parameter ${quote(name)} ${converted.fault}`, `given: ${shown(value)}`);
    } else if (spec.required) {
      add(name, `parameter ${quote(name)} is missing`, `give it: -p ${name}=${example(spec)}`);
    } else {
      values[name] = spec.default;
    }
  }
  if (problems.length > 0) {
    const lines = problems.map(({ message, hint }) => (hint === '' ? message : `${message} (${hint})`));
    const message = lines.length === 1 ? (lines[0] ?? '') : `${lines.length} problems with the parameters of ${pipeline.name}\n${lines.map((line) => `  ${line}`).join('\n')}`;
    throw new SkeinError('PARAM_INVALID', message, { problems });
  }
  return values;
}

type Converted = { readonly value: Json; readonly fault?: undefined } | { readonly fault: string };

function convert(given: Json, spec: ParamSpec): Converted {
  if (isFileType(spec.type)) return readGivenFiles(given, spec.type) === undefined ? { fault: `must be ${filesForm(spec.type)}` } : { value: given };
  const value = toType(given, spec);
  if (value === undefined) return { fault: `must be ${expected(spec)}` };
  const fault = paramFault(value, spec) ?? (typeof value === 'string' ? valueFault(value) : undefined);
  return fault === undefined ? { value } : { fault };
}

const decimal = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;

function toType(given: Json, { type }: ParamSpec): ParamValue | undefined {
  if (type === 'string') return typeof given === 'string' ? given : typeof given === 'number' || typeof given === 'boolean' ? String(given) : undefined;
  if (type === 'boolean') {
    if (typeof given === 'boolean') return given;
    return given === 'true' ? true : given === 'false' ? false : undefined;
  }
  const value = typeof given === 'string' && decimal.test(given.trim()) ? Number(given) : given;
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined;
  return type === 'number' || Number.isSafeInteger(value) ? value : undefined;
}

function expected({ type, min, max, enum: values }: ParamSpec): string {
  if (values.length > 0) return `one of ${values.map(String).join(', ')}`;
  if (type === 'boolean') return 'true or false';
  if (type === 'string') return 'a string';
  const noun = type === 'integer' ? 'a whole number' : 'a number';
  if (min !== null && max !== null) return `${noun} from ${min} to ${max}`;
  if (min !== null) return `${noun}, at least ${min}`;
  return max === null ? noun : `${noun}, at most ${max}`;
}

function example({ type, min, max, enum: values }: ParamSpec): string {
  const [first] = values;
  if (first !== undefined) return String(first);
  if (type === 'boolean') return 'true';
  if (isFileType(type)) return 'PATH';
  return type === 'string' ? 'TEXT' : String(min ?? max ?? 1);
}

function shown(value: Json): string {
  return quote(typeof value === 'string' ? value : JSON.stringify(value));
}
