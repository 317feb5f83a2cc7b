/**
 * Checkpoints: what an execution has got so far, for the one that follows when its node is lost or its attempt fails. One
 * is kept for each module, the newest that was heard of; nothing is decided by it, so a lost one costs time only.
 */
import { PlainReader, type Plain } from '../lib/plain.ts';
import { liveFences, specOf } from './accessors.ts';
import { filesRefPlain, isSound, readFilesRefPlain } from './files.ts';
import { inputsHashOfModule } from './inputs.ts';
import { NAME_LENGTH_MAX } from './limits.ts';
import { editModule } from './mutate.ts';
import { ok, type Applied } from './reply.ts';
import { moduleAt, type CellState, type Checkpoint, type ModuleRecord } from './state.ts';
import type { Command, FilesRef } from './types.ts';

/** From an execution that is not the module's any more it is not taken: the next one may have come further. */
export function checkpoint(state: CellState, { claim, inputsHash, files }: Extract<Command, { type: 'checkpoint' }>): Applied {
  const module = moduleAt(state, claim.run, claim.module);
  const known = module !== undefined && liveFences(module).includes(claim.fence);
  const sound = files.kind === 'tree' && isSound(files) && inputsHash.length <= NAME_LENGTH_MAX && inputsHash.isWellFormed();
  if (!known || !sound || specOf(module).checkpoint === undefined) return { reply: ok, events: [] };
  editModule(state, module).checkpoint = { files, inputsHash };
  return { reply: ok, events: [{ type: 'checkpointed', run: claim.run, module: claim.module }] };
}

/** What an execution that begins now goes on with, or null: what it takes may have been made again, and be something else. */
export function checkpointFor(state: CellState, module: ModuleRecord): FilesRef | null {
  return module.checkpoint?.inputsHash === inputsHashOfModule(state, module) ? module.checkpoint.files : null;
}

export function checkpointPlain(kept: Checkpoint | null): Plain {
  return kept === null ? null : [kept.inputsHash, filesRefPlain(kept.files)];
}

/** @throws SkeinError LOG_DAMAGED */
export function readCheckpointPlain(plain: readonly Plain[] | null): Checkpoint | null {
  if (plain === null) return null;
  const reader = new PlainReader(plain, 'checkpoint');
  const kept = { inputsHash: reader.text(), files: readFilesRefPlain(reader.list()) };
  reader.end();
  return kept;
}
