/** Whom a fetch still asks: who says to have a blob and does not give it is believed no more, or a fetch would never end. */
import type { NodeId } from '../../core/lib/ids.ts';
import { DAMAGED_CHUNKS_MAX, FAULTS_MAX } from './limits.ts';

export class Trust {
  /** Answers that each node failed to give since its last good one. */
  readonly #faults = new Map<NodeId, number>();
  /** Chunks from each node that did not fit their digest. */
  readonly #wrong = new Map<NodeId, number>();
  readonly #lost = new Set<NodeId>();

  has(node: NodeId): boolean {
    return !this.#lost.has(node);
  }

  /** It gave no answer. @returns false when it was the last chance. */
  fault(node: NodeId): boolean {
    return this.#count(this.#faults, node, FAULTS_MAX);
  }

  /** It gave a chunk that does not fit. @returns as `fault` */
  wrong(node: NodeId): boolean {
    return this.#count(this.#wrong, node, DAMAGED_CHUNKS_MAX);
  }

  good(node: NodeId): void {
    this.#faults.delete(node);
  }

  /** It went: should it come back, it is another process, or mended. */
  forget(node: NodeId): void {
    this.#faults.delete(node);
    this.#wrong.delete(node);
    this.#lost.delete(node);
  }

  #count(counts: Map<NodeId, number>, node: NodeId, max: number): boolean {
    const count = (counts.get(node) ?? 0) + 1;
    counts.set(node, count);
    if (count >= max) this.#lost.add(node);
    return count < max;
  }
}
