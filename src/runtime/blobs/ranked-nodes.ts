/** Who is asked to keep a copy: whoever asks chooses the same. */
import { Hasher } from '../../core/lib/hash.ts';
import type { NodeId, RunNumber } from '../../core/lib/ids.ts';

/** In the order in which they are asked to keep what this module left. @param module -1 for what came with the run. */
export function rankedNodes(nodes: readonly NodeId[], run: RunNumber, module: number): NodeId[] {
  const ranked = nodes.map((node) => ({ node, rank: new Hasher().number(run).word(module).text(node).hex() }));
  return ranked.toSorted((a, b) => (a.rank < b.rank ? -1 : 1)).map(({ node }) => node);
}
