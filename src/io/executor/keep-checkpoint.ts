/** A copy that the supervisor made of a checkpoint becomes blobs. */
import type { FilesRef } from '../../core/cell/types.ts';
import type { Execution } from '../../ports/executor.ts';
import type { Note } from '../../ports/observer.ts';
import { recordCheckpoint, type FileShelf } from './files.ts';
import type { Line } from './lines.ts';

interface Checkpointed {
  readonly execution: Execution;
  /** One at a time: those that come meanwhile are left out. */
  checkpointing: boolean;
}

interface CheckpointSink<T> {
  readonly shelf: FileShelf | undefined;
  readonly kept: (active: T, files: FilesRef) => void;
  readonly notify: (note: Note) => void;
}

/** @param active undefined: nobody wants it any more. What cannot be stored is one checkpoint fewer; the module goes on. */
export async function keepCheckpoint<T extends Checkpointed>(line: Line, active: T | undefined, { shelf, kept, notify }: CheckpointSink<T>): Promise<void> {
  const wanted = active?.checkpointing === false ? active : undefined;
  if (wanted !== undefined) wanted.checkpointing = true;
  try {
    const files = await recordCheckpoint(line, wanted && shelf);
    if (files !== undefined && wanted !== undefined) kept(wanted, files);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    notify({ level: 'warn', event: 'checkpoint-not-kept', message: `a checkpoint of ${active?.execution.spec.name ?? 'a module'} could not be kept: ${message}` });
  } finally {
    if (wanted !== undefined) wanted.checkpointing = false;
  }
}
