/** Which chunks of a blob somebody has. */
export class ChunkSet {
  readonly size: number;
  readonly #bits: Uint8Array;
  #count = 0;

  constructor(size: number, bits?: Uint8Array) {
    this.size = size;
    this.#bits = new Uint8Array(Math.ceil(size / 8));
    if (bits !== undefined) for (let i = 0; i < size; i++) if (((bits[i >>> 3] ?? 0) >>> (i & 7)) & 1) this.add(i);
  }

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count === this.size;
  }

  has(chunk: number): boolean {
    return ((this.#bits[chunk >>> 3] ?? 0) >>> (chunk & 7)) % 2 === 1;
  }

  add(chunk: number): void {
    if (chunk < 0 || chunk >= this.size || this.has(chunk)) return;
    this.#bits[chunk >>> 3]! |= 1 << (chunk & 7);
    this.#count++;
  }

  /** Lowest bit first; a copy. */
  toBytes(): Uint8Array {
    return this.#bits.slice();
  }
}
