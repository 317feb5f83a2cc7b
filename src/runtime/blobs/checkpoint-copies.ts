/**
 * A checkpoint shall outlive its node, or it is none: another node is told to keep a copy of each. Nothing waits for it, and
 * a word that is lost is followed by that of the next checkpoint.
 */
import type { ModuleRecord } from '../../core/cell/state.ts';
import { Hasher } from '../../core/lib/hash.ts';
import type { NodeId } from '../../core/lib/ids.ts';
import type { NodeContext } from '../context.ts';

/** @param nodes that are there. */
export function copyCheckpoint(context: NodeContext, { run, index, nodeId, checkpoint }: ModuleRecord, nodes: Iterable<NodeId>): void {
  if (checkpoint === null) return;
  const ranked = [...nodes].filter((node) => node !== nodeId).map((node) => ({ node, rank: new Hasher().number(run.number).word(index).text(node).hex() }));
  const [first] = ranked.toSorted((a, b) => (a.rank < b.rank ? -1 : 1));
  if (first !== undefined) context.sendBlob(first.node, { type: 'keep', cid: checkpoint.cid, tree: checkpoint.kind === 'tree' });
}
