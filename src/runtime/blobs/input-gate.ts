/**
 * Modules with input files, and functions whose code is a blob, start when all of that is here. From the claim on their
 * slots are theirs, since fetching is a part of the execution: its time counts against the timeout, and a cancel ends it.
 */
import { filesOf } from '../../core/cell/files.ts';
import { isExclusive } from '../../core/cell/policy.ts';
import type { BlobFile, FilesRef, Outcome } from '../../core/cell/types.ts';
import type { Cid, Fence, NodeId } from '../../core/lib/ids.ts';
import { isSkeinError, SkeinError, type ErrorCode } from '../../errors.ts';
import type { Execution, ExecutionInput, Executor } from '../../ports/executor.ts';
import type { Timer } from '../../ports/clock.ts';
import type { AssignItem } from '../../protocol/messages.ts';
import type { NodeContext } from '../context.ts';
import type { Blobs } from './blobs.ts';
import { fetchAll } from './fetch-all.ts';
import { reportList } from './list-digests.ts';
import { readTree } from './read-tree.ts';

/** Files of a claim. */
export interface Given {
  /** Of each input of the module, in its order. */
  readonly inputs: ReadonlyArray<readonly FilesRef[]>;
  /** Nodes that have what is named. A hint. */
  readonly inputHolders: ReadonlyArray<readonly NodeId[]>;
  readonly item: AssignItem['item'];
  /** Modules with `foreach`, by position: what they left is what all their items left. */
  readonly gathered: ReadonlySet<number>;
  /** Outputs of which a digest for each file is to be reported. */
  readonly listed: readonly string[];
  /** What an earlier execution had got; null = nothing. */
  readonly checkpoint: FilesRef | null;
}

export interface Told {
  /** Asked once more when all is here: its time may have passed meanwhile. */
  readonly mayBegin: () => boolean;
  /** As the executor tells. */
  readonly done: (outcome: Outcome) => void;
  readonly kept: (checkpoint: FilesRef) => void;
}

/** All that was fetched: of each that is named its files, and the file that the item is. */
interface Here {
  readonly lists: readonly (readonly BlobFile[])[];
  readonly file: BlobFile | null;
}

interface Gathering {
  readonly execution: Execution;
  /** Of its function; undefined = it comes with the run, or there is none. */
  readonly code: FilesRef | undefined;
  readonly given: Given;
  /** All that is named: the inputs one after the other, then the list that its item is of. */
  readonly refs: readonly FilesRef[];
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
  start(execution: Execution, given: Given, { mayBegin, done, kept }: Told): void {
    const { inputs } = filesOf(execution.spec);
    const { item, listed, checkpoint } = given;
    const told: Told = { mayBegin, kept, done: listed.length === 0 ? done : (outcome) => reportList(this.#blobs, outcome, listed, done) };
    const refs = [...given.inputs.flat(), ...(item?.source.type === 'file' ? [item.source.files] : [])];
    const code = this.#context.mutant('code-not-awaited') ? undefined : codeBlobOf(execution);
    if (inputs.length === 0 && refs.length === 0 && checkpoint === null && code === undefined) return this.#context.ports.executor.start(execution, told.done, told.kept);
    const gathering: Gathering = { execution, code, given, refs, holders: [...new Set(given.inputHolders.flat())], told, startedWall: this.#context.ports.clock.wall(), startedAt: this.#context.now(), wishes: new Set(), timeout: undefined };
    this.#gathering.set(execution.fence, gathering);
    const { timeoutMs } = execution.spec;
    if (timeoutMs > 0) gathering.timeout = this.#context.after(timeoutMs, () => this.#fail(gathering, new SkeinError('MODULE_TIMEOUT', `its inputs did not come within its timeout of ${timeoutMs / 1000} s`)));
    if (given.inputs.length === inputs.length) this.#fetch(gathering, [...(code === undefined ? [] : [code]), ...refs].map(({ cid }) => cid), () => this.#list(gathering, []));
    else this.#context.defer(() => this.#fail(gathering, new SkeinError('MODULE_INPUT', `${given.inputs.length} of its ${inputs.length} inputs are recorded`)));
  }

  /** Those that wait for their inputs. */
  fetching(): Fence[] {
    return [...this.#gathering.keys()];
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
    for (const gathering of this.#gathering.values()) if (isExclusive(gathering.execution.spec)) this.#fence(gathering);
  }

  #fence(gathering: Gathering): void {
    this.#fail(gathering, new SkeinError('MODULE_FENCED', 'contact with the leader was lost while its inputs were fetched'));
  }

  /** Looks into the lists of files, one after the other. @param lists of those that were looked into. */
  #list(gathering: Gathering, lists: (readonly BlobFile[])[]): void {
    for (let ref = gathering.refs[lists.length]; ref !== undefined; ref = gathering.refs[lists.length]) {
      if (ref.kind === 'tree') return this.#lookInto(gathering, ref, lists);
      lists.push([{ path: ref.name, cid: ref.cid, size: ref.size, executable: ref.kind === 'program' }]);
    }
    const { item } = gathering.given;
    const file = item?.source.type === 'file' ? lists.pop()![item.source.position] : null;
    if (file === undefined) return this.#fail(gathering, new SkeinError('MODULE_INPUT', `there is no file ${item!.number} in its list`));
    this.#fetch(gathering, [...lists.flat(), ...(file === null ? [] : [file])].map(({ cid }) => cid), () => this.#goOn(gathering, { lists, file }));
  }

  #lookInto(gathering: Gathering, { cid }: FilesRef, lists: (readonly BlobFile[])[]): void {
    readTree(this.#context, this.#blobs, cid, (error, files) => {
      if (!this.#lives(gathering)) return;
      if (error !== undefined) return this.#fail(gathering, error);
      lists.push(files);
      this.#list(gathering, lists);
    });
  }

  #fetch(gathering: Gathering, cids: readonly Cid[], then: () => void): void {
    this.#quietly(gathering, cids, (error, cid) => this.#fail(gathering, error, cid), then);
  }

  /** @param failed called once: what is still under way is then nobody's any more. */
  #quietly(gathering: Gathering, cids: readonly Cid[], failed: (error: Error, cid: Cid) => void, then: () => void): void {
    if (cids.length === 0) return this.#context.defer(() => this.#lives(gathering) && then());
    const ended = (error?: Error, cid?: Cid): void => {
      gathering.wishes.delete(giveUp);
      if (!this.#lives(gathering)) return;
      if (error === undefined) then();
      else failed(error, cid!);
    };
    let giveUp = (): void => undefined;
    // Should the power go, so does the module.
    giveUp = fetchAll(this.#blobs, cids, { durable: false, holders: gathering.holders }, ended);
    gathering.wishes.add(giveUp);
  }

  /** Where an earlier execution stopped, if somebody still has that; else from the beginning. */
  #goOn(gathering: Gathering, here: Here): void {
    const { execution, given } = gathering;
    const { checkpoint } = given;
    if (checkpoint === null) return this.#begin(gathering, here, []);
    const anew = (error: Error): void => {
      if (!this.#lives(gathering)) return;
      this.#context.note('warn', 'checkpoint-lost', `${execution.spec.name} begins anew, its checkpoint cannot be fetched: ${error.message}`, { runId: execution.runId, module: execution.spec.name });
      this.#begin(gathering, here, []);
    };
    this.#quietly(gathering, [checkpoint.cid], anew, () => {
      readTree(this.#context, this.#blobs, checkpoint.cid, (error, files) => {
        if (!this.#lives(gathering)) return;
        if (error !== undefined) return anew(error);
        this.#quietly(gathering, files.map(({ cid }) => cid), anew, () => this.#begin(gathering, here, files));
      });
    });
  }

  #begin(gathering: Gathering, { lists, file }: Here, checkpoint: readonly BlobFile[]): void {
    const { execution, given, told, startedAt } = gathering;
    if (!told.mayBegin()) return this.#fence(gathering);
    this.#end(gathering);
    const { spec, item } = execution;
    let at = 0;
    const inputs = filesOf(spec).inputs.map((input, position): ExecutionInput => {
      const { variable } = input;
      const refs = given.inputs[position]!;
      const own = lists.slice(at, (at += refs.length));
      if ('module' in input && given.gathered.has(input.module)) return { variable, single: false, files: numbered(own) };
      return { variable, single: refs[0]?.kind !== 'tree', files: own[0] ?? [] };
    });
    const left = spec.timeoutMs === 0 ? 0 : Math.max(1, Math.ceil(spec.timeoutMs - (this.#context.now() - startedAt)));
    const ready: Execution = { ...execution, spec: { ...spec, timeoutMs: left }, inputs, checkpoint, ...(item === undefined || file === null ? {} : { item: { ...item, file } }) };
    this.#context.ports.executor.start(ready, told.done, told.kept);
  }

  #lives(gathering: Gathering): boolean {
    return this.#gathering.get(gathering.execution.fence) === gathering;
  }

  #end(gathering: Gathering): void {
    this.#gathering.delete(gathering.execution.fence);
    gathering.timeout?.cancel();
    // Those that wait first: else each that ends lets the next begin, which asks every peer for nothing.
    for (const giveUp of [...gathering.wishes].toReversed()) giveUp();
    gathering.wishes.clear();
  }

  /** @param cid what could not be fetched. */
  #fail(gathering: Gathering, cause: Error, cid?: Cid): void {
    if (!this.#lives(gathering)) return;
    this.#end(gathering);
    const code = codeOf(cause);
    const what = cid !== undefined && cid === gathering.code?.cid ? `the bundle of ${gathering.code.name}` : 'an input';
    const message = code === 'MODULE_INPUT' || code === 'INPUT_MISSING' ? `${what} could not be fetched: ${cause.message}` : cause.message;
    const durationMs = Math.round(this.#context.now() - gathering.startedAt);
    gathering.told.done({ ok: false, values: {}, error: { code, message }, exitCode: null, tail: '', startedAt: gathering.startedWall, durationMs });
  }
}

function codeBlobOf({ spec: { action }, bundle }: Execution): FilesRef | undefined {
  const code = action.type === 'bundle' ? bundle(action.bundle) : undefined;
  return typeof code === 'string' ? undefined : code;
}

/** What the items of a `foreach` left, in folders whose names keep their order: `07/out.mkv`. */
function numbered(lists: readonly (readonly BlobFile[])[]): BlobFile[] {
  const width = String(Math.max(0, lists.length - 1)).length;
  return lists.flatMap((files, item) => files.map((file) => ({ ...file, path: `${String(item).padStart(width, '0')}/${file.path}` })));
}

/** What this node lacks is no fault of the module: another node may have it. */
function codeOf(cause: Error): ErrorCode {
  if (!isSkeinError(cause)) return 'MODULE_INPUT';
  if (cause.code === 'BLOB_DISK_FULL' || cause.code === 'BLOB_STORE_FAILED' || cause.code === 'LIMIT_EXCEEDED') return 'NODE_EXHAUSTED';
  if (cause.code === 'BLOB_NOT_FOUND') return 'INPUT_MISSING';
  return cause.code.startsWith('BLOB_') ? 'MODULE_INPUT' : cause.code;
}
