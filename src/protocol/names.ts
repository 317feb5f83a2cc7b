/**
 * Ids and names come again with every message. What they look like as bytes, and as texts, is remembered, so that they are
 * neither written nor read letter by letter each time; and who compares two of them compares the same object.
 */
import { Token, Tokenizer, Type, type DecodeOptions } from 'cborg';
import { NAMES_REMEMBERED_MAX } from './limits.ts';

const NAME_BYTES_MIN = 8;
const NAME_BYTES_MAX = 96;

const written = new Map<string, Token>();

/** For `typeEncoders` of the package, where all texts are names. */
export function nameToken(name: string): Token {
  const known = written.get(name);
  if (known !== undefined) return known;
  if (written.size >= NAMES_REMEMBERED_MAX) written.clear();
  const token = new Token(Type.string, name);
  written.set(name, token);
  return token;
}

/** By a hash of some of their bytes; all of them are compared. */
const read: (Token | undefined)[] = Array.from({ length: NAMES_REMEMBERED_MAX }, () => undefined);

/** Reads as the package does, but for short texts that it has read before. */
export class NameTokenizer extends Tokenizer {
  constructor(bytes: Uint8Array, options: DecodeOptions) {
    // Never a Buffer: byte strings would come as Buffers, too.
    super(bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), options);
  }

  override next(): Token {
    const { data, _pos: start } = this;
    const head = data[start] as number;
    // A text whose length is in its first byte, or in the one after it.
    const from = head > 0x60 && head < 0x78 ? start + 1 : head === 0x78 ? start + 2 : 0;
    if (from === 0) return super.next();
    const length = from === start + 1 ? head - 0x60 : (data[start + 1] as number);
    const end = from + length;
    if (length < NAME_BYTES_MIN || length > NAME_BYTES_MAX || end > data.length) return super.next();
    const slot = slotOf(data, from, length);
    const known = read[slot];
    if (known !== undefined && known.encodedLength === end - start && isSame(known.value as string, data, from, length)) {
      this._pos = end;
      return known;
    }
    const token = super.next();
    read[slot] = token;
    return token;
  }
}

function slotOf(data: Uint8Array, from: number, length: number): number {
  const sum = 7 * length + 31 * (data[from] as number) + 127 * (data[from + length - 1] as number) + 517 * (data[from + (length >> 1)] as number) + 67 * (data[from + (length >> 2)] as number);
  return sum % NAMES_REMEMBERED_MAX;
}

/** Only a text of ASCII is as long as its bytes. */
function isSame(text: string, data: Uint8Array, from: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i += 1) if (text.charCodeAt(i) !== data[from + i]) return false;
  return true;
}
