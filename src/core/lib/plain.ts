/**
 * The plain form: what snapshots are made of. Positional arrays of simple values, so that any codec carries it and its
 * hash needs no rule about the order of keys.
 */
import { SkeinError } from '../../errors.ts';
import type { Hasher } from './hash.ts';

export type Plain = null | boolean | number | string | Uint8Array | readonly Plain[];

export function hashPlain(hasher: Hasher, plain: Plain): void {
  if (typeof plain === 'string') hasher.word(1).text(plain);
  else if (typeof plain === 'number') hasher.word(2).number(plain);
  else if (plain === null) hasher.word(3);
  else if (typeof plain === 'boolean') hasher.word(plain ? 4 : 5);
  else if (plain instanceof Uint8Array) hasher.word(6).bytes(plain);
  else {
    hasher.word(7).word(plain.length);
    for (const item of plain) hashPlain(hasher, item);
  }
}

export function damaged(what: string): SkeinError {
  return new SkeinError('LOG_DAMAGED', `snapshot: ${what}`);
}

/** Reads a positional array front to back. Every method throws LOG_DAMAGED on another kind of value. */
export class PlainReader {
  private readonly items: readonly Plain[];
  private readonly what: string;
  private at = 0;

  constructor(plain: Plain | undefined, what: string) {
    if (!Array.isArray(plain)) throw damaged(`${what} is not a list`);
    this.items = plain;
    this.what = what;
  }

  text(): string {
    const value = this.next();
    if (typeof value !== 'string') throw this.wrong('text');
    return value;
  }

  number(): number {
    const value = this.next();
    if (typeof value !== 'number' || !Number.isFinite(value)) throw this.wrong('a number');
    return value;
  }

  /** A safe integer from 0. */
  count(): number {
    const value = this.number();
    if (!Number.isSafeInteger(value) || value < 0) throw this.wrong('a count');
    return value;
  }

  flag(): boolean {
    const value = this.next();
    if (typeof value !== 'boolean') throw this.wrong('a flag');
    return value;
  }

  bytes(): Uint8Array {
    const value = this.next();
    if (!(value instanceof Uint8Array)) throw this.wrong('bytes');
    return value;
  }

  bytesOrNull(): Uint8Array | null {
    return this.items[this.at] === null ? this.skipNull() : this.bytes();
  }

  list(): readonly Plain[] {
    const value = this.next();
    if (!Array.isArray(value)) throw this.wrong('a list');
    return value as readonly Plain[];
  }

  textOrNull(): string | null {
    return this.items[this.at] === null ? this.skipNull() : this.text();
  }

  numberOrNull(): number | null {
    return this.items[this.at] === null ? this.skipNull() : this.number();
  }

  listOrNull(): readonly Plain[] | null {
    return this.items[this.at] === null ? this.skipNull() : this.list();
  }

  /** JSON text, parsed. */
  json(): unknown {
    const text = this.text();
    try {
      return JSON.parse(text);
    } catch {
      throw this.wrong('JSON');
    }
  }

  /** Items that are nobody's are damage too. */
  end(): void {
    if (this.at !== this.items.length) throw damaged(`${this.what} has ${this.items.length} items, expected ${this.at}`);
  }

  private skipNull(): null {
    this.at++;
    return null;
  }

  private next(): Plain {
    if (this.at >= this.items.length) throw damaged(`${this.what} ends after ${this.items.length} items`);
    return this.items[this.at++]!;
  }

  private wrong(expected: string): SkeinError {
    return damaged(`${this.what}, item ${this.at - 1}: expected ${expected}`);
  }
}
