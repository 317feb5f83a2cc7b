/**
 * Keeps copies for others: whoever asks is told when all of it is here and synced, how far it has come, or why it will not
 * come. Nothing is remembered longer than it takes: who is in doubt asks again.
 */
import type { Cid, NodeId } from '../../core/lib/ids.ts';
import { isSkeinError } from '../../errors.ts';
import type { BlobMessage, KeptState } from '../../protocol/blob-codec.ts';
import type { NodeContext } from '../context.ts';
import type { Blobs, Urgency } from './blobs.ts';
import { fetchAll } from './fetch-all.ts';
import { KEEPS_MAX } from './limits.ts';
import { readTree } from './read-tree.ts';

interface Keeping {
  readonly cid: Cid;
  readonly check: boolean;
  urgency: Urgency;
  readonly holders: readonly NodeId[];
  readonly askers: Set<NodeId>;
  /** Of these, who wants it read, which it is not this time: they ask again. */
  readonly doubters: Set<NodeId>;
  /** Not here yet, oldest first. */
  readonly open: Set<Cid>;
  bytesDone: number;
}

/** Blobs whose progress is added up for an answer: more are not fetched at a time. */
const SUMMED_MAX = 128;

export class Keeper {
  readonly #context: NodeContext;
  readonly #blobs: Pick<Blobs, 'fetch' | 'get' | 'progress' | 'readWhole' | 'verify'>;
  readonly #keeping = new Map<Cid, Keeping>();

  constructor(context: NodeContext, blobs: Pick<Blobs, 'fetch' | 'get' | 'progress' | 'readWhole' | 'verify'>) {
    this.#context = context;
    this.#blobs = blobs;
  }

  receive(from: NodeId, { cid, tree, check, urgent, holders }: Extract<BlobMessage, { type: 'keep' }>): void {
    const present = this.#keeping.get(cid);
    if (present !== undefined) {
      present.askers.add(from);
      if (check && !present.check) present.doubters.add(from);
      if (urgent) this.#hurry(present, holders);
      return this.#answer(from, cid, 'coming', this.#bytesOf(present));
    }
    if (this.#keeping.size >= KEEPS_MAX) return this.#answer(from, cid, 'coming', 0);
    const keeping: Keeping = { cid, check, urgency: urgent ? 'waited' : 'background', holders, askers: new Set([from]), doubters: new Set(), open: new Set(), bytesDone: 0 };
    this.#keeping.set(cid, keeping);
    this.#bring(keeping, [cid], () => (tree ? this.#files(keeping) : this.#end(keeping, 'whole')));
  }

  /** Nobody waited for it so far, and now somebody does. */
  #hurry(keeping: Keeping, holders: readonly NodeId[]): void {
    if (keeping.urgency === 'waited') return;
    keeping.urgency = 'waited';
    for (const cid of keeping.open) this.#blobs.fetch(cid, () => undefined, { urgency: 'waited', holders });
  }

  #files(keeping: Keeping): void {
    readTree(this.#context, this.#blobs, keeping.cid, (error, files) => {
      if (error !== undefined) return this.#failed(keeping, error);
      this.#bring(keeping, files.map(({ cid }) => cid), () => this.#end(keeping, 'whole'));
    });
  }

  #bring(keeping: Keeping, cids: readonly Cid[], then: () => void): void {
    for (const cid of cids) keeping.open.add(cid);
    const checked: Pick<Blobs, 'fetch'> = { fetch: (cid, done, options) => this.#checkedFetch(cid, done, options) };
    const ended = (error?: Error): void => {
      if (this.#keeping.get(keeping.cid) !== keeping) return;
      if (error === undefined) then();
      else this.#failed(keeping, error);
    };
    fetchAll(keeping.check ? checked : this.#blobs, keeping.open, { urgency: keeping.urgency, holders: keeping.holders }, ended, (cid, size) => {
      keeping.open.delete(cid);
      keeping.bytesDone += size;
    });
  }

  /** What turns out to be damaged is removed, and fetched like any other. */
  #checkedFetch(...[cid, done, options]: Parameters<Blobs['fetch']>): () => void {
    if (this.#blobs.get(cid) === undefined) return this.#blobs.fetch(cid, done, options);
    let giveUp: (() => void) | undefined;
    let over = false;
    this.#blobs.verify(cid, () => {
      if (!over) giveUp = this.#blobs.fetch(cid, done, options);
    });
    return () => {
      over = true;
      giveUp?.();
    };
  }

  #failed(keeping: Keeping, error: Error | undefined): void {
    if (this.#keeping.get(keeping.cid) !== keeping) return;
    this.#context.note('warn', 'copy-not-made', `no copy of ${keeping.cid} was made here: ${error?.message ?? 'it is empty'}`, { cid: keeping.cid });
    const full = isSkeinError(error, 'BLOB_DISK_FULL') || isSkeinError(error, 'BLOB_STORE_FAILED') || isSkeinError(error, 'LIMIT_EXCEEDED') || isSkeinError(error, 'NODE_STOPPING');
    this.#end(keeping, full ? 'full' : 'missing');
  }

  #end(keeping: Keeping, state: KeptState): void {
    this.#keeping.delete(keeping.cid);
    for (const asker of keeping.askers) if (state !== 'whole' || !keeping.doubters.has(asker)) this.#answer(asker, keeping.cid, state, keeping.bytesDone);
  }

  #bytesOf({ open, bytesDone }: Keeping): number {
    let bytes = bytesDone;
    let summed = 0;
    for (const cid of open) {
      if (summed++ === SUMMED_MAX) break;
      bytes += this.#blobs.progress(cid)?.bytesHere ?? 0;
    }
    return bytes;
  }

  #answer(to: NodeId, cid: Cid, state: KeptState, bytesHere: number): void {
    this.#context.sendBlob(to, { type: 'kept', cid, state, bytesHere });
  }
}
