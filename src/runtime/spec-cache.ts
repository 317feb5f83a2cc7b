/** Specifications of runs that this node works for and that its own log, if it has one, does not hold (yet). */
import type { RunId, RunNumber } from '../core/lib/ids.ts';
import type { RunSpec } from '../core/cell/types.ts';
import { SPEC_BYTES_MAX } from '../protocol/limits.ts';
import { decodeSpec } from '../protocol/spec-codec.ts';

/** Runs whose specification is kept; the least recently used goes first. The leader sends it again when asked. */
const SPECS_MAX = 256;
/** Specifications that are on their way at once; each may be as large as its first slice says. */
const UNFINISHED_MAX = 8;

interface Partial {
  readonly runId: RunId;
  readonly bytes: Uint8Array;
  received: number;
}

export class SpecCache {
  readonly #specs = new Map<RunNumber, { runId: RunId; spec: RunSpec }>();
  readonly #partial = new Map<RunNumber, Partial>();

  get(run: RunNumber): { runId: RunId; spec: RunSpec } | undefined {
    const found = this.#specs.get(run);
    if (found !== undefined) {
      this.#specs.delete(run);
      this.#specs.set(run, found);
    }
    return found;
  }

  /** Slices come in order; one that does not continue the last is dropped, and the worker asks again. */
  add(run: RunNumber, runId: RunId, offset: number, total: number, slice: Uint8Array): void {
    if (this.#specs.has(run) || total > SPEC_BYTES_MAX || offset + slice.length > total) return;
    if (offset === 0) {
      this.#partial.delete(run);
      this.#partial.set(run, { runId, bytes: new Uint8Array(total), received: 0 });
      trim(this.#partial, UNFINISHED_MAX);
    }
    const partial = this.#partial.get(run);
    if (partial === undefined || partial.received !== offset || partial.bytes.length !== total) return;
    partial.bytes.set(slice, offset);
    partial.received += slice.length;
    if (partial.received < total) return;
    this.#partial.delete(run);
    this.#specs.set(run, { runId: partial.runId, spec: decodeSpec(partial.bytes) });
    trim(this.#specs, SPECS_MAX);
  }

  clear(): void {
    this.#specs.clear();
    this.#partial.clear();
  }
}

function trim(map: Map<RunNumber, unknown>, max: number): void {
  for (const key of map.keys()) {
    if (map.size <= max) return;
    map.delete(key);
  }
}
