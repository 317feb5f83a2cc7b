/** Files of a rehearsal: names and sizes that nobody ever has, where they are, and when they arrive. */
import { ENTRIES_PER_RECORD_MAX, FILES_PER_MODULE_MAX } from '../cell/limits.ts';
import type { FilesRef, InputSpec, Json, ModuleFiles } from '../cell/types.ts';
import type { Cid } from '../lib/ids.ts';

/** A file that modules take. Those with the same takers may as well be one. */
export interface Carried {
  /** The module that leaves it; -1 = it comes with the run. */
  readonly from: number;
  readonly bytes: number;
  /** They need `from`. */
  readonly takers: readonly number[];
}

interface Numbered extends Carried {
  readonly number: number;
}

export class CarriedFiles {
  readonly #left = new Map<number, Numbered[]>();
  readonly #taken = new Map<number, Numbered[]>();
  /** For each worker, by file: when it is there. */
  readonly #there: readonly Map<number, number>[];
  /** For each worker: when it has received what it fetches. */
  readonly #idleAt: number[];
  readonly #speeds: readonly number[];

  /** @param speeds bytes a second that each worker receives. */
  constructor(files: readonly Carried[], speeds: readonly number[]) {
    this.#speeds = speeds;
    this.#there = speeds.map(() => new Map());
    this.#idleAt = speeds.map(() => 0);
    // A module has only so many of them; what is left out is small.
    const numbered = files.map((file, number): Numbered => ({ ...file, number })).toSorted((a, b) => b.bytes - a.bytes);
    for (const file of numbered) {
      const left = this.#left.get(file.from) ?? [];
      if (left.length >= (file.from === -1 ? ENTRIES_PER_RECORD_MAX : FILES_PER_MODULE_MAX)) continue;
      const takers = file.takers.filter((module) => (this.#taken.get(module)?.length ?? 0) < FILES_PER_MODULE_MAX);
      if (takers.length === 0) continue;
      this.#left.set(file.from, [...left, file]);
      for (const module of takers) this.#taken.set(module, [...(this.#taken.get(module) ?? []), file]);
    }
  }

  params(): Record<string, Json> {
    return Object.fromEntries((this.#left.get(-1) ?? []).map((file) => [nameOf(file), { ...refOf(file) }]));
  }

  ofModule(module: number): { readonly files?: ModuleFiles } {
    if (!this.#taken.has(module) && !this.#left.has(module)) return {};
    const inputs = (this.#taken.get(module) ?? []).map((file): InputSpec => (file.from === -1 ? { variable: nameOf(file), param: nameOf(file) } : { variable: nameOf(file), module: file.from, output: nameOf(file) }));
    return { files: { inputs, outputs: (this.#left.get(module) ?? []).map((file) => ({ name: nameOf(file), pattern: nameOf(file) })) } };
  }

  leftBy(module: number): Record<string, FilesRef> {
    return Object.fromEntries((this.#left.get(module) ?? []).map((file) => [nameOf(file), refOf(file)]));
  }

  made(module: number, worker: number, nowMs: number): void {
    for (const { number } of this.#left.get(module) ?? []) this.#there[worker]!.set(number, nowMs);
  }

  /** What the worker lacks comes after what it receives already. @returns ms until all is there. */
  fetch(module: number, worker: number, nowMs: number): { readonly bytes: number; readonly ms: number } {
    const there = this.#there[worker]!;
    let bytes = 0;
    let readyAt = nowMs;
    for (const file of this.#taken.get(module) ?? []) {
      let at = there.get(file.number);
      if (at === undefined) {
        bytes += file.bytes;
        at = Math.max(nowMs, this.#idleAt[worker]!) + (file.bytes / this.#speeds[worker]!) * 1000;
        this.#idleAt[worker] = at;
        there.set(file.number, at);
      }
      readyAt = Math.max(readyAt, at);
    }
    return { bytes, ms: readyAt - nowMs };
  }
}

function nameOf({ number }: Numbered): string {
  return `F${number}`;
}

function refOf(file: Numbered): FilesRef {
  return { kind: 'file', cid: nameOf(file) as Cid, name: nameOf(file), size: Math.round(file.bytes), count: 1 };
}
