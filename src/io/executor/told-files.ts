/**
 * The input files of an execution on their way to the supervisor: in its message when they are few; else a part each turn
 * of the loop before it, since one message with 100,000 would hold the node up while it is made.
 */
import type { BlobFile } from '../../core/cell/types.ts';
import type { Execution } from '../../ports/executor.ts';
import { inputsWithItem, placedFile, type FileShelf } from './files.ts';
import { FILES_PER_LINE } from './limits.ts';
import type { FilesHead, PlacedInput, RunHead } from './messages.ts';

interface ToldFiles {
  readonly head: Pick<RunHead, 'inputs' | 'checkpoint'>;
  /** To be told before the head; none when all is in it. */
  readonly before: Iterator<FilesHead>;
}

/** @param shelf throws when this node keeps no files; asked only when there are any. */
export function toldFiles(execution: Execution, shelf: () => FileShelf): ToldFiles {
  const { spec, checkpoint } = execution;
  const inputs = inputsWithItem(execution);
  const lists: (readonly BlobFile[])[] = inputs.map(({ files }) => files);
  if (spec.checkpoint !== undefined) lists.push(checkpoint);
  const few = lists.reduce((sum, { length }) => sum + length, 0) <= FILES_PER_LINE;
  const filesOf = (list: number): PlacedInput['files'] => (few ? lists[list]!.map((file) => placedFile(file, shelf())) : []);
  return {
    head: {
      inputs: inputs.map(({ variable, single }, list) => ({ variable, single, files: filesOf(list) })),
      ...(spec.checkpoint === undefined ? {} : { checkpoint: { ...spec.checkpoint, files: filesOf(inputs.length) } }),
    },
    before: few ? [].values() : partsOf(lists, shelf),
  };
}

function* partsOf(lists: readonly (readonly BlobFile[])[], shelf: () => FileShelf): Generator<FilesHead> {
  for (const [list, files] of lists.entries()) {
    for (let at = 0; at < files.length; at += FILES_PER_LINE) yield { list, files: files.slice(at, at + FILES_PER_LINE).map((file) => placedFile(file, shelf())) };
  }
}
