/**
 * A log that has ended, by places in what was printed: a reader that followed it live goes on at the same place, though
 * its middle may have been cut out meanwhile. The mark of the cut takes the place of what was cut.
 */
import type { LogRef } from '../../core/cell/types.ts';
import { utf8Length } from '../../core/lib/json-text.ts';
import { cutMark } from '../../core/lib/log-mark.ts';

export interface LogPart {
  /** Of its first byte in what was printed. */
  readonly offset: number;
  /** Where the next part begins. */
  readonly next: number;
  readonly bytes: Uint8Array;
}

/** What to read of the blob for the next part. */
export interface PartPlace {
  readonly offset: number;
  readonly from: number;
  readonly length: number;
  readonly isMark: boolean;
}

/** @returns undefined at the end. */
export function placeInBlob({ size, cut, cutAt }: LogRef, offset: number, lengthMax: number): PartPlace | undefined {
  const mark = cut === 0 ? 0 : utf8Length(cutMark(cut));
  const place = (from: number, end: number, isMark: boolean): PartPlace | undefined => (from >= end ? undefined : { offset, from, length: isMark ? end - from : Math.min(lengthMax, end - from), isMark });
  if (cut === 0) return place(offset, size, false);
  if (offset < cutAt) return place(offset, cutAt, false);
  if (offset < cutAt + cut) return place(cutAt, cutAt + mark, true);
  return place(offset - cut + mark, size, false);
}

/** A tail, by the same places. `[N bytes cut]` at its beginning says that it is not all. */
export function partOfTail(tail: string, offset: number): LogPart | undefined {
  const cut = /^\[(\d+) bytes cut\]\n/.exec(tail);
  const before = cut === null ? 0 : Number(cut[1]);
  const bytes = new TextEncoder().encode(tail);
  const mark = cut === null ? 0 : utf8Length(cut[0]);
  const total = before + bytes.byteLength - mark;
  if (offset >= total) return undefined;
  const from = offset < before ? 0 : mark + offset - before;
  return { offset, next: total, bytes: bytes.subarray(from) };
}

/** @returns how many bytes end with a whole character; all of them when they are no UTF-8 there. */
export function wholeCharacters(bytes: Uint8Array): number {
  const { length } = bytes;
  for (let back = 1; back <= Math.min(3, length); back++) {
    const byte = bytes[length - back]!;
    if ((byte & 0xc0) === 0x80) continue;
    const needs = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needs > back ? length - back : length;
  }
  return length;
}
