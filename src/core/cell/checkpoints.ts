/**
 * Checkpoints: what an execution has got so far, for the one that follows when its node is lost or its attempt fails. One
 * is kept for each module, the newest that was heard of; nothing is decided by it, so a lost one costs time only.
 */
import { liveFences, specOf } from './accessors.ts';
import { isSound } from './files.ts';
import { editModule } from './mutate.ts';
import { ok, type Applied } from './reply.ts';
import { moduleAt, type CellState } from './state.ts';
import type { Command } from './types.ts';

/** From an execution that is not the module's any more it is not taken: the next one may have come further. */
export function checkpoint(state: CellState, { claim, files }: Extract<Command, { type: 'checkpoint' }>): Applied {
  const module = moduleAt(state, claim.run, claim.module);
  const known = module !== undefined && liveFences(module).includes(claim.fence);
  if (!known || specOf(module).checkpoint === undefined || files.kind !== 'tree' || !isSound(files)) return { reply: ok, events: [] };
  editModule(state, module).checkpoint = files;
  return { reply: ok, events: [{ type: 'checkpointed', run: claim.run, module: claim.module }] };
}
