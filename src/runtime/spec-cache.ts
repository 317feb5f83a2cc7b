/**
 * Specifications of runs that this node works for and that its own log, if it has one, does not hold (yet). Decoded when
 * first asked for: a member of the cell mostly has them in its state by then, and a large one takes many turns.
 */
import type { RunId, RunNumber } from '../core/lib/ids.ts';
import type { Slice } from '../core/lib/slice.ts';
import type { RunSpec } from '../core/cell/types.ts';
import { isSkeinError } from '../errors.ts';
import { SPEC_BYTES_MAX } from '../protocol/limits.ts';
import { decodeSpecInSlices } from '../protocol/spec-codec.ts';
import type { NodeContext } from './context.ts';
import { inTurns } from './turns.ts';

/** Runs whose specification is kept; the least recently used goes first. The leader sends it again when asked. */
const SPECS_MAX = 256;
/** Specifications that are on their way at once; each may be as large as its first slice says. */
const UNFINISHED_MAX = 8;

interface Partial {
  readonly runId: RunId;
  readonly bytes: Uint8Array;
  received: number;
}

export interface KnownSpec {
  readonly runId: RunId;
  readonly spec: RunSpec;
}

interface Whole {
  readonly runId: RunId;
  readonly bytes: Uint8Array;
  known: KnownSpec | undefined;
  decoding: boolean;
}

export class SpecCache {
  readonly #context: NodeContext;
  readonly #decoded: (run: RunNumber) => void;
  readonly #specs = new Map<RunNumber, Whole>();
  readonly #partial = new Map<RunNumber, Partial>();

  /** @param decoded told of what `get` could not give at once. */
  constructor(context: NodeContext, decoded: (run: RunNumber) => void) {
    this.#context = context;
    this.#decoded = decoded;
  }

  /** Undefined while it is not here, or not decoded: see `expects`. */
  get(run: RunNumber): KnownSpec | undefined {
    const whole = this.#specs.get(run);
    if (whole === undefined) return undefined;
    this.#specs.delete(run);
    this.#specs.set(run, whole);
    if (whole.known === undefined && !whole.decoding) this.#decode(run, whole);
    return whole.known;
  }

  /** It is here and is being decoded: nobody has to be asked for it. */
  expects(run: RunNumber): boolean {
    return this.#specs.get(run)?.decoding === true;
  }

  /** Slices come in order; one that does not continue the last is dropped, and the worker asks again. @returns is it whole now? */
  add(run: RunNumber, runId: RunId, offset: number, total: number, slice: Uint8Array): boolean {
    if (this.#specs.has(run) || total > SPEC_BYTES_MAX || offset + slice.length > total) return false;
    if (offset === 0) {
      this.#partial.delete(run);
      this.#partial.set(run, { runId, bytes: new Uint8Array(total), received: 0 });
      trim(this.#partial, UNFINISHED_MAX);
    }
    const partial = this.#partial.get(run);
    if (partial === undefined || partial.received !== offset || partial.bytes.length !== total) return false;
    partial.bytes.set(slice, offset);
    partial.received += slice.length;
    if (partial.received < total) return false;
    this.#partial.delete(run);
    this.#specs.set(run, { runId: partial.runId, bytes: partial.bytes, known: undefined, decoding: false });
    trim(this.#specs, SPECS_MAX);
    return true;
  }

  #decode(run: RunNumber, whole: Whole): void {
    const { bytes, runId } = whole;
    whole.decoding = true;
    let inThisTurn = true;
    inTurns(
      this.#context,
      (slice) => this.#decodeInSlices(bytes, slice),
      (spec) => {
        whole.decoding = false;
        if (spec !== undefined) whole.known = { runId, spec };
        else if (this.#specs.get(run) === whole) this.#specs.delete(run);
        if (!inThisTurn) this.#decoded(run);
      },
    );
    inThisTurn = false;
  }

  /** What cannot be read was sent by somebody who cannot write: it is dropped, and asked for again. */
  *#decodeInSlices(bytes: Uint8Array, slice: Slice): Generator<undefined, RunSpec | undefined> {
    try {
      return yield* decodeSpecInSlices(bytes, slice);
    } catch (error) {
      if (!isSkeinError(error, 'FRAME_INVALID')) throw error;
      this.#context.note('warn', 'frame-dropped', `the specification of a run could not be read: ${error.message}`);
      return undefined;
    }
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
