/** CBOR as the wire takes it, whole or item by item. */
import { tokensToObject, Tokenizer, type DecodeOptions } from 'cborg';
import { SkeinError } from '../errors.ts';

/** Maps come as `Map`, so that no key of a peer can touch a prototype. No numbers that are not exact. */
export const wireCbor: DecodeOptions = { useMaps: true, rejectDuplicateMapKeys: true, allowUndefined: false, allowIndefinite: false, allowBigInt: false };

/** Reads one item after the other. Takes exactly what `decode` of cborg takes. Every method throws SkeinError FRAME_INVALID. */
export class CborCursor {
  readonly #tokens: Tokenizer;

  constructor(bytes: Uint8Array) {
    // Never a Buffer: byte strings would come as Buffers, too.
    this.#tokens = new Tokenizer(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), wireCbor);
  }

  get position(): number {
    return this.#tokens.pos();
  }

  get ended(): boolean {
    return this.#tokens.done();
  }

  /** The next item, whole. */
  value(): unknown {
    const value: unknown = cbor(() => tokensToObject(this.#tokens, wireCbor));
    // One of two marks of the package: nothing is left, or a break without a beginning.
    if (typeof value === 'symbol') throw new SkeinError('FRAME_INVALID', 'not CBOR: it ends too early');
    return value;
  }

  /** The next item is a list, whose items come next. @returns how many they are. */
  list(): number {
    const { type, value } = cbor(() => this.#tokens.next());
    if (type.name !== 'array') throw new SkeinError('FRAME_INVALID', 'expected a list');
    return value as number;
  }
}

function cbor<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new SkeinError('FRAME_INVALID', `not CBOR: ${error instanceof Error ? error.message : String(error)}`);
  }
}
