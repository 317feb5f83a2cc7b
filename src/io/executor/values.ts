/** Output values of one execution: what may be kept with a result, and what a function's return value comes to. */
import type { Json } from '../../core/cell/types.ts';
import { VALUE_BYTES_MAX, VALUE_DEPTH_MAX, VALUE_NAME_LENGTH_MAX, VALUES_BYTES_MAX, VALUES_MAX } from './limits.ts';

export type Values = Record<string, Json>;
export type ValuesResult = { readonly ok: true; readonly values: Values } | { readonly ok: false; readonly message: string };

const namePattern = /^[A-Za-z_][A-Za-z0-9_.-]*$/;

/** @returns what is wrong with the name of a value, or ''. */
export function problemOfName(name: string): string {
  if (name === '__proto__') return 'a value cannot be named "__proto__"';
  if (name.length > VALUE_NAME_LENGTH_MAX) return `the name "${shortened(name)}" is longer than ${VALUE_NAME_LENGTH_MAX} characters`;
  if (!namePattern.test(name)) return `"${shortened(name)}" is no name for a value (letters, digits, "_", "-", "."; not a digit first)`;
  return '';
}

/** Checks values that are JSON already, e.g. from the wire or from an output file. */
export function checkValues(values: Readonly<Record<string, unknown>>): ValuesResult {
  const kept: Values = {};
  let bytes = 0;
  let count = 0;
  for (const name of Object.keys(values)) {
    const value = values[name];
    if (value === undefined) continue;
    const nameProblem = problemOfName(name);
    if (nameProblem !== '') return refuse(nameProblem);
    if (++count > VALUES_MAX) return refuse(`more than ${VALUES_MAX} values`);
    const encoded = encode(value);
    if (!encoded.ok) return refuse(`value "${name}" ${encoded.message}`);
    const valueBytes = Buffer.byteLength(encoded.text);
    if (valueBytes > VALUE_BYTES_MAX) {
      return refuse(`value "${name}" takes ${valueBytes} bytes as JSON; at most ${VALUE_BYTES_MAX} are kept inline: write bigger results to a file and give its path`);
    }
    bytes += valueBytes + name.length;
    if (bytes > VALUES_BYTES_MAX) return refuse(`the values together take more than ${VALUES_BYTES_MAX} bytes (reached at "${name}")`);
    kept[name] = wellFormed(JSON.parse(encoded.text) as Json);
  }
  return { ok: true, values: kept };
}

/** An object gives one value per key, other JSON the value `value`, undefined none. */
export function valuesOfReturn(returned: unknown): ValuesResult {
  if (returned === undefined) return { ok: true, values: {} };
  return isPlainObject(returned) ? checkValues(returned) : checkValues({ value: returned });
}

/** Plain or made by a class, but with keys of its own to read: not an array, a Date, a Map, a Buffer. */
function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  if (value instanceof Map || value instanceof Set || ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return false;
  return !('toJSON' in value && typeof value.toJSON === 'function');
}

function encode(value: unknown): { ok: true; text: string } | { ok: false; message: string } {
  if (value instanceof Map || value instanceof Set || ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    return { ok: false, message: `is a ${value.constructor.name}, which has no JSON form` };
  }
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    return { ok: false, message: `has no JSON form: ${firstLine(error)}` };
  }
  if (text === undefined) return { ok: false, message: `is a ${typeof value}, which has no JSON form` };
  if (text.length <= VALUE_BYTES_MAX && deeperThan(text, VALUE_DEPTH_MAX)) return { ok: false, message: `is nested deeper than ${VALUE_DEPTH_MAX}` };
  return { ok: true, text };
}

/** Counts brackets outside strings, so that no recursion depends on what a module wrote. */
function deeperThan(json: string, depthMax: number): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < json.length; at++) {
    const char = json[at];
    if (inString) {
      if (char === '\\') at++;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === '[' || char === '{') {
      if (++depth > depthMax) return true;
    } else if (char === ']' || char === '}') depth--;
  }
  return false;
}

/** Lone surrogates have no UTF-8 form: every replica must hold the same replacement. Depth is checked before. */
function wellFormed(value: Json): Json {
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: Json) => wellFormed(item));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key.toWellFormed(), wellFormed(item)]));
}

function shortened(name: string): string {
  return name.length > 40 ? `${name.slice(0, 40)}…` : name;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}

function refuse(message: string): ValuesResult {
  return { ok: false, message };
}
