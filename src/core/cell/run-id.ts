/**
 * Run ids: `<short>-<cellId>`. The short part is the log index of the Submit in base 32, scrambled so that ids of
 * neighbouring runs look different and a typing error rarely hits another run. It is a bijection per length, so it is
 * unique within the cell and leads back to the index without a table.
 */
import { Hasher } from '../lib/hash.ts';
import type { CellId, LogIndex, RunId, RunNumber } from '../lib/ids.ts';

/** Without l, o, 0, 1, which people mix up. */
const alphabet = 'abcdefghijkmnpqrstuvwxyz23456789';
const DIGITS_MIN = 4;
const DIGITS_MAX = 10;
const SPREAD = 0x9e3779b97f4a7c15n;

function digitsFor(index: LogIndex): number {
  let digits = DIGITS_MIN;
  while (digits < DIGITS_MAX && index >= 32 ** digits) digits++;
  return digits;
}

function maskOf(digits: number): bigint {
  return (1n << BigInt(5 * digits)) - 1n;
}

function saltOf(cell: CellId, digits: number): bigint {
  const [high, low] = new Hasher().text(cell).digest();
  return ((BigInt(high) << 32n) | BigInt(low)) & maskOf(digits);
}

/** Inverse of an odd number modulo a power of two, by Newton's iteration. */
function inverseOf(odd: bigint, mask: bigint): bigint {
  let inverse = odd;
  for (let i = 0; i < 6; i++) inverse = (inverse * (2n - odd * inverse)) & mask;
  return inverse;
}

/** Each step is a bijection on the numbers up to `mask`: xor, odd factor, xor of the upper half into the lower. */
function scramble(value: bigint, salt: bigint, digits: number): bigint {
  const mask = maskOf(digits);
  const half = BigInt(Math.ceil((5 * digits) / 2));
  let x = (value ^ salt) & mask;
  x = (x * SPREAD) & mask;
  x ^= x >> half;
  return (x * SPREAD) & mask;
}

function unscramble(value: bigint, salt: bigint, digits: number): bigint {
  const mask = maskOf(digits);
  const half = BigInt(Math.ceil((5 * digits) / 2));
  const inverse = inverseOf(SPREAD & mask, mask);
  let x = (value * inverse) & mask;
  x ^= x >> half;
  x = (x * inverse) & mask;
  return (x ^ salt) & mask;
}

/** @param index of the Submit entry, below 2^50. */
export function shortIdOf(cell: CellId, index: LogIndex): string {
  const digits = digitsFor(index);
  let rest = scramble(BigInt(index), saltOf(cell, digits), digits);
  let text = '';
  for (let i = 0; i < digits; i++) {
    text += alphabet[Number(rest & 31n)]!;
    rest >>= 5n;
  }
  return text;
}

export function runIdOf(cell: CellId, index: LogIndex): RunId {
  return `${shortIdOf(cell, index)}-${cell}` as RunId;
}

/** The run number that a whole short part stands for in this cell, or undefined if no run can have it. */
export function runNumberOfShort(cell: CellId, short: string): RunNumber | undefined {
  if (short.length < DIGITS_MIN || short.length > DIGITS_MAX) return undefined;
  let value = 0n;
  for (let i = short.length - 1; i >= 0; i--) {
    const digit = alphabet.indexOf(short[i]!);
    if (digit === -1) return undefined;
    value = (value << 5n) | BigInt(digit);
  }
  const index = Number(unscramble(value, saltOf(cell, short.length), short.length));
  return digitsFor(index) === short.length ? index : undefined;
}

/** Splits a run id; the cell part may be shortened by its user and is not checked here. */
export function parseRunId(text: string): { readonly short: string; readonly cell: string } {
  const dash = text.indexOf('-');
  return dash === -1 ? { short: text, cell: '' } : { short: text.slice(0, dash), cell: text.slice(dash + 1) };
}
