/** What a sequence of frames amounts to. */
import type { LogIndex, Term } from '../../core/lib/ids.ts';
import type { Entry, HardState } from '../../core/raft/types.ts';
import { invalid } from '../../protocol/reader.ts';
import type { FramePayload, LogPosition } from './frame.ts';

/** Where a frame stands: first of all that are read, first of a later segment, or anywhere else. */
export type FramePlace = 'run' | 'segment' | 'inner';

export class LogReplay {
  hard: HardState = { term: 0, votedFor: '' };
  /** The place before the first entry. Term 0 = not known. */
  base: LogPosition = { index: 0, term: 0 };
  entries: Entry[] = [];
  /** Index of the last snapshot mark: nothing may be cut below it. */
  #mark = 0;

  get last(): LogPosition {
    const entry = this.entries.at(-1);
    return entry === undefined ? this.base : { index: entry.index, term: entry.term };
  }

  /** Term of the entry at `index`, 0 if not known. */
  termAt(index: LogIndex): Term {
    if (index === this.base.index) return this.base.term;
    return this.entries[index - this.base.index - 1]?.term ?? 0;
  }

  /** @throws SkeinError FRAME_INVALID when the frame contradicts what came before. */
  apply(payload: FramePayload, place: FramePlace): void {
    const { start, hard, mark, truncateAfter, entries } = payload;
    if ((start === undefined) !== (place === 'inner')) throw invalid('start of a segment in the wrong place');
    if (start !== undefined) this.#start(start, place);
    if (hard !== undefined) {
      if (hard.term < this.hard.term) throw invalid('the term goes back');
      this.hard = hard;
    }
    if (mark !== undefined) {
      if (mark.index < this.#mark) throw invalid('a stale snapshot was put in force');
      this.#mark = mark.index;
      this.base = mark;
      this.entries = [];
    }
    if (truncateAfter !== undefined) this.#truncate(truncateAfter);
    this.#append(entries);
  }

  #start(start: LogPosition, place: FramePlace): void {
    if (place === 'run') {
      this.base = start;
      return;
    }
    const { index, term } = this.last;
    if (start.index !== index || (start.term !== 0 && term !== 0 && start.term !== term)) {
      throw invalid('the segment does not start where the one before ended');
    }
  }

  /** Below `base` only when older segments are gone: they held nothing that the snapshot does not cover. */
  #truncate(after: LogIndex): void {
    if (after < this.#mark) throw invalid('entries of the snapshot were cut off');
    if (after < this.base.index) this.base = { index: after, term: 0 };
    const kept = after - this.base.index;
    if (kept < this.entries.length) this.entries.length = kept;
  }

  #append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    const { index, term } = this.last;
    if (first.index !== index + 1) throw invalid(`entry ${first.index} does not follow ${index}`);
    if (first.term < term) throw invalid('the term of an entry goes back');
    for (const entry of entries) this.entries.push(entry);
  }
}
