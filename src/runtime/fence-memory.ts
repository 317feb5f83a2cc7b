import type { Fence } from '../core/lib/ids.ts';

/** Fences remembered after their end, so that a doubled Assign never executes twice; the oldest are forgotten first. */
const FENCES_REMEMBERED_MAX = 20_000;

export class FenceMemory {
  readonly #fences = new Set<Fence>();

  has(fence: Fence): boolean {
    return this.#fences.has(fence);
  }

  add(fence: Fence): void {
    this.#fences.add(fence);
    if (this.#fences.size <= FENCES_REMEMBERED_MAX) return;
    for (const oldest of this.#fences) {
      this.#fences.delete(oldest);
      return;
    }
  }

  clear(): void {
    this.#fences.clear();
  }
}
