/**
 * Keeps copies for others: whoever asks is told when all of it is here and synced, how far it has come, or why it will not
 * come. Nothing is remembered longer than it takes: who is in doubt asks again.
 */
import type { BlobRef } from '../../core/cell/files.ts';
import type { Cid, NodeId } from '../../core/lib/ids.ts';
import { isSkeinError } from '../../errors.ts';
import type { BlobMessage, KeptState } from '../../protocol/blob-codec.ts';
import type { NodeContext } from '../context.ts';
import type { Blobs, Urgency } from './blobs.ts';
import { fetchAll } from './fetch-all.ts';
import { KEEPS_MAX, RECENT_MS } from './limits.ts';
import { readTree } from './read-tree.ts';

type Asked = Extract<BlobMessage, { type: 'keep' }>;

interface Keeping {
  readonly asked: Asked;
  urgency: Urgency;
  holders: readonly NodeId[];
  readonly askers: Set<NodeId>;
  /** Not here yet, oldest first. */
  open: ReadonlySet<Cid>;
  /** When all of these are here. */
  next: () => void;
  giveUp: () => void;
  bytesDone: number;
}

/** Blobs whose progress is added up for an answer: more are not fetched at a time. */
const SUMMED_MAX = 128;

export class Keeper {
  readonly #context: NodeContext;
  readonly #blobs: Pick<Blobs, 'fetch' | 'get' | 'progress' | 'readWhole' | 'verify'>;
  /** By what was asked: who wants it read is not answered by who does not. */
  readonly #keeping = new Map<string, Keeping>();
  /** Are whole, and the log may not know it yet; until when they count as needed (monotonic ms), in that order. */
  readonly #recent = new Map<string, { readonly ref: BlobRef; readonly until: number }>();

  constructor(context: NodeContext, blobs: Pick<Blobs, 'fetch' | 'get' | 'progress' | 'readWhole' | 'verify'>) {
    this.#context = context;
    this.#blobs = blobs;
  }

  receive(from: NodeId, asked: Asked): void {
    const { urgent, holders } = asked;
    const present = this.#keeping.get(keyOf(asked));
    if (present !== undefined) {
      present.askers.add(from);
      if (urgent) this.#hurry(present, holders);
      return this.#answer(from, asked, 'coming', this.#bytesOf(present));
    }
    if (this.#keeping.size >= KEEPS_MAX) return this.#answer(from, asked, 'coming', 0);
    const nothing = (): void => undefined;
    const keeping: Keeping = { asked, urgency: urgent ? 'waited' : 'background', holders, askers: new Set([from]), open: new Set(), next: nothing, giveUp: nothing, bytesDone: 0 };
    this.#keeping.set(keyOf(asked), keeping);
    this.#bring(keeping, [asked.cid], () => (asked.tree ? this.#files(keeping) : this.#end(keeping, 'whole')));
  }

  /** What is being kept, and what just was: the log does not say yet that anybody needs it. */
  *unrecorded(): Generator<BlobRef> {
    for (const { asked: { cid, tree } } of this.#keeping.values()) yield { cid, tree };
    this.#forgetOld();
    for (const { ref } of this.#recent.values()) yield ref;
  }

  #forgetOld(): void {
    const now = this.#context.now();
    for (const [key, { until }] of this.#recent) {
      if (until > now && this.#recent.size <= KEEPS_MAX) return;
      this.#recent.delete(key);
    }
  }

  /** Nobody waited for it so far, and now somebody does: what is left is wished for once more, before the wishes so far are taken back. */
  #hurry(keeping: Keeping, holders: readonly NodeId[]): void {
    if (keeping.urgency === 'waited') return;
    Object.assign(keeping, { urgency: 'waited', holders });
    const { giveUp, open, next } = keeping;
    if (open.size > 0) this.#bring(keeping, open, next);
    giveUp();
  }

  #files(keeping: Keeping): void {
    readTree(this.#context, this.#blobs, keeping.asked.cid, (error, files) => {
      if (error !== undefined) return this.#failed(keeping, error);
      this.#bring(keeping, files.map(({ cid }) => cid), () => this.#end(keeping, 'whole'));
    });
  }

  #bring(keeping: Keeping, cids: Iterable<Cid>, then: () => void): void {
    const open = new Set(cids);
    Object.assign(keeping, { open, next: then });
    const checked: Pick<Blobs, 'fetch'> = { fetch: (cid, done, options) => this.#checkedFetch(cid, done, options) };
    const lives = (): boolean => this.#keeping.get(keyOf(keeping.asked)) === keeping && keeping.open === open;
    const ended = (error?: Error): void => {
      if (!lives()) return;
      if (error === undefined) then();
      else this.#failed(keeping, error);
    };
    const giveUp = fetchAll(keeping.asked.check ? checked : this.#blobs, open, { urgency: keeping.urgency, holders: keeping.holders }, ended, (cid, size) => {
      open.delete(cid);
      keeping.bytesDone += size;
    });
    if (lives()) keeping.giveUp = giveUp;
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
    const { cid } = keeping.asked;
    if (this.#keeping.get(keyOf(keeping.asked)) !== keeping) return;
    this.#context.note('warn', 'copy-not-made', `no copy of ${cid} was made here: ${error?.message ?? 'it is empty'}`, { cid });
    const full = isSkeinError(error, 'BLOB_DISK_FULL') || isSkeinError(error, 'BLOB_STORE_FAILED') || isSkeinError(error, 'LIMIT_EXCEEDED') || isSkeinError(error, 'NODE_STOPPING');
    this.#end(keeping, full ? 'full' : 'missing');
  }

  #end({ asked, askers, bytesDone }: Keeping, state: KeptState): void {
    const key = keyOf(asked);
    this.#keeping.delete(key);
    this.#recent.delete(key);
    if (state === 'whole') this.#recent.set(key, { ref: { cid: asked.cid, tree: asked.tree }, until: this.#context.now() + RECENT_MS });
    this.#forgetOld();
    for (const asker of askers) this.#answer(asker, asked, state, bytesDone);
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

  #answer(to: NodeId, { cid, tree, check }: Asked, state: KeptState, bytesHere: number): void {
    this.#context.sendBlob(to, { type: 'kept', cid, tree, check, state, bytesHere });
  }
}

function keyOf({ cid, tree, check }: Asked): string {
  return `${cid} ${tree} ${check}`;
}
