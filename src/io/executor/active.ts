/** One execution, as the node's side of the executor knows it. */
import type { FilesRef, Outcome } from '../../core/cell/types.ts';
import type { Execution, Progress } from '../../ports/executor.ts';
import type { CancelHead, TakenFile } from './messages.ts';
import type { KeptLog, LiveLog } from './output-log.ts';
import type { RegisteredCall } from './registered.ts';

export interface Active {
  readonly id: number;
  readonly execution: Execution;
  readonly done: (outcome: Outcome) => void;
  readonly checkpointed: ((checkpoint: FilesRef) => void) | undefined;
  readonly startedWall: number;
  readonly startedAt: number;
  call: RegisteredCall | undefined;
  /** While its files are being told to the supervisor: how to stop it when that is over; '' = not at all. */
  telling: { stop: CancelHead | '' } | undefined;
  /** Where to read what it prints, when there is a file. */
  live: LiveLog | undefined;
  /** What it said last of how far it is. */
  progress: Progress | undefined;
  /** Its whole output, to be taken. */
  kept: KeptLog | undefined;
  /** Files of its outputs, as far as they were told. */
  readonly taken: TakenFile[];
  /** It has ended, and becomes blobs: the files that it left, or only what it printed, when it left none. '' = not yet. */
  recording: 'files' | 'output' | '';
  /** A checkpoint of it is becoming blobs. */
  checkpointing: boolean;
}

/** As the supervisor takes several words: the first code counts, and "now" whenever it comes. */
export function joinedStop(before: CancelHead | '', word: CancelHead): CancelHead {
  return before === '' ? word : { code: before.code, mode: word.mode === 'now' ? 'now' : before.mode };
}
