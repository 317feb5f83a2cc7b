import { randomBytes } from 'node:crypto';
import type { Random } from '../ports/random.ts';

/** `bytes` from the system's generator; `float` only spreads things out in time and needs no secrecy. */
export function realRandom(): Random {
  return { float: () => Math.random(), bytes: (length) => new Uint8Array(randomBytes(length)) };
}
