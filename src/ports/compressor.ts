/**
 * Makes bytes smaller for a slow line, and back. What comes back is checked by whoever compares digests; here it is
 * bounded: whatever comes in, no more comes out than was said.
 */
export interface Compressor {
  /** Off the event loop where that is possible; calls back later. `bytes` must not change until then. @param done undefined: it is not worth it. */
  compress(bytes: Uint8Array, done: (compressed: Uint8Array | undefined) => void): void;
  /** At once: of one piece it takes a fraction of a millisecond. @returns undefined when that is not what it was made of, or not of `length` bytes. */
  decompress(compressed: Uint8Array, length: number): Uint8Array | undefined;
}

/** What becomes less by less than this share is as well sent as it is: the other side has to undo it. */
export const SAVING_MIN = 1 / 8;
