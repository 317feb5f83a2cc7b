/** Identity of a whole log up to some index, as one number, so that prefixes are compared in O(1). */
import { Hasher } from '../../src/core/lib/hash.ts';
import type { Entry } from '../../src/core/raft/types.ts';

/** Of the empty log. */
export const EMPTY_PREFIX = 0;

/** 53 bits of the hash over the prefix before and this entry. */
export function extendPrefix(prefix: number, entry: Entry): number {
  const hasher = new Hasher().number(prefix).word(entry.index).word(entry.term).text(entry.kind).bytes(entry.data);
  if (entry.config !== undefined) {
    const { voters, outgoing, standbys, removed } = entry.config;
    for (const list of [voters, outgoing, standbys, removed]) hasher.word(list.length).text(list.join());
  }
  const [high, low] = hasher.digest();
  return (high & 0x1f_ffff) * 2 ** 32 + low;
}
