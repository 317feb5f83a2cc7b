/** Puts sliced payloads together again. Slices of one payload come in order over one channel; anything else is dropped. */

/** Payloads under way at once; the oldest is dropped first, and its sender asks again. */
const PAYLOADS_MAX = 256;

interface Payload {
  readonly parts: number;
  readonly slices: Uint8Array[];
  bytes: number;
}

export class Assembler {
  readonly #bytesMax: number;
  readonly #payloads = new Map<string, Payload>();

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** @returns the whole payload with its last part, else undefined. */
  add(key: string, part: number, parts: number, slice: Uint8Array): Uint8Array | undefined {
    if (parts === 1 && part === 0) return slice.length <= this.#bytesMax ? slice : undefined;
    if (part === 0) {
      this.#payloads.delete(key);
      this.#payloads.set(key, { parts, slices: [], bytes: 0 });
      this.#trim();
    }
    const payload = this.#payloads.get(key);
    if (payload === undefined) return undefined;
    payload.bytes += slice.length;
    if (payload.parts !== parts || payload.slices.length !== part || payload.bytes > this.#bytesMax) {
      this.#payloads.delete(key);
      return undefined;
    }
    payload.slices.push(slice);
    if (payload.slices.length < parts) return undefined;
    this.#payloads.delete(key);
    return concatenate(payload.slices, payload.bytes);
  }

  #trim(): void {
    for (const key of this.#payloads.keys()) {
      if (this.#payloads.size <= PAYLOADS_MAX) return;
      this.#payloads.delete(key);
    }
  }
}

export function concatenate(slices: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const slice of slices) {
    whole.set(slice, at);
    at += slice.length;
  }
  return whole;
}
