/**
 * A 128-bit non-cryptographic hash with streaming input. It serves equality of states and inputs between nodes that
 * trust each other (they share the cluster key); it does not resist somebody who wants a collision.
 * Two independent 64-bit halves, each a bijective mix per 32-bit word, finished like MurmurHash3. Only 32-bit integer
 * operations: the same on every machine.
 */
const scratch = new DataView(new ArrayBuffer(8));

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function finish(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function hex(word: number): string {
  return word.toString(16).padStart(8, '0');
}

export class Hasher {
  private a = 0x243f6a88;
  private b = 0x85a308d3;
  private c = 0x13198a2e;
  private d = 0x03707344;

  /** Takes the low 32 bits. */
  word(value: number): this {
    const first = Math.imul(rotate(Math.imul(value, 0xcc9e2d51), 15), 0x1b873593);
    const second = Math.imul(rotate(Math.imul(value, 0x239b961b), 17), 0xab0e9789);
    this.a = (Math.imul(rotate(this.a ^ first, 13) + this.b, 5) + 0xe6546b64) | 0;
    this.b = rotate(this.b, 7) ^ this.a;
    this.c = (Math.imul(rotate(this.c ^ second, 15) + this.d, 5) + 0x561ccd1b) | 0;
    this.d = rotate(this.d, 11) ^ this.c;
    return this;
  }

  /** Any number; -0 counts as 0, since some encodings do not keep its sign. */
  number(value: number): this {
    scratch.setFloat64(0, value === 0 ? 0 : value);
    return this.word(scratch.getUint32(0)).word(scratch.getUint32(4));
  }

  /** By UTF-16 code units, two a word, length first. */
  text(value: string): this {
    const length = value.length;
    this.word(length);
    let i = 0;
    for (; i + 1 < length; i += 2) this.word(value.charCodeAt(i) | (value.charCodeAt(i + 1) << 16));
    if (i < length) this.word(value.charCodeAt(i));
    return this;
  }

  bytes(value: Uint8Array): this {
    this.word(value.length);
    let i = 0;
    for (; i + 3 < value.length; i += 4) {
      this.word(value[i]! | (value[i + 1]! << 8) | (value[i + 2]! << 16) | (value[i + 3]! << 24));
    }
    let rest = 0;
    for (let shift = 0; i < value.length; i++, shift += 8) rest |= value[i]! << shift;
    return this.word(rest);
  }

  /** Four 32-bit words. The hasher may be used on: a digest changes nothing. */
  digest(): readonly [number, number, number, number] {
    let [a, b, c, d] = [this.a, this.b, this.c, this.d];
    a = (a + b + c + d) | 0;
    b = (b + a) | 0;
    c = (c + a) | 0;
    d = (d + a) | 0;
    a = finish(a);
    b = finish(b);
    c = finish(c);
    d = finish(d);
    a = (a + b + c + d) >>> 0;
    return [a, (b + a) >>> 0, (c + a) >>> 0, (d + a) >>> 0];
  }

  /** 32 hex digits. */
  hex(): string {
    return this.digest().map(hex).join('');
  }
}

/** Uniform in [0, 1), a function of the three numbers alone. */
export function unitOf(first: number, second: number, third: number): number {
  const [high] = new Hasher().number(first).number(second).number(third).digest();
  return high / 2 ** 32;
}
