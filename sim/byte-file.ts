/** Content of one simulated file; grows by doubling, holes are zeros. */
export class ByteFile {
  #buffer: Uint8Array = new Uint8Array(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  write(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length;
    if (end > this.#buffer.length) this.#grow(end);
    this.#buffer.set(bytes, offset);
    this.#length = Math.max(this.#length, end);
  }

  truncate(length: number): void {
    if (length > this.#buffer.length) this.#grow(length);
    if (length < this.#length) this.#buffer.fill(0, length, this.#length);
    this.#length = length;
  }

  flip(offset: number, bit: number): void {
    const byte = this.#buffer[offset];
    if (byte !== undefined && offset < this.#length) this.#buffer[offset] = byte ^ (1 << bit);
  }

  copy(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  /** Not a copy: valid until the next change. */
  view(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  become(other: ByteFile): void {
    this.#buffer = other.copy();
    this.#length = other.length;
  }

  #grow(length: number): void {
    const grown = new Uint8Array(Math.max(length, this.#buffer.length * 2, 1024));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}
