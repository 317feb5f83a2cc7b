/** Reads values out of a parsed JSON document and keeps what is wrong with them, each with its path. */
import { PROBLEMS_MAX } from '../limits.ts';
import { Problems, quote, type ProblemDetail } from '../problems.ts';
import { pathText, placeOf, type JsonPath } from './json-place.ts';
import { syntaxFault } from './json-syntax.ts';

export type JsonMap = Readonly<Record<string, unknown>>;

export interface NumberBounds {
  readonly max: number;
  /** What it counts, for messages. */
  readonly unit: string;
}

export class JsonFields {
  readonly #file: string;
  readonly #text: string;
  readonly #faults: { readonly path: JsonPath; readonly message: string; readonly detail: ProblemDetail }[] = [];
  #count = 0;

  constructor(file: string, text: string) {
    this.#file = file;
    this.#text = text;
  }

  /** @throws SkeinError PIPELINE_INVALID when the text is no JSON, with the place. */
  parse(): unknown {
    try {
      return JSON.parse(this.#text);
    } catch (error) {
      const fault = syntaxFault(this.#text) ?? { at: 0, allowed: 'JSON' };
      // An empty text has no line 1 for a place to be in.
      const problems = new Problems(this.#file, this.#text === '' ? ' ' : this.#text);
      const found = fault.at >= this.#text.length ? 'the end of the text' : quote(this.#text.slice(fault.at, fault.at + 1));
      problems.add({ start: fault.at, end: fault.at + 1 }, 'not valid JSON', { found, allowed: fault.allowed });
      problems.throwIfAny();
      throw error;
    }
  }

  add(path: JsonPath, message: string, detail: ProblemDetail = {}): void {
    this.#count++;
    if (this.#faults.length < PROBLEMS_MAX) this.#faults.push({ path, message, detail });
  }

  get count(): number {
    return this.#count;
  }

  throwIfAny(): void {
    if (this.#count === 0) return;
    const problems = new Problems(this.#file, this.#text);
    for (const { path, message, detail } of this.#faults) problems.add(placeOf(this.#text, path), message, detail);
    for (let rest = this.#faults.length; rest < this.#count; rest++) problems.add({ start: 0, end: 1 }, '');
    problems.throwIfAny();
  }

  map(value: unknown, path: JsonPath): JsonMap | undefined {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonMap;
    return this.#wrong(value, path, 'must be a map');
  }

  list(value: unknown, path: JsonPath): readonly unknown[] | undefined {
    return Array.isArray(value) ? (value as unknown[]) : this.#wrong(value, path, 'must be a list');
  }

  /** undefined stays undefined; null counts as absent. */
  text(map: JsonMap, key: string, path: JsonPath): string | undefined {
    const value = map[key];
    if (value === undefined || value === null || typeof value === 'string') return value ?? undefined;
    return this.#wrong(value, [...path, key], 'must be a string');
  }

  texts(map: JsonMap, key: string, path: JsonPath): readonly string[] {
    const value = map[key];
    if (value === undefined || value === null) return [];
    const items = this.list(value, [...path, key]) ?? [];
    return items.filter((item, i): item is string => typeof item === 'string' || this.#wrong(item, [...path, key, i], 'must be a string') !== undefined);
  }

  /** A number from 0; absent and null are undefined. */
  amount(map: JsonMap, key: string, path: JsonPath, { max, unit }: NumberBounds): number | undefined {
    const value = map[key];
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'number' && value >= 0 && value <= max) return value;
    return this.#wrong(value, [...path, key], `must be ${unit}`, { allowed: `a number from 0 to ${max}` });
  }

  #wrong(value: unknown, path: JsonPath, says: string, detail: ProblemDetail = {}): undefined {
    this.add(path, `${path.length === 0 ? 'the document' : quote(pathText(path))} ${says}`, { found: describe(value), ...detail });
    return undefined;
  }
}

function describe(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === 'object' ? 'a map' : `the ${typeof value} ${quote(JSON.stringify(value))}`;
}
