/** Answers that are under way: pieces are put together until a chunk or a manifest is whole. */
import type { Cid, NodeId } from '../../core/lib/ids.ts';
import type { BlobMessage } from '../../protocol/blob-codec.ts';
import type { NodeContext } from '../context.ts';
import { ANSWER_STALL_MS, ANSWER_TURN_MS } from './limits.ts';

export interface Ask {
  readonly cid: Cid;
  readonly node: NodeId;
  /** -1 = the manifest. */
  readonly chunk: number;
  /** A longer answer is none: memory is counted before it comes. */
  readonly bytesMax: number;
  /** Called once: with the bytes, or with why there are none. */
  readonly done: (failure: AskFailure | undefined, bytes: Uint8Array, tookMs: number) => void;
}

export type AskFailure = 'gone' | 'busy' | 'stalled' | 'invalid' | 'down';

interface UnderWay {
  readonly ask: Ask;
  readonly askedAt: number;
  movedAt: number;
  bytes: Uint8Array;
  received: number;
}

export class Asks {
  readonly #context: NodeContext;
  readonly #send: (to: NodeId, message: BlobMessage) => boolean;
  readonly #underWay = new Map<number, UnderWay>();
  /** When the last piece came from each node: over a slow line answers wait for each other's pieces. */
  readonly #heardAt = new Map<NodeId, number>();
  #nextId: number;

  constructor(context: NodeContext, send: (to: NodeId, message: BlobMessage) => boolean) {
    this.#context = context;
    this.#send = send;
    this.#nextId = context.firstId();
  }

  ask(ask: Ask): void {
    const id = this.#nextId++;
    const now = this.#context.now();
    this.#underWay.set(id, { ask, askedAt: now, movedAt: now, bytes: nothing, received: 0 });
    if (!this.#send(ask.node, { type: 'want', id, cid: ask.cid, chunk: ask.chunk })) this.#context.defer(() => this.#end(id, 'down'));
  }

  piece(from: NodeId, message: Extract<BlobMessage, { type: 'piece' }>): void {
    const under = this.#underWay.get(message.id);
    if (under === undefined || under.ask.node !== from) return;
    const { offset, total, bytes } = message;
    // In order, as the channel keeps it: a gap means that the connection changed in between.
    if (offset !== under.received || total > under.ask.bytesMax || offset + bytes.byteLength > total) return this.#end(message.id, 'invalid');
    // Pieces of nothing would keep an answer alive that never ends.
    if (bytes.byteLength === 0 && total > 0) return this.#end(message.id, 'invalid');
    if (offset === 0) under.bytes = bytes.byteLength === total ? bytes : new Uint8Array(total);
    else if (total !== under.bytes.byteLength) return this.#end(message.id, 'invalid');
    if (under.bytes !== bytes) under.bytes.set(bytes, offset);
    under.received += bytes.byteLength;
    under.movedAt = this.#context.now();
    this.#heardAt.set(from, under.movedAt);
    if (under.received === total) this.#end(message.id, undefined);
  }

  refused(from: NodeId, { id, reason }: Extract<BlobMessage, { type: 'refuse' }>): void {
    if (this.#underWay.get(id)?.ask.node === from) this.#end(id, reason);
  }

  peerDown(peer: NodeId): void {
    this.#heardAt.delete(peer);
    for (const [id, { ask }] of this.#underWay) if (ask.node === peer) this.#end(id, 'down');
  }

  /** Nobody waits for answers about this blob any more. */
  forget(cid: Cid): void {
    for (const [id, { ask }] of this.#underWay) {
      if (ask.cid !== cid) continue;
      this.#underWay.delete(id);
      this.#send(ask.node, { type: 'stop', id });
    }
  }

  tick(): void {
    const now = this.#context.now();
    for (const [id, { ask, movedAt }] of this.#underWay) {
      const heardAt = this.#heardAt.get(ask.node) ?? -Infinity;
      if (now - Math.max(movedAt, heardAt) < ANSWER_STALL_MS && now - movedAt < ANSWER_TURN_MS) continue;
      this.#send(ask.node, { type: 'stop', id });
      this.#end(id, 'stalled');
    }
  }

  #end(id: number, failure: AskFailure | undefined): void {
    const under = this.#underWay.get(id);
    if (under === undefined) return;
    this.#underWay.delete(id);
    under.ask.done(failure, under.bytes, this.#context.now() - under.askedAt);
  }
}

const nothing = new Uint8Array(0);
