/** Questions to nodes about what they execute, each answered once: by a piece, or by nothing when no answer came. */
import type { Fence, NodeId } from '../../core/lib/ids.ts';
import type { Timer } from '../../ports/clock.ts';
import type { BlobMessage } from '../../protocol/blob-codec.ts';
import type { NodeContext } from '../context.ts';
import { LOG_ANSWER_MS } from './limits.ts';

/** `over`: it is not executed there (any more). */
export type LogAnswer = Pick<Extract<BlobMessage, { type: 'logPiece' }>, 'over' | 'offset' | 'bytes'>;

interface Asked {
  readonly node: NodeId;
  readonly timeout: Timer;
  readonly done: (answer: LogAnswer | undefined) => void;
}

export class LogAsks {
  readonly #context: NodeContext;
  readonly #asked = new Map<number, Asked>();
  #nextId: number;

  constructor(context: NodeContext) {
    this.#context = context;
    this.#nextId = context.firstId();
  }

  /** @param wait for more, if there is none now. @returns takes the question back. */
  ask(node: NodeId, fence: Fence, offset: number, wait: boolean, done: (answer: LogAnswer | undefined) => void): () => void {
    const id = this.#nextId++;
    this.#asked.set(id, { node, done, timeout: this.#context.after(LOG_ANSWER_MS, () => this.#end(id, undefined)) });
    if (!this.#context.sendBlob(node, { type: 'readLog', id, fence, offset, wait })) this.#context.defer(() => this.#end(id, undefined));
    return () => this.#forget(id);
  }

  answered(from: NodeId, message: Extract<BlobMessage, { type: 'logPiece' }>): void {
    if (this.#asked.get(message.id)?.node === from) this.#end(message.id, message);
  }

  peerDown(peer: NodeId): void {
    for (const [id, { node }] of this.#asked) if (node === peer) this.#end(id, undefined);
  }

  #end(id: number, answer: LogAnswer | undefined): void {
    const asked = this.#forget(id);
    asked?.done(answer);
  }

  #forget(id: number): Asked | undefined {
    const asked = this.#asked.get(id);
    asked?.timeout.cancel();
    this.#asked.delete(id);
    return asked;
  }
}
