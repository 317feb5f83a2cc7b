/**
 * Answers that wait to be sent to one peer. Blobs take turns, so that a small one does not wait for a large one; of one blob
 * the first answer is finished before the next begins, so that whoever asked for two chunks writes one while the other comes.
 */
import type { Cid } from '../../core/lib/ids.ts';

export interface Turn {
  readonly id: number;
  readonly cid: Cid;
}

export class Turns<T extends Turn> {
  /** In the order of their turns; of each its answers in order. */
  readonly #blobs = new Map<Cid, T[]>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** To the end of its blob's answers. */
  add(answer: T): void {
    const list = this.#blobs.get(answer.cid);
    if (list === undefined) this.#blobs.set(answer.cid, [answer]);
    else list.push(answer);
    this.#count++;
  }

  /** Goes on with one that was taken, when the other blobs had their turn. */
  putBack(answer: T): void {
    const list = this.#blobs.get(answer.cid) ?? [];
    list.unshift(answer);
    this.#blobs.delete(answer.cid);
    this.#blobs.set(answer.cid, list);
    this.#count++;
  }

  first(): T | undefined {
    for (const [answer] of this.#blobs.values()) return answer;
    return undefined;
  }

  /** The first answer of the blob whose turn it is; what else there is about that blob comes when it is put back, or after all others. */
  take(): T | undefined {
    for (const [cid, list] of this.#blobs) {
      const answer = list.shift();
      this.#blobs.delete(cid);
      if (list.length > 0) this.#blobs.set(cid, list);
      this.#count--;
      return answer;
    }
    return undefined;
  }

  remove(id: number): void {
    for (const [cid, list] of this.#blobs) {
      const at = list.findIndex((answer) => answer.id === id);
      if (at < 0) continue;
      list.splice(at, 1);
      if (list.length === 0) this.#blobs.delete(cid);
      this.#count--;
      return;
    }
  }
}
