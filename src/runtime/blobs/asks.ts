/** Answers that are under way: pieces are put together until a chunk or a manifest is whole. */
import type { Cid, NodeId } from '../../core/lib/ids.ts';
import type { BlobHasher, BlobStore } from '../../ports/blobs.ts';
import type { BlobMessage } from '../../protocol/blob-codec.ts';
import { BLOB_CHUNK_BYTES } from '../../protocol/limits.ts';
import type { Piece } from '../../protocol/piece-codec.ts';
import type { NodeContext } from '../context.ts';
import { ANSWER_STALL_MS, ANSWER_TURN_MS, SPARE_CHUNKS_MAX } from './limits.ts';
import { PieceQueue } from './piece-queue.ts';
import { ReceiveRate } from './receive-rate.ts';

export interface Ask {
  readonly cid: Cid;
  readonly node: NodeId;
  /** -1 = the manifest. */
  readonly chunk: number;
  /** A longer answer is none: memory is counted before it comes. */
  readonly bytesMax: number;
  /** Called once. */
  readonly done: (answer: Answered | AskFailure) => void;
}

/** `digest`: of the bytes, taken while they came: what is still in the processor's cache is read fastest. */
export interface Answered {
  readonly bytes: Uint8Array;
  readonly digest: Uint8Array;
  readonly tookMs: number;
}

/** `invalid`: no such answer was asked for. `damaged`: what came could not be decompressed. */
export type AskFailure = 'gone' | 'busy' | 'stalled' | 'invalid' | 'damaged' | 'down';

interface UnderWay {
  readonly ask: Ask;
  readonly askedAt: number;
  movedAt: number;
  bytes: Uint8Array;
  received: number;
  hasher: BlobHasher | undefined;
}

export class Asks {
  readonly rate = new ReceiveRate();
  readonly #context: NodeContext;
  readonly #store: Pick<BlobStore, 'hasher'>;
  readonly #send: (to: NodeId, message: BlobMessage) => boolean;
  readonly #underWay = new Map<number, UnderWay>();
  readonly #pieces: PieceQueue;
  /** When the last piece came from each node: over a slow line answers wait for each other's pieces. */
  readonly #heardAt = new Map<NodeId, number>();
  #nextId: number;
  /** Memory of whole chunks, to be used again: asking the system for it costs more than the bytes themselves. */
  readonly #spare: Uint8Array[] = [];

  constructor(context: NodeContext, store: Pick<BlobStore, 'hasher'>, send: (to: NodeId, message: BlobMessage) => boolean) {
    this.#context = context;
    this.#store = store;
    this.#send = send;
    this.#nextId = context.firstId();
    this.#pieces = new PieceQueue(context, (from, piece) => this.#take(from, piece));
  }

  ask(ask: Ask): void {
    const id = this.#nextId++;
    const now = this.#context.now();
    this.#underWay.set(id, { ask, askedAt: now, movedAt: now, bytes: nothing, received: 0, hasher: undefined });
    if (this.rate.counts(ask.bytesMax)) this.rate.began(now);
    if (!this.#send(ask.node, { type: 'want', id, cid: ask.cid, chunk: ask.chunk, zstd: this.#context.ports.compressor !== undefined })) this.#context.defer(() => this.#end(id, 'down'));
  }

  piece(from: NodeId, piece: Piece): void {
    if (this.#underWay.get(piece.id)?.ask.node !== from || this.#pieces.add(from, piece)) return;
    // Too much waits here: what follows could not be used either.
    this.#send(from, { type: 'stop', id: piece.id });
    this.#end(piece.id, 'stalled');
  }

  #take(from: NodeId, message: Piece): void {
    // Something else may have ended it while the piece waited.
    const under = this.#underWay.get(message.id);
    if (under === undefined || under.ask.node !== from) return;
    const { offset, total, rawBytes } = message;
    const length = rawBytes ?? message.bytes.byteLength;
    // In order, as the channel keeps it: a gap means that the connection changed in between.
    if (offset !== under.received || total > under.ask.bytesMax || offset + length > total) return this.#end(message.id, 'invalid');
    // Pieces of nothing would keep an answer alive that never ends.
    if (length === 0 && total > 0) return this.#end(message.id, 'invalid');
    if (offset > 0 && total !== under.bytes.byteLength) return this.#end(message.id, 'invalid');
    const bytes = rawBytes === null ? message.bytes : this.#context.ports.compressor?.decompress(message.bytes, rawBytes);
    if (bytes === undefined) return this.#end(message.id, 'damaged');
    if (offset === 0) under.bytes = this.#memory(total);
    under.bytes.set(bytes, offset);
    under.hasher ??= this.#store.hasher();
    under.hasher.update(bytes);
    under.received += length;
    under.movedAt = this.#context.now();
    this.#heardAt.set(from, under.movedAt);
    // As they are when not compressed: placement asks how soon a file is here. Of the line alone a file of zeros would say that it is slow.
    if (this.rate.counts(under.ask.bytesMax)) this.rate.received(length, under.movedAt);
    if (under.received === total) this.#end(message.id, undefined);
  }

  #memory(bytes: number): Uint8Array {
    return (bytes === BLOB_CHUNK_BYTES ? this.#spare.pop() : undefined) ?? new Uint8Array(bytes);
  }

  /** What an answer gave is needed no more, by anybody. */
  reuse(bytes: Uint8Array): void {
    if (bytes.byteLength === BLOB_CHUNK_BYTES && this.#spare.length < SPARE_CHUNKS_MAX) this.#spare.push(bytes);
  }

  /** Nothing more will be asked for some time. */
  rest(): void {
    this.#spare.length = 0;
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
      this.#drop(id, ask);
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

  #drop(id: number, { bytesMax }: Ask): void {
    this.#underWay.delete(id);
    if (this.rate.counts(bytesMax)) this.rate.ended(this.#context.now());
  }

  #end(id: number, failure: AskFailure | undefined): void {
    const under = this.#underWay.get(id);
    if (under === undefined) return;
    this.#drop(id, under.ask);
    if (failure !== undefined) under.ask.done(failure);
    else under.ask.done({ bytes: under.bytes, digest: under.hasher!.digest(), tookMs: this.#context.now() - under.askedAt });
  }
}

const nothing = new Uint8Array(0);
