/**
 * CBOR as it goes over the wire and to the disk: the same bytes as the `cborg` package (a test compares them), written at
 * several times its speed, since each message, each command and each snapshot passes here. Lists, texts, numbers, flags,
 * null, bytes and plain objects; every value has one form only (shortest numbers, keys in order).
 */
import { assert } from '../core/lib/assert.ts';
import { CBOR_DEPTH_MAX, SCRATCH_BYTES_MAX } from './limits.ts';

const SCRATCH_BYTES = 64 * 1024;
/** Texts up to this length are written by hand, which is faster than handing them over. */
const SHORT_TEXT = 48;
const TWO_32 = 2 ** 32;

const utf8 = new TextEncoder();
const float = new DataView(new ArrayBuffer(4));

let bytes = new Uint8Array(SCRATCH_BYTES);
let view = new DataView(bytes.buffer);
let at = 0;

/** @throws Error for what has no form: a function, a symbol, a bigint, what is nested too deeply. */
export function encodeCbor(value: unknown): Uint8Array {
  at = 0;
  write(value, 0);
  const encoded = bytes.slice(0, at);
  if (bytes.length > SCRATCH_BYTES_MAX) use(new Uint8Array(SCRATCH_BYTES));
  return encoded;
}

function use(scratch: Uint8Array<ArrayBuffer>): void {
  bytes = scratch;
  view = new DataView(scratch.buffer);
}

function room(count: number): void {
  if (at + count <= bytes.length) return;
  const larger = new Uint8Array(Math.max(2 * bytes.length, at + count));
  larger.set(bytes.subarray(0, at));
  use(larger);
}

function write(value: unknown, depth: number): void {
  room(9);
  switch (typeof value) {
    case 'number':
      return writeNumber(value);
    case 'string':
      return writeText(value);
    case 'boolean':
      bytes[at++] = value ? 0xf5 : 0xf4;
      return;
    case 'undefined':
      bytes[at++] = 0xf7;
      return;
    case 'object':
      return value === null ? void (bytes[at++] = 0xf6) : writeObject(value, depth + 1);
    default:
      throw new Error(`CBOR: a ${typeof value} has no form`);
  }
}

function writeObject(value: object, depth: number): void {
  if (depth > CBOR_DEPTH_MAX) throw new Error(`CBOR: nested deeper than ${CBOR_DEPTH_MAX}`);
  if (Array.isArray(value)) {
    writeHead(0x80, value.length);
    for (const item of value) write(item, depth);
  } else if (value instanceof Uint8Array) {
    writeHead(0x40, value.length);
    room(value.length);
    bytes.set(value, at);
    at += value.length;
  } else {
    assert(!(value instanceof Map), 'objects, not maps, are written as maps');
    const keys = Object.keys(value).sort(compareKeys);
    writeHead(0xa0, keys.length);
    for (const key of keys) {
      room(9);
      writeText(key);
      write((value as Record<string, unknown>)[key], depth);
    }
  }
}

/** Nine bytes are free. */
function writeHead(major: number, count: number): void {
  if (count < 24) {
    bytes[at++] = major | count;
  } else if (count < 0x100) {
    bytes[at] = major | 24;
    bytes[at + 1] = count;
    at += 2;
  } else if (count < 0x1_0000) {
    bytes[at] = major | 25;
    bytes[at + 1] = count >>> 8;
    bytes[at + 2] = count;
    at += 3;
  } else if (count < TWO_32) {
    bytes[at] = major | 26;
    view.setUint32(at + 1, count);
    at += 5;
  } else {
    bytes[at] = major | 27;
    view.setUint32(at + 1, Math.floor(count / TWO_32));
    view.setUint32(at + 5, count % TWO_32);
    at += 9;
  }
}

function writeNumber(value: number): void {
  if (!Number.isSafeInteger(value)) writeFloat(value);
  else if (value >= 0) writeHead(0, value);
  else writeHead(0x20, -1 - value);
}

/** As half, single or double: the first that loses nothing. */
function writeFloat(value: number): void {
  const half = Math.fround(value) === value || Number.isNaN(value) ? halfOf(value) : undefined;
  if (half !== undefined && half >= 0) {
    bytes[at] = 0xf9;
    view.setUint16(at + 1, half);
    at += 3;
  } else if (half !== undefined) {
    bytes[at] = 0xfa;
    view.setFloat32(at + 1, value);
    at += 5;
  } else {
    bytes[at] = 0xfb;
    view.setFloat64(at + 1, value);
    at += 9;
  }
}

/** Bits of a half for a number that a single holds, -1 if a half does not hold it. */
function halfOf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  float.setFloat32(0, value);
  const single = float.getUint32(0);
  const sign = (single >>> 16) & 0x8000;
  const exponent = ((single >>> 23) & 0xff) - 127;
  const mantissa = single & 0x7f_ffff;
  if (exponent === 128) return sign | 0x7c00;
  if (exponent >= -14 && exponent <= 15 && (mantissa & 0x1fff) === 0) return sign | ((exponent + 15) << 10) | (mantissa >>> 13);
  if (exponent >= -24 && exponent < -14 && mantissa === 0) return sign | (1 << (24 + exponent));
  return -1;
}

function writeText(text: string): void {
  if (text.length <= SHORT_TEXT && writeAscii(text)) return;
  const encoded = utf8.encode(text);
  room(9 + encoded.length);
  writeHead(0x60, encoded.length);
  bytes.set(encoded, at);
  at += encoded.length;
}

/** @returns false, with nothing written, if the text is more than ASCII. */
function writeAscii(text: string): boolean {
  const { length } = text;
  room(2 + length);
  const start = at;
  writeHead(0x60, length);
  for (let i = 0; i < length; i += 1) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) {
      at = start;
      return false;
    }
    bytes[at++] = code;
  }
  return true;
}

/** Shorter keys first, then by their bytes. */
function compareKeys(a: string, b: string): number {
  if (isAscii(a) && isAscii(b)) return a.length !== b.length ? a.length - b.length : a < b ? -1 : 1;
  const [left, right] = [utf8.encode(a), utf8.encode(b)];
  if (left.length !== right.length) return left.length - right.length;
  for (let i = 0; i < left.length; i += 1) if (left[i] !== right[i]) return (left[i] as number) - (right[i] as number);
  return 0;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}
