/**
 * Asks other nodes to keep copies, and hears whether they did. A question is repeated until it is answered, and given up
 * when its node is not connected or nothing moves there any more.
 */
import type { FilesRef } from '../../core/cell/types.ts';
import type { Cid, NodeId } from '../../core/lib/ids.ts';
import type { BlobMessage } from '../../protocol/blob-codec.ts';
import type { NodeContext } from '../context.ts';
import type { Routine } from '../routine.ts';
import { COPY_ANSWER_MS, COPY_ASK_AGAIN_MS, COPY_STALL_MS } from './limits.ts';

/** `whole`: all of it is there and synced. `full`: no room. `missing`: it found nobody who has it. `silent`: not connected, or nothing moves. */
export type CopyEnd = 'whole' | 'full' | 'missing' | 'silent';

export interface CopyRequest {
  readonly node: NodeId;
  readonly refs: readonly Pick<FilesRef, 'cid' | 'kind'>[];
  /** Who has them: a hint. */
  readonly holders: readonly NodeId[];
  /** It shall read what it has, and not trust its disk. */
  readonly check: boolean;
  /** Somebody waits for it. */
  readonly urgent: boolean;
  readonly done: (end: CopyEnd) => void;
}

interface Open {
  readonly request: CopyRequest;
  /** Not answered yet, and whether each is a list of files. */
  readonly waiting: Map<Cid, boolean>;
  readonly bytes: Map<Cid, number>;
  askedAt: number;
  heardAt: number;
  movedAt: number;
}

export class CopyRequests {
  readonly #context: NodeContext;
  readonly #open = new Set<Open>();
  readonly #repeats: Routine;

  constructor(context: NodeContext) {
    this.#context = context;
    this.#repeats = context.routine(() => COPY_ASK_AGAIN_MS / 4, () => this.#repeat());
  }

  /** @returns takes the question back; what has arrived there stays. */
  ask(request: CopyRequest): () => void {
    const now = this.#context.now();
    const open: Open = { request, waiting: new Map(request.refs.map(({ cid, kind }) => [cid, kind === 'tree'])), bytes: new Map(), askedAt: now, heardAt: now, movedAt: now };
    this.#open.add(open);
    this.#repeats.wake();
    if (!this.#send(open)) this.#context.defer(() => this.#end(open, 'silent'));
    else if (open.waiting.size === 0) this.#context.defer(() => this.#end(open, 'whole'));
    return () => void this.#open.delete(open);
  }

  kept(from: NodeId, { cid, tree, check, state, bytesHere }: Extract<BlobMessage, { type: 'kept' }>): void {
    for (const open of this.#open) {
      // A look that was none, or at a list without its files, answers nothing else.
      if (open.request.node !== from || open.request.check !== check || open.waiting.get(cid) !== tree) continue;
      open.heardAt = this.#context.now();
      if (state === 'coming') {
        if (bytesHere <= (open.bytes.get(cid) ?? 0)) continue;
        open.bytes.set(cid, bytesHere);
        open.movedAt = open.heardAt;
      } else if (state === 'whole') {
        open.movedAt = open.heardAt;
        open.waiting.delete(cid);
        if (open.waiting.size === 0) this.#end(open, 'whole');
      } else this.#end(open, state);
    }
  }

  peerDown(peer: NodeId): void {
    for (const open of this.#open) if (open.request.node === peer) this.#end(open, 'silent');
  }

  #send({ request, waiting }: Open): boolean {
    const { node, check, urgent } = request;
    const holders = request.holders.filter((holder) => holder !== node);
    for (const [cid, tree] of waiting) if (!this.#context.sendBlob(node, { type: 'keep', cid, tree, check, urgent, holders })) return false;
    return true;
  }

  #end(open: Open, end: CopyEnd): void {
    if (this.#open.delete(open)) open.request.done(end);
  }

  /** @returns whether anything is still open. */
  #repeat(): boolean {
    const now = this.#context.now();
    for (const open of this.#open) {
      if (now - open.movedAt >= COPY_STALL_MS || now - open.heardAt >= COPY_ANSWER_MS) this.#end(open, 'silent');
      else if (now - open.askedAt >= COPY_ASK_AGAIN_MS) {
        open.askedAt = now;
        if (!this.#send(open)) this.#end(open, 'silent');
      }
    }
    return this.#open.size > 0;
  }
}
