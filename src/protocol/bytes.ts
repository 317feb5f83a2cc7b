/**
 * Reading and writing of compact binary layouts: unsigned varints (LEB128, at most 2^53 - 1), lengths and text.
 * Every reader error is FRAME_INVALID, so that bytes from a peer or a disk can never crash a node in another way.
 */
import { assert } from '../core/lib/assert.ts';
import { invalid } from './reader.ts';

/** Bytes of the longest varint: 2^53 - 1 takes 8 groups of 7 bits. */
export const VARINT_BYTES_MAX = 8;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Bytes that `value` takes as a varint. */
export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length += 1;
  return length;
}

/** Writes `value` at `offset`. @returns the offset after it. */
export function writeVarint(target: Uint8Array, offset: number, value: number): number {
  assert(Number.isSafeInteger(value) && value >= 0, `not an unsigned integer: ${value}`);
  let at = offset;
  let rest = value;
  while (rest >= 0x80) {
    target[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  target[at++] = rest;
  return at;
}

export function writeU32(target: Uint8Array, offset: number, value: number): void {
  target[offset] = value & 0xff;
  target[offset + 1] = (value >>> 8) & 0xff;
  target[offset + 2] = (value >>> 16) & 0xff;
  target[offset + 3] = value >>> 24;
}

/** Little endian. The caller has checked that 4 bytes are there. */
export function readU32(source: Uint8Array, offset: number): number {
  return (
    (source[offset]! | (source[offset + 1]! << 8) | (source[offset + 2]! << 16) | (source[offset + 3]! << 24)) >>> 0
  );
}

/** Walks over bytes it does not trust. Views it gives out share memory with the source. */
export class ByteReader {
  readonly bytes: Uint8Array;
  readonly end: number;
  position: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    assert(start >= 0 && start <= end && end <= bytes.length, 'reader outside its bytes');
    this.bytes = bytes;
    this.position = start;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  u8(): number {
    if (this.position >= this.end) throw invalid('ends too early');
    return this.bytes[this.position++]!;
  }

  /** Refuses encodings with leading zero groups, so each value has one form only. */
  varint(): number {
    const first = this.u8();
    if (first < 0x80) return first;
    let value = first & 0x7f;
    let scale = 128;
    for (let group = 1; group < VARINT_BYTES_MAX; group++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte >= 0x80) continue;
      if (byte === 0) throw invalid('varint is longer than needed');
      if (value > Number.MAX_SAFE_INTEGER) throw invalid('varint is over 2^53 - 1');
      return value;
    }
    throw invalid('varint is too long');
  }

  u32(): number {
    if (this.remaining < 4) throw invalid('ends too early');
    const value = readU32(this.bytes, this.position);
    this.position += 4;
    return value;
  }

  /** A view of the next `length` bytes. */
  take(length: number): Uint8Array {
    if (length > this.remaining) throw invalid('ends too early');
    const start = this.position;
    this.position += length;
    return this.bytes.subarray(start, this.position);
  }

  /** A varint length of at most `bytesMax`, then that much UTF-8. */
  text(bytesMax: number): string {
    const length = this.varint();
    if (length > bytesMax) throw invalid('text is too long');
    const bytes = this.take(length);
    try {
      return decoder.decode(bytes);
    } catch {
      throw invalid('text is not UTF-8');
    }
  }

  expectEnd(): void {
    if (this.position !== this.end) throw invalid('bytes left over');
  }
}
