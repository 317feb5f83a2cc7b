/**
 * Modules with input files start when all of them are here. From the claim on their slots are theirs, since fetching is a
 * part of the execution: its time counts against the timeout, and a cancel ends it.
 */
import { filesOf } from '../../core/cell/files.ts';
import { isExclusive } from '../../core/cell/policy.ts';
import type { BlobFile, FilesRef, Outcome } from '../../core/cell/types.ts';
import type { Cid, Fence, NodeId } from '../../core/lib/ids.ts';
import { isSkeinError, SkeinError, type ErrorCode } from '../../errors.ts';
import type { Execution, Executor } from '../../ports/executor.ts';
import type { Timer } from '../../ports/clock.ts';
import { decodeTree } from '../../protocol/tree-codec.ts';
import type { NodeContext } from '../context.ts';
import type { Blobs } from './blobs.ts';

/** Files of a claim. */
export interface Given {
  /** Of each input of the module, in its order. */
  readonly inputs: readonly FilesRef[];
  /** Nodes that have each of them. A hint. */
  readonly inputHolders: ReadonlyArray<readonly NodeId[]>;
  /** What an earlier execution had got; null = nothing. */
  readonly checkpoint: FilesRef | null;
}

/** As the executor tells. */
export interface Told {
  readonly done: (outcome: Outcome) => void;
  readonly kept: (checkpoint: FilesRef) => void;
}

interface Gathering {
  readonly execution: Execution;
  readonly refs: readonly FilesRef[];
  readonly checkpoint: FilesRef | null;
  readonly holders: readonly NodeId[];
  readonly told: Told;
  readonly startedWall: number;
  readonly startedAt: number;
  /** Take back what is being fetched. */
  readonly wishes: Set<() => void>;
  timeout: Timer | undefined;
}

export class InputGate {
  readonly #context: NodeContext;
  readonly #blobs: Blobs;
  readonly #gathering = new Map<Fence, Gathering>();

  constructor(context: NodeContext, blobs: Blobs) {
    this.#context = context;
    this.#blobs = blobs;
  }

  /** As the executor's. */
  start(execution: Execution, { inputs: refs, inputHolders, checkpoint }: Given, told: Told): void {
    const { inputs } = filesOf(execution.spec);
    if (inputs.length === 0 && checkpoint === null) return this.#context.ports.executor.start(execution, told.done, told.kept);
    const gathering: Gathering = { execution, refs, checkpoint, holders: [...new Set(inputHolders.flat())], told, startedWall: this.#context.ports.clock.wall(), startedAt: this.#context.now(), wishes: new Set(), timeout: undefined };
    this.#gathering.set(execution.fence, gathering);
    const { timeoutMs } = execution.spec;
    if (timeoutMs > 0) gathering.timeout = this.#context.after(timeoutMs, () => this.#fail(gathering, new SkeinError('MODULE_TIMEOUT', `its inputs did not come within its timeout of ${timeoutMs / 1000} s`)));
    if (refs.length === inputs.length) this.#fetch(gathering, refs.map(({ cid }) => cid), () => this.#list(gathering, 0, []));
    else this.#context.defer(() => this.#fail(gathering, new SkeinError('MODULE_INPUT', `${refs.length} of its ${inputs.length} inputs are recorded`)));
  }

  cancel(fence: Fence, mode: 'grace' | 'now', code: Parameters<Executor['cancel']>[2]): void {
    const gathering = this.#gathering.get(fence);
    if (gathering === undefined) this.#context.ports.executor.cancel(fence, mode, code);
    else this.#context.defer(() => this.#fail(gathering, new SkeinError(code, 'stopped while its inputs were fetched')));
  }

  /**
   * The leader's word had run out before it came again. An exclusive module that runs was killed meanwhile, and may be
   * executed elsewhere; one that waits for its inputs must not begin under the new word either.
   */
  fenced(): void {
    for (const gathering of this.#gathering.values()) {
      if (isExclusive(gathering.execution.spec)) this.#fail(gathering, new SkeinError('MODULE_FENCED', 'contact with the leader was lost while its inputs were fetched'));
    }
  }

  /** Looks into the lists of files, one input after the other. */
  #list(gathering: Gathering, position: number, lists: readonly (readonly BlobFile[])[]): void {
    const ref = gathering.refs[position];
    if (ref === undefined) return this.#fetch(gathering, lists.flat().map(({ cid }) => cid), () => this.#goOn(gathering, lists));
    const next = (files: readonly BlobFile[]): void => this.#list(gathering, position + 1, [...lists, files]);
    if (ref.kind !== 'tree') return next([{ path: ref.name, cid: ref.cid, size: ref.size, executable: ref.kind === 'program' }]);
    this.#blobs.readWhole(ref.cid, (error, bytes) => {
      if (!this.#lives(gathering)) return;
      try {
        if (error !== undefined || bytes === undefined) throw error ?? new Error(`${ref.cid} is empty`);
        next(decodeTree(bytes));
      } catch (cause) {
        this.#fail(gathering, cause instanceof Error ? cause : new Error(String(cause)));
      }
    });
  }

  #fetch(gathering: Gathering, cids: readonly Cid[], then: () => void): void {
    this.#quietly(gathering, cids, (error) => this.#fail(gathering, error), then);
  }

  /** @param failed called once: what is still under way is then nobody's any more. */
  #quietly(gathering: Gathering, cids: readonly Cid[], failed: (error: Error) => void, then: () => void): void {
    let over = false;
    const wanted = new Set(cids);
    let left = wanted.size;
    if (left === 0) return this.#context.defer(() => this.#lives(gathering) && then());
    for (const cid of wanted) {
      const fetched = (error: Error | undefined): void => {
        gathering.wishes.delete(giveUp);
        if (over || !this.#lives(gathering)) return;
        if (error !== undefined) {
          over = true;
          return failed(error);
        }
        left--;
        if (left === 0) then();
      };
      // Should the power go, so does the module.
      const giveUp = this.#blobs.fetch(cid, fetched, { durable: false, holders: gathering.holders });
      gathering.wishes.add(giveUp);
    }
  }

  /** Where an earlier execution stopped, if somebody still has that; else from the beginning. */
  #goOn(gathering: Gathering, lists: readonly (readonly BlobFile[])[]): void {
    const { checkpoint, execution } = gathering;
    if (checkpoint === null) return this.#begin(gathering, lists, []);
    const anew = (error: Error): void => {
      if (!this.#lives(gathering)) return;
      this.#context.note('warn', 'checkpoint-lost', `${execution.spec.name} begins anew, its checkpoint cannot be fetched: ${error.message}`, { runId: execution.runId, module: execution.spec.name });
      this.#begin(gathering, lists, []);
    };
    this.#quietly(gathering, [checkpoint.cid], anew, () => {
      this.#blobs.readWhole(checkpoint.cid, (error, bytes) => {
        if (!this.#lives(gathering)) return;
        try {
          if (error !== undefined || bytes === undefined) throw error ?? new Error(`${checkpoint.cid} is empty`);
          const files = decodeTree(bytes);
          this.#quietly(gathering, files.map(({ cid }) => cid), anew, () => this.#begin(gathering, lists, files));
        } catch (cause) {
          anew(cause instanceof Error ? cause : new Error(String(cause)));
        }
      });
    });
  }

  #begin(gathering: Gathering, lists: readonly (readonly BlobFile[])[], checkpoint: readonly BlobFile[]): void {
    this.#end(gathering);
    const { execution, refs, told, startedAt } = gathering;
    const { spec } = execution;
    const inputs = filesOf(spec).inputs.map(({ variable }, position) => ({ variable, single: refs[position]!.kind !== 'tree', files: lists[position]! }));
    const left = spec.timeoutMs === 0 ? 0 : Math.max(1, Math.ceil(spec.timeoutMs - (this.#context.now() - startedAt)));
    this.#context.ports.executor.start({ ...execution, spec: { ...spec, timeoutMs: left }, inputs, checkpoint }, told.done, told.kept);
  }

  #lives(gathering: Gathering): boolean {
    return this.#gathering.get(gathering.execution.fence) === gathering;
  }

  #end(gathering: Gathering): void {
    this.#gathering.delete(gathering.execution.fence);
    gathering.timeout?.cancel();
    // Those that wait first: else each that ends lets the next begin, which asks every peer for nothing.
    for (const giveUp of [...gathering.wishes].toReversed()) giveUp();
  }

  #fail(gathering: Gathering, cause: Error): void {
    if (!this.#lives(gathering)) return;
    this.#end(gathering);
    const code = codeOf(cause);
    const message = code === 'MODULE_INPUT' || code === 'INPUT_MISSING' ? `an input could not be fetched: ${cause.message}` : cause.message;
    const durationMs = Math.round(this.#context.now() - gathering.startedAt);
    gathering.told.done({ ok: false, values: {}, error: { code, message }, exitCode: null, tail: '', startedAt: gathering.startedWall, durationMs });
  }
}

/** What this node lacks is no fault of the module: another node may have it. */
function codeOf(cause: Error): ErrorCode {
  if (!isSkeinError(cause)) return 'MODULE_INPUT';
  if (cause.code === 'BLOB_DISK_FULL' || cause.code === 'BLOB_STORE_FAILED' || cause.code === 'LIMIT_EXCEEDED') return 'NODE_EXHAUSTED';
  if (cause.code === 'BLOB_NOT_FOUND') return 'INPUT_MISSING';
  return cause.code.startsWith('BLOB_') ? 'MODULE_INPUT' : cause.code;
}
