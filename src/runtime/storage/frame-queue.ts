/** Batches that wait for the disk, merged into the fewest frames: what arrives during one sync is the next frame. */
import { assert } from '../../core/lib/assert.ts';
import type { LogIndex } from '../../core/lib/ids.ts';
import type { Entry, HardState, SnapshotMeta } from '../../core/raft/types.ts';
import { entryLength } from '../../protocol/entry-codec.ts';
import { FRAME_ENTRIES_BYTES, type FramePayload, type LogPosition } from './frame.ts';

/** Written in this order: `snapshot` (the log is reset to it), `hard`, drop all after `truncateAfter`, append `entries`. */
export interface LogBatch {
  readonly hard?: HardState;
  readonly snapshot?: SnapshotMeta;
  readonly truncateAfter?: LogIndex;
  readonly entries: readonly Entry[];
}

export interface PendingFrame {
  hard: HardState | undefined;
  mark: LogPosition | undefined;
  truncateAfter: LogIndex | undefined;
  entries: Entry[];
  /** Of the entries. */
  bytes: number;
  /** Clock time when the first of its batches came. */
  readonly since: number;
  readonly dones: Array<() => void>;
}

export class FrameQueue {
  #frames: PendingFrame[] = [];
  #bytes = 0;

  /** Bytes of entries that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** When the oldest waiting batch came. */
  get since(): number | undefined {
    return this.#frames[0]?.since;
  }

  push(batch: LogBatch, now: number, done: () => void): void {
    let frame = this.#frames.at(-1) ?? this.#open(now);
    if (batch.snapshot !== undefined) {
      this.#drop(frame, 0);
      frame.mark = { index: batch.snapshot.index, term: batch.snapshot.term };
      frame.truncateAfter = undefined;
    }
    if (batch.hard !== undefined) frame.hard = batch.hard;
    if (batch.truncateAfter !== undefined) this.#truncate(frame, batch.truncateAfter);
    for (const entry of batch.entries) {
      if (frame.bytes >= FRAME_ENTRIES_BYTES) frame = this.#open(now);
      const bytes = entryLength(entry);
      frame.entries.push(entry);
      frame.bytes += bytes;
      this.#bytes += bytes;
    }
    frame.dones.push(done);
  }

  take(): PendingFrame | undefined {
    const frame = this.#frames.shift();
    if (frame !== undefined) this.#bytes -= frame.bytes;
    return frame;
  }

  #open(since: number): PendingFrame {
    const frame: PendingFrame = { hard: undefined, mark: undefined, truncateAfter: undefined, entries: [], bytes: 0, since, dones: [] };
    this.#frames.push(frame);
    return frame;
  }

  /** Entries that still wait need not be written first; what reaches further back is left to the frame. */
  #truncate(frame: PendingFrame, after: LogIndex): void {
    const first = frame.entries[0];
    if (first !== undefined && after >= first.index) {
      this.#drop(frame, after - first.index + 1);
      return;
    }
    this.#drop(frame, 0);
    frame.truncateAfter = Math.min(frame.truncateAfter ?? after, after);
    assert(frame.mark === undefined || after >= frame.mark.index, 'entries of the snapshot would be cut off');
  }

  /** Keeps the first `kept` entries of a frame. */
  #drop(frame: PendingFrame, kept: number): void {
    for (const entry of frame.entries.splice(kept)) {
      const bytes = entryLength(entry);
      frame.bytes -= bytes;
      this.#bytes -= bytes;
    }
  }
}

/** Messages may wait for the writes before them without having anything to write themselves. */
export function hasContent(frame: PendingFrame): boolean {
  return frame.entries.length > 0 || frame.hard !== undefined || frame.mark !== undefined || frame.truncateAfter !== undefined;
}

/** Where the log ends after this frame, when it ended at `last` before. */
export function endAfter({ mark, truncateAfter, entries }: FramePayload, last: LogPosition): LogPosition {
  const entry = entries.at(-1);
  if (entry !== undefined) return { index: entry.index, term: entry.term };
  const start = mark ?? last;
  if (truncateAfter === undefined || truncateAfter >= start.index) return start;
  return { index: truncateAfter, term: 0 };
}
