/**
 * Reads what `encodeCbor` writes, from a peer or a disk that nobody trusts: no tags, no indefinite lengths, no numbers
 * that are not exact, no key twice. Maps come as `Map`, so that no key of a peer can touch a prototype.
 */
import { SkeinError } from '../errors.ts';
import { CBOR_DEPTH_MAX, TEXTS_REMEMBERED_MAX } from './limits.ts';

/** Texts up to so many bytes are read by hand and remembered: ids and names come again with every message. */
const SHORT_TEXT_BYTES = 48;
const TWO_32 = 2 ** 32;

const NOTHING = new Uint8Array(0);
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const float = new DataView(new ArrayBuffer(8));
/** By a hash of some of their bytes; all are compared before one is used. */
const texts: string[] = Array.from({ length: TEXTS_REMEMBERED_MAX }, () => '');

let bytes: Uint8Array = NOTHING;
let at = 0;

/** Byte strings come as copies. @throws SkeinError FRAME_INVALID */
export function decodeCbor(encoded: Uint8Array): unknown {
  bytes = encoded;
  at = 0;
  try {
    const value = read(0);
    if (at !== bytes.length) throw bad('bytes are left over');
    return value;
  } finally {
    bytes = NOTHING;
  }
}

function bad(what: string): SkeinError {
  return new SkeinError('FRAME_INVALID', `not CBOR: ${what} at byte ${at}`);
}

function read(depth: number): unknown {
  if (at >= bytes.length) throw bad('it ends too early');
  const initial = bytes[at++] as number;
  const minor = initial & 0x1f;
  switch (initial >>> 5) {
    case 0:
      return exact(readCount(minor));
    case 1:
      return exact(-1 - readCount(minor));
    case 2:
      return readBytes(readCount(minor));
    case 3:
      return readText(readCount(minor));
    case 4:
      return readList(readCount(minor), depth + 1);
    case 5:
      return readMap(readCount(minor), depth + 1);
    case 7:
      return readSimple(minor);
    default:
      throw bad('a tag');
  }
}

function need(count: number): void {
  if (count > bytes.length - at) throw bad('it ends too early');
}

function exact(value: number): number {
  if (!Number.isSafeInteger(value)) throw bad('an integer that is not exact');
  return value;
}

/** The number in the head, in its shortest form only. */
function readCount(minor: number): number {
  if (minor < 24) return minor;
  if (minor > 27) throw bad('an indefinite length');
  const width = 1 << (minor - 24);
  need(width);
  let value = 0;
  for (let i = 0; i < width; i += 1) value = value * 256 + (bytes[at + i] as number);
  if (value < (minor === 24 ? 24 : minor === 25 ? 0x100 : minor === 26 ? 0x1_0000 : TWO_32)) throw bad('a number longer than needed');
  at += width;
  return value;
}

function readBytes(length: number): Uint8Array {
  need(length);
  const copy = new Uint8Array(length);
  copy.set(bytes.subarray(at, at + length));
  at += length;
  return copy;
}

function readList(length: number, depth: number): unknown[] {
  if (depth > CBOR_DEPTH_MAX) throw bad('too deeply nested');
  // Each item takes a byte at least: nobody makes this node reserve memory with a length alone.
  need(length);
  const list: unknown[] = [];
  for (let i = 0; i < length; i += 1) list.push(read(depth));
  return list;
}

function readMap(size: number, depth: number): Map<unknown, unknown> {
  if (depth > CBOR_DEPTH_MAX) throw bad('too deeply nested');
  need(2 * size);
  const map = new Map<unknown, unknown>();
  for (let i = 0; i < size; i += 1) {
    const key = read(depth);
    if (map.has(key)) throw bad('a key twice');
    map.set(key, read(depth));
  }
  return map;
}

function readSimple(minor: number): unknown {
  switch (minor) {
    case 20:
      return false;
    case 21:
      return true;
    case 22:
      return null;
    case 25:
      return half(fill(2).getUint16(0));
    case 26:
      return fill(4).getFloat32(0);
    case 27:
      return fill(8).getFloat64(0);
    default:
      throw bad('neither a flag, null nor a number');
  }
}

function fill(width: number): DataView {
  need(width);
  for (let i = 0; i < width; i += 1) float.setUint8(i, bytes[at + i] as number);
  at += width;
  return float;
}

function half(bits: number): number {
  const exponent = (bits >>> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  const value = exponent === 31 ? (mantissa === 0 ? Infinity : NaN) : exponent === 0 ? mantissa * 2 ** -24 : (mantissa + 1024) * 2 ** (exponent - 25);
  return bits & 0x8000 ? -value : value;
}

function readText(length: number): string {
  need(length);
  const end = at + length;
  const text = (length <= SHORT_TEXT_BYTES ? remembered(end) : undefined) ?? decoded(end);
  at = end;
  return text;
}

function decoded(end: number): string {
  try {
    return utf8.decode(bytes.subarray(at, end));
  } catch {
    throw bad('a text that is not UTF-8');
  }
}

/** Undefined if it is more than ASCII. */
function remembered(end: number): string | undefined {
  const length = end - at;
  if (length === 0) return '';
  const slot = (length * 7 + (bytes[at] as number) * 31 + (bytes[end - 1] as number) * 127 + (bytes[at + (length >>> 1)] as number) * 517 + (bytes[at + (length >>> 2)] as number) * 67) % TEXTS_REMEMBERED_MAX;
  const known = texts[slot] as string;
  if (known.length === length && same(known)) return known;
  for (let i = at; i < end; i += 1) if ((bytes[i] as number) > 0x7f) return undefined;
  const text = String.fromCharCode.apply(undefined, bytes.subarray(at, end) as unknown as number[]);
  texts[slot] = text;
  return text;
}

/** Is this, all of it ASCII, what stands here? */
function same(known: string): boolean {
  for (let i = 0; i < known.length; i += 1) if (known.charCodeAt(i) !== bytes[at + i]) return false;
  return true;
}
