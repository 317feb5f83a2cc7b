/**
 * Reading of decoded CBOR, field by field, with a check at each: bytes from a peer never reach the rest of the node
 * before their form is known. Messages are positional arrays (a map costs eight times as much); records are flat
 * key-value lists, so that no key of a peer can touch a prototype.
 */
import { decode, encode } from 'cborg';
import { SkeinError } from '../errors.ts';
import type { Json } from '../core/cell/types.ts';
import { wireCbor } from './wire-cbor.ts';
import { JSON_DEPTH_MAX, LIST_LENGTH_MAX, NAME_LENGTH_MAX, TEXT_LENGTH_MAX } from './limits.ts';
import { NameTokenizer } from './names.ts';

export function invalid(message: string): SkeinError {
  return new SkeinError('FRAME_INVALID', message);
}

/** Encodes arrays, strings, numbers, booleans, null and bytes. */
export function encodeWire(value: unknown): Uint8Array {
  return encode(value);
}

/** @throws SkeinError FRAME_INVALID */
export function decodeWire(bytes: Uint8Array): Reader {
  let value: unknown;
  try {
    value = decode(bytes, { ...wireCbor, tokenizer: new NameTokenizer(bytes, wireCbor) });
  } catch (error) {
    throw invalid(`not CBOR: ${error instanceof Error ? error.message : String(error)}`);
  }
  return new Reader(value);
}

/** A cursor over one positional array. Every method throws SkeinError FRAME_INVALID when the next field does not fit. */
export class Reader {
  readonly #fields: readonly unknown[];
  #position = 0;

  constructor(value: unknown) {
    if (!Array.isArray(value)) throw invalid('expected a list');
    this.#fields = value;
  }

  get remaining(): number {
    return this.#fields.length - this.#position;
  }

  #next(): unknown {
    if (this.#position >= this.#fields.length) throw invalid(`field ${this.#position} is missing`);
    return this.#fields[this.#position++];
  }

  #fail(expected: string): SkeinError {
    return invalid(`field ${this.#position - 1} is not ${expected}`);
  }

  /** Non-negative safe integer. */
  int(): number {
    const value = this.#next();
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw this.#fail('a non-negative integer');
    return value;
  }

  intOrNull(): number | null {
    const value = this.#next();
    if (value === null) return null;
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw this.#fail('an integer or null');
    return value;
  }

  /** Finite number. */
  number(): number {
    const value = this.#next();
    if (typeof value !== 'number' || !Number.isFinite(value)) throw this.#fail('a finite number');
    return value;
  }

  boolean(): boolean {
    const value = this.#next();
    if (typeof value !== 'boolean') throw this.#fail('true or false');
    return value;
  }

  string(lengthMax = NAME_LENGTH_MAX): string {
    const value = this.#next();
    if (typeof value !== 'string') throw this.#fail('a text');
    if (value.length > lengthMax) throw this.#fail(`a text of at most ${lengthMax} characters`);
    return value;
  }

  text(): string {
    return this.string(TEXT_LENGTH_MAX);
  }

  oneOf<const T extends string>(allowed: readonly T[]): T {
    const value = this.#next();
    if (typeof value !== 'number' || !Number.isInteger(value)) throw this.#fail('a code');
    const found = allowed[value];
    if (found === undefined) throw this.#fail(`a code below ${allowed.length}`);
    return found;
  }

  bytes(lengthMax: number): Uint8Array {
    const value = this.#next();
    if (!(value instanceof Uint8Array)) throw this.#fail('bytes');
    if (value.length > lengthMax) throw this.#fail(`at most ${lengthMax} bytes`);
    return value;
  }

  bytesOrNull(lengthMax: number): Uint8Array | null {
    if (this.#fields[this.#position] !== null) return this.bytes(lengthMax);
    this.#position += 1;
    return null;
  }

  list<T>(item: (reader: Reader) => T, lengthMax = LIST_LENGTH_MAX): T[] {
    const value = this.#next();
    if (!Array.isArray(value)) throw this.#fail('a list');
    if (value.length > lengthMax) throw this.#fail(`a list of at most ${lengthMax}`);
    return value.map((entry) => item(new Reader(entry)));
  }

  strings(countMax = 4096, lengthMax = NAME_LENGTH_MAX): string[] {
    return this.sub().rest(countMax, lengthMax);
  }

  /** What is left is texts. */
  rest(countMax: number, lengthMax = NAME_LENGTH_MAX): string[] {
    if (this.remaining > countMax) throw this.#fail(`a list of at most ${countMax}`);
    const out: string[] = [];
    while (this.remaining > 0) out.push(this.string(lengthMax));
    return out;
  }

  ints(countMax = LIST_LENGTH_MAX): number[] {
    const reader = this.sub();
    if (reader.remaining > countMax) throw this.#fail(`a list of at most ${countMax}`);
    const out: number[] = [];
    while (reader.remaining > 0) out.push(reader.int());
    return out;
  }

  sub(): Reader {
    const value = this.#next();
    if (!Array.isArray(value)) throw this.#fail('a list');
    return new Reader(value);
  }

  /** `null` or a list. */
  maybe<T>(item: (reader: Reader) => T): T | null {
    const value = this.#next();
    return value === null ? null : item(new Reader(value));
  }

  record<T>(value: (reader: Reader) => T, countMax = 4096): Record<string, T> {
    const reader = this.sub();
    if (reader.remaining > countMax * 2) throw this.#fail(`a record of at most ${countMax}`);
    const entries: Array<[string, T]> = [];
    while (reader.remaining > 0) entries.push([reader.string(), value(reader)]);
    return Object.fromEntries(entries);
  }

  json(): Json {
    return toJson(this.#next(), 0);
  }

  end(): void {
    if (this.remaining !== 0) throw invalid(`${this.remaining} fields too many`);
  }
}

function toJson(value: unknown, depth: number): Json {
  if (depth > JSON_DEPTH_MAX) throw invalid(`a value is nested deeper than ${JSON_DEPTH_MAX}`);
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw invalid('a number is not finite');
    return value;
  }
  if (Array.isArray(value)) return value.map((item) => toJson(item, depth + 1));
  if (value instanceof Map) {
    const entries: Array<[string, Json]> = [];
    for (const [key, item] of value) {
      if (typeof key !== 'string') throw invalid('a key is not a text');
      entries.push([key, toJson(item, depth + 1)]);
    }
    return Object.fromEntries(entries);
  }
  throw invalid('a value is not JSON');
}

/** A flat key-value list, the wire form of a record, sorted: equal records have equal bytes. */
export function flat<T>(record: Readonly<Record<string, T>>, value: (item: T) => unknown = (item) => item): unknown[] {
  const entries = Object.entries(record);
  if (entries.length > 1) entries.sort(([a], [b]) => (a < b ? -1 : 1));
  const out: unknown[] = [];
  for (const [key, item] of entries) out.push(key, value(item));
  return out;
}
