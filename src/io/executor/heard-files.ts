/** Files that were told before the message of their execution (told-files.ts), as the supervisor hears them. */
import type { CallHead, FilesHead, PlacedInput, RunHead } from './messages.ts';

export class HeardFiles {
  readonly #lists = new Map<number, PlacedInput['files'][number][][]>();

  add(id: number, { list, files }: FilesHead): void {
    const lists = this.#lists.get(id) ?? [];
    this.#lists.set(id, lists);
    (lists[list] ??= []).push(...files);
  }

  /** @returns the head with all that was told before it. */
  fill<Head extends RunHead | CallHead>(id: number, head: Head): Head {
    const lists = this.#lists.get(id);
    if (lists === undefined) return head;
    this.#lists.delete(id);
    const { inputs, checkpoint } = head;
    return {
      ...head,
      inputs: inputs.map((input, list) => ({ ...input, files: lists[list] ?? [] })),
      ...(checkpoint === undefined ? {} : { checkpoint: { ...checkpoint, files: lists[inputs.length] ?? [] } }),
    };
  }
}
