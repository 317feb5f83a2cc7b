/**
 * How far the newest state was that this node has shown to anybody. Reads that may be a little behind come from its own
 * copy, or from another node while it has none; without this a client would see the same run running again that it has
 * seen succeed, when the answer before was another node's.
 */
import type { CellId, LogIndex } from '../core/lib/ids.ts';

export class ReadFloor {
  #cell: CellId | '' = '';
  #index: LogIndex = 0;
  readonly #off: boolean;

  /** @param off the mutant `reads-go-back`. */
  constructor(off = false) {
    this.#off = off;
  }

  /** A read in this cell must not be answered from a state before this index. */
  of(cell: CellId | ''): LogIndex {
    return cell === this.#cell && !this.#off ? this.#index : 0;
  }

  /** A state of this index was shown. Of a cell that this node left nothing more is shown. */
  raise(cell: CellId, index: LogIndex): void {
    this.#index = Math.max(this.of(cell), index);
    this.#cell = cell;
  }
}
