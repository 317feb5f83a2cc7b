/** Reads the keys of one map: unknown ones, wrong types and bounds become problems that name the place and the key. */
import { unreachable } from '../core/lib/assert.ts';
import { hasExpression } from './expression-syntax.ts';
import { VALUE_BYTES_MAX } from './limits.ts';
import type { InputEntry, InputList, InputMap, InputNode } from './input.ts';
import { didYouMean, NOWHERE, quote, type Problems, type Span } from './problems.ts';
import { suggest } from './suggest.ts';
import { DURATION_FORM, formatDuration, parseDuration, parseSize, SIZE_FORM } from './units.ts';

/** The keys that a map may have, may have in a later version, or has in other tools. */
export interface Vocabulary {
  readonly known: readonly string[];
  readonly later?: readonly string[];
  readonly foreign?: Readonly<Record<string, string>>;
}

export interface IntegerBounds {
  readonly min: number;
  readonly max: number;
}

export class Fields {
  readonly #problems: Problems;
  readonly #where: string;
  readonly #entries = new Map<string, InputEntry>();

  /** @param where `module x` or '' for the pipeline itself; begins each message. */
  constructor(map: InputMap, where: string, vocabulary: Vocabulary, problems: Problems) {
    this.#problems = problems;
    this.#where = where;
    for (const entry of map.entries) {
      if (vocabulary.known.includes(entry.key)) this.#entries.set(entry.key, entry);
      else this.#refuse(entry, vocabulary);
    }
  }

  get keys(): string[] {
    return [...this.#entries.keys()];
  }

  get(key: string): InputNode | undefined {
    return this.#entries.get(key)?.value;
  }

  keySpan(key: string): Span {
    return this.#entries.get(key)?.keySpan ?? NOWHERE;
  }

  /** "module `x`: `key`", as messages begin. */
  label(key: string): string {
    return this.#where === '' ? quote(key) : `${this.#where}: ${quote(key)}`;
  }

  text(key: string): string | undefined {
    const node = this.get(key);
    if (node === undefined) return undefined;
    if (node.kind === 'scalar' && typeof node.value === 'string') return node.value;
    return this.wrong(node, key, 'must be a string', { hint: node.kind === 'scalar' && node.value !== null ? 'put it in quotes' : undefined });
  }

  flag(key: string): boolean | undefined {
    const node = this.get(key);
    if (node === undefined) return undefined;
    if (node.kind === 'scalar' && typeof node.value === 'boolean') return node.value;
    return this.wrong(node, key, 'must be true or false');
  }

  integer(key: string, { min, max }: IntegerBounds): number | undefined {
    const node = this.get(key);
    const value = this.#inBounds(node, min, max);
    if (node === undefined || Number.isInteger(value)) return value;
    return this.wrong(node, key, `must be a whole number from ${min} to ${max}`);
  }

  number(key: string, { min, max }: IntegerBounds): number | undefined {
    const node = this.get(key);
    if (node === undefined) return undefined;
    return this.#inBounds(node, min, max) ?? this.wrong(node, key, `must be a number from ${min} to ${max}`);
  }

  #inBounds(node: InputNode | undefined, min: number, max: number): number | undefined {
    const value = node?.kind === 'scalar' ? node.value : undefined;
    return typeof value === 'number' && value >= min && value <= max ? value : undefined;
  }

  /** @returns milliseconds. */
  duration(key: string, { min, max }: IntegerBounds): number | undefined {
    const node = this.get(key);
    if (node === undefined) return undefined;
    const value = node.kind === 'scalar' && typeof node.value === 'string' ? parseDuration(node.value) : undefined;
    if (value === undefined) {
      const bare = node.kind === 'scalar' && typeof node.value === 'number';
      return this.wrong(node, key, 'must be a duration', { allowed: DURATION_FORM, hint: bare ? `did you mean ${quote(`${node.source}s`)}?` : undefined });
    }
    if (value >= min && value <= max) return value;
    return this.wrong(node, key, 'is out of range', { allowed: `${formatDuration(min)} to ${formatDuration(max)}` });
  }

  /** @returns bytes. */
  size(key: string): number | undefined {
    const node = this.get(key);
    if (node === undefined) return undefined;
    const value = node.kind === 'scalar' && typeof node.value === 'string' ? parseSize(node.value) : undefined;
    return value ?? this.wrong(node, key, 'must be a size', { allowed: SIZE_FORM });
  }

  /** A list of strings, or one string for a list of one. Items keep their places. */
  texts(key: string, max: number): { readonly text: string; readonly span: Span }[] | undefined {
    const node = this.get(key);
    if (node === undefined) return undefined;
    const items = node.kind === 'list' ? node.items : [node];
    if (items.length > max) return this.wrong(node, key, `has ${items.length} items`, { allowed: `at most ${max}` });
    const result: { text: string; span: Span }[] = [];
    for (const item of items) {
      if (item.kind === 'scalar' && typeof item.value === 'string') result.push({ text: item.value, span: item.span });
      else this.wrong(item, key, 'must be a string or a list of strings');
    }
    return result;
  }

  map(key: string): InputMap | undefined {
    const node = this.get(key);
    if (node === undefined || node.kind === 'map') return node;
    return this.wrong(node, key, 'must be a map', { allowed: 'a map of keys and values' });
  }

  list(key: string, of: string): InputList | undefined {
    const node = this.get(key);
    if (node === undefined || node.kind === 'list') return node;
    return this.wrong(node, key, `must be a list of ${of}`);
  }

  /** Adds "label(key) + says" at the node; returns undefined, so that readers can return it. */
  wrong(node: InputNode, key: string, says: string, detail: { readonly allowed?: string; readonly hint?: string | undefined } = {}): undefined {
    const expression = node.kind === 'scalar' && typeof node.value === 'string' && hasExpression(node.value);
    const hint = expression ? 'expressions work in `run` and in `env` only' : detail.hint;
    this.#problems.add(node.span, `${this.label(key)} ${says}`, { ...detail, hint, found: describe(node) });
    return undefined;
  }

  #refuse({ key, keySpan }: InputEntry, { known, later = [], foreign = {} }: Vocabulary): void {
    const inWhere = this.#where === '' ? '' : ` in ${this.#where}`;
    const replacement = Object.hasOwn(foreign, key) ? foreign[key] : undefined;
    if (later.includes(key)) {
      this.#problems.add(keySpan, `${quote(key)} is not available in this version${inWhere === '' ? '' : ` (${this.#where})`}`, { hint: replacement });
      return;
    }
    this.#problems.add(keySpan, `unknown key ${quote(key)}${inWhere}`, { allowed: known.filter((word) => !word.startsWith('$')).join(', '), hint: replacement ?? didYouMean(suggest(key, known)) });
  }
}

/** What stands there, in words. */
export function describe(node: InputNode): string {
  switch (node.kind) {
    case 'map':
      return 'a map';
    case 'list':
      return `a list of ${node.items.length}`;
    case 'other':
      return node.what;
    case 'scalar':
      if (node.value === null) return 'nothing';
      return `the ${typeof node.value} ${quote(node.source)}`;
    default:
      return unreachable(node);
  }
}

/** Names that mean something to JavaScript objects; refused everywhere so that no code needs to care. */
const reservedNames = new Set(['__proto__', 'constructor', 'prototype']);

export function isReserved(name: string): boolean {
  return reservedNames.has(name);
}

const encoder = new TextEncoder();

export function bytesOf(text: string): number {
  return encoder.encode(text).length;
}

/** @returns what is wrong with a value that becomes an environment variable or a parameter, or undefined. */
export function valueFault(text: string): string | undefined {
  if (text.includes('\0')) return 'holds a NUL character, which no variable can';
  if (!text.isWellFormed()) return 'holds half of a surrogate pair';
  const bytes = text.length > VALUE_BYTES_MAX / 3 ? bytesOf(text) : 0;
  return bytes > VALUE_BYTES_MAX ? `is ${bytes} bytes; a variable holds at most ${VALUE_BYTES_MAX}` : undefined;
}
