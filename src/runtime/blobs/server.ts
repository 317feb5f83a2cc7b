/**
 * Answers what others ask of the blobs here. Pieces are read when the network has taken what was read before, a piece for
 * each answer in turn, so that a small file does not wait for a large one and a slow peer costs no memory.
 */
import type { Cid, NodeId } from '../../core/lib/ids.ts';
import type { BlobStore } from '../../ports/blobs.ts';
import type { BlobMessage } from '../../protocol/blob-codec.ts';
import { needsManifest } from '../../protocol/blob-manifest.ts';
import { BLOB_CHUNK_BYTES, BLOB_PIECE_BYTES } from '../../protocol/limits.ts';
import type { NodeContext } from '../context.ts';
import { SEND_AGAIN_MS, SEND_AHEAD_BYTES, SERVED_PER_PEER_MAX } from './limits.ts';
import type { RateLimit } from './rate-limit.ts';

export interface ServerInit {
  readonly context: NodeContext;
  readonly store: BlobStore;
  readonly rate: RateLimit;
  readonly send: (to: NodeId, message: BlobMessage) => boolean;
  /** Size and whether this chunk is here; undefined when nothing of it is. */
  readonly size: (cid: Cid, chunk: number) => number | undefined;
  /** It could not be read though it should be here. */
  readonly unread: (cid: Cid) => void;
  /** A manifest that is in memory only, since the blob is still being fetched. */
  readonly manifest: (cid: Cid) => Uint8Array | undefined;
}

interface Answer {
  readonly to: NodeId;
  readonly id: number;
  readonly cid: Cid;
  /** Of its first byte in the file; -1 = a manifest. */
  readonly start: number;
  total: number;
  /** The whole answer when it is in memory. */
  whole: Uint8Array | undefined;
  sent: number;
}

export class BlobServer {
  readonly #init: ServerInit;
  /** By peer; served in turn, each answer one piece at a time. */
  readonly #answers = new Map<NodeId, Answer[]>();
  /** Peers that wait for the disk or for the network, and the answer that is being read. */
  readonly #reading = new Map<NodeId, Answer | undefined>();
  #sentBytes = 0;

  constructor(init: ServerInit) {
    this.#init = init;
  }

  /** Bytes of pieces sent since the node began. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  wanted(from: NodeId, { id, cid, chunk }: Extract<BlobMessage, { type: 'want' }>): void {
    const { send, size } = this.#init;
    if ((this.#answers.get(from)?.length ?? 0) >= SERVED_PER_PEER_MAX) return void send(from, { type: 'refuse', id, reason: 'busy' });
    if (chunk < 0) {
      const known = this.#init.manifest(cid);
      if (known !== undefined) return this.#add({ to: from, id, cid, start: -1, total: known.byteLength, whole: known, sent: 0 });
      const bytes = size(cid, 0);
      if (bytes === undefined || !needsManifest(bytes)) return void send(from, { type: 'refuse', id, reason: 'gone' });
      return this.#add({ to: from, id, cid, start: -1, total: 0, whole: undefined, sent: 0 });
    }
    const bytes = size(cid, chunk);
    const start = chunk * BLOB_CHUNK_BYTES;
    if (bytes === undefined || (start >= bytes && start > 0)) return void send(from, { type: 'refuse', id, reason: 'gone' });
    this.#add({ to: from, id, cid, start, total: Math.min(BLOB_CHUNK_BYTES, bytes - start), whole: undefined, sent: 0 });
  }

  stopped(from: NodeId, id: number): void {
    const list = this.#answers.get(from);
    const at = list?.findIndex((answer) => answer.id === id) ?? -1;
    if (at >= 0) list!.splice(at, 1);
    // Its bytes are being read at this moment, as those of a single answer nearly always are.
    else if (this.#reading.get(from)?.id === id) this.#reading.set(from, undefined);
  }

  peerDown(peer: NodeId): void {
    this.#answers.delete(peer);
  }

  #add(answer: Answer): void {
    const list = this.#answers.get(answer.to);
    if (list === undefined) this.#answers.set(answer.to, [answer]);
    else list.push(answer);
    this.#serve(answer.to);
  }

  #serve(peer: NodeId): void {
    const list = this.#answers.get(peer);
    if (list === undefined || this.#reading.has(peer)) return;
    const answer = list.shift();
    if (answer === undefined) return void this.#answers.delete(peer);
    const { context, rate, store } = this.#init;
    if (answer.start < 0 && answer.whole === undefined) return this.#loadManifest(answer);
    const length = Math.min(BLOB_PIECE_BYTES, answer.total - answer.sent);
    const ahead = context.ports.transport.queued(peer, 'blob') >= SEND_AHEAD_BYTES;
    const waitMs = ahead ? SEND_AGAIN_MS : rate.take(context.now(), length);
    if (waitMs > 0) {
      list.unshift(answer);
      this.#reading.set(peer, undefined);
      context.after(waitMs, () => {
        this.#reading.delete(peer);
        this.#serve(peer);
      });
      return;
    }
    if (answer.whole !== undefined) return this.#piece(answer, answer.whole.subarray(answer.sent, answer.sent + length), length);
    this.#reading.set(peer, answer);
    store.read(answer.cid, answer.start + answer.sent, length, (error, bytes) => {
      if (!this.#wasRead(answer)) return this.#serve(peer);
      if (error !== undefined || bytes === undefined || bytes.byteLength < length) {
        this.#init.unread(answer.cid);
        this.#init.send(peer, { type: 'refuse', id: answer.id, reason: 'gone' });
        return this.#serve(peer);
      }
      this.#piece(answer, bytes, length);
    });
  }

  /** In its turn, as pieces: whoever asks for many has one of them in memory. */
  #loadManifest(answer: Answer): void {
    const { to, id, cid } = answer;
    this.#reading.set(to, answer);
    this.#init.store.manifest(cid, (error, manifest) => {
      if (!this.#wasRead(answer)) return this.#serve(to);
      if (error !== undefined || manifest === undefined) this.#init.send(to, { type: 'refuse', id, reason: 'gone' });
      else {
        answer.whole = manifest;
        answer.total = manifest.byteLength;
        this.#answers.get(to)?.unshift(answer);
      }
      this.#serve(to);
    });
  }

  /** @returns false when it was stopped in the meantime. */
  #wasRead(answer: Answer): boolean {
    const wanted = this.#reading.get(answer.to) === answer;
    this.#reading.delete(answer.to);
    return wanted;
  }

  #piece(answer: Answer, bytes: Uint8Array, length: number): void {
    const { to, id, total } = answer;
    const sent = this.#init.send(to, { type: 'piece', id, offset: answer.sent, total, bytes });
    answer.sent += length;
    this.#sentBytes += length;
    const list = this.#answers.get(to);
    // What was dropped will be missed and asked again: going on would only send what cannot be used.
    if (sent && answer.sent < total) list?.push(answer);
    this.#serve(to);
  }
}
