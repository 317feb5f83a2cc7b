/**
 * A checkpoint shall outlive its node, or it is none: another node is told to keep a copy of each. Nothing waits for it, and
 * a word that is lost is followed by that of the next checkpoint.
 */
import { moduleAt, type CellState } from '../../core/cell/state.ts';
import type { RunNumber } from '../../core/lib/ids.ts';
import type { NodeContext } from '../context.ts';
import { rankedNodes } from './ranked-nodes.ts';

export function copyCheckpoint(context: NodeContext, state: CellState, { run, module }: { readonly run: RunNumber; readonly module: number }): void {
  const record = moduleAt(state, run, module);
  if (record === undefined || record.checkpoint === null) return;
  const { nodeId, checkpoint } = record;
  const [first] = rankedNodes([...state.sessionOfNode.keys()].filter((node) => node !== nodeId), run, module);
  if (first !== undefined) context.sendBlob(first, { type: 'keep', cid: checkpoint.files.cid, tree: true, check: false, urgent: false, holders: nodeId === '' ? [] : [nodeId] });
}
