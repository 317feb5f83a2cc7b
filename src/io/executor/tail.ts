/** The last bytes of a stream that may be endless: constant memory, and text that never breaks a character. */
import { isUtf8 } from 'node:buffer';
import { TAIL_BYTES_MAX } from './limits.ts';

/** More than is shown, so that the cut can be moved to the start of a line. */
const KEEP_BYTES = 2 * TAIL_BYTES_MAX;
/** How far the start may move to begin with a whole line. */
const LINE_SEARCH_BYTES = 256;
/** Room for `[18014398509481984 bytes cut]\n`. */
const MARK_BYTES_MAX = 32;
const ESCAPE = 0x1b;
const NEWLINE = 0x0a;

export class Tail {
  #kept: Buffer | undefined;
  #length = 0;
  #total = 0;

  get empty(): boolean {
    return this.#total === 0;
  }

  /** The text is all there was, byte for byte. */
  get isWhole(): boolean {
    return this.#kept === undefined || (this.#total <= TAIL_BYTES_MAX && isUtf8(this.#kept.subarray(0, this.#length)));
  }

  /** What is left of what came from `offset` on. */
  since(offset: number): { readonly offset: number; readonly bytes: Uint8Array } {
    const first = this.#total - this.#length;
    const from = Math.min(this.#total, Math.max(first, offset));
    return { offset: from, bytes: Uint8Array.from(this.#kept?.subarray(from - first, this.#length) ?? []) };
  }

  append(bytes: Uint8Array): void {
    this.#total += bytes.length;
    this.#kept ??= Buffer.allocUnsafe(KEEP_BYTES);
    if (bytes.length >= KEEP_BYTES) {
      this.#kept.set(bytes.subarray(bytes.length - KEEP_BYTES));
      this.#length = KEEP_BYTES;
      return;
    }
    const overflow = this.#length + bytes.length - KEEP_BYTES;
    if (overflow > 0) {
      this.#kept.copyWithin(0, overflow, this.#length);
      this.#length -= overflow;
    }
    this.#kept.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  appendText(text: string): void {
    if (text === '') return;
    // Only the end can survive, so a huge string need not be encoded whole.
    const end = text.length > KEEP_BYTES ? text.slice(-KEEP_BYTES) : text;
    this.append(Buffer.from(end));
    this.#total += text.length - end.length;
  }

  clear(): void {
    this.#length = 0;
    this.#total = 0;
  }

  /** At most TAIL_BYTES_MAX bytes of UTF-8; starts with `[N bytes cut]` when something is missing. */
  text(): string {
    if (this.#kept === undefined) return '';
    return boundedText(this.#kept.subarray(0, this.#length), this.#total - this.#length);
  }
}

/** @param cutBytes how much was dropped before `bytes`. */
export function boundedText(bytes: Buffer, cutBytes: number): string {
  if (cutBytes === 0 && bytes.length <= TAIL_BYTES_MAX) {
    const whole = bytes.toString('utf8');
    // Bytes that are no UTF-8 grow by decoding; then it is cut like everything else.
    if (Buffer.byteLength(whole) <= TAIL_BYTES_MAX) return whole;
  }
  const room = TAIL_BYTES_MAX - MARK_BYTES_MAX;
  const decoded = isUtf8(bytes) ? bytes : Buffer.from(bytes.toString('utf8'));
  const start = cutPoint(decoded, Math.max(0, decoded.length - room));
  // Counted in bytes as they came, not as they grew by decoding.
  const cut = cutBytes + Math.round((start / decoded.length) * bytes.length);
  return `[${cut} bytes cut]\n${decoded.toString('utf8', start)}`;
}

/** Moves `from` forward past a broken character, a broken colour sequence, and to the next line if it is near. */
function cutPoint(bytes: Buffer, from: number): number {
  let start = from;
  while (start < bytes.length && ((bytes[start] ?? 0) & 0xc0) === 0x80) start++;
  if (start === 0) return 0;
  const newline = bytes.subarray(start - 1, start + LINE_SEARCH_BYTES).indexOf(NEWLINE);
  if (newline >= 0) return start + newline;
  const escape = bytes.subarray(Math.max(0, start - 16), start).lastIndexOf(ESCAPE);
  if (escape < 0) return start;
  let at = Math.max(0, start - 16) + escape + 2;
  while (at < bytes.length && ((bytes[at] ?? 0) < 0x40 || (bytes[at] ?? 0) > 0x7e)) at++;
  return Math.max(start, at + 1);
}

/** Cuts text to at most `bytesMax` bytes of UTF-8, from the end, at a character. */
export function clipText(text: string, bytesMax: number): string {
  if (text.length * 3 <= bytesMax || Buffer.byteLength(text) <= bytesMax) return text.toWellFormed();
  const bytes = Buffer.from(text.slice(0, bytesMax));
  let end = Math.min(bytes.length, bytesMax - 3);
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return `${bytes.toString('utf8', 0, end)}…`;
}
