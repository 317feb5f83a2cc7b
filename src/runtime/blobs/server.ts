/**
 * Answers what others ask of the blobs here. Pieces are read when the network has taken what was read before, blobs in
 * turn, so that a small file does not wait for a large one and a slow peer costs no memory.
 */
import type { Cid, NodeId } from '../../core/lib/ids.ts';
import type { BlobStore } from '../../ports/blobs.ts';
import type { BlobMessage } from '../../protocol/blob-codec.ts';
import { needsManifest } from '../../protocol/blob-manifest.ts';
import { BLOB_CHUNK_BYTES, BLOB_PIECE_BYTES } from '../../protocol/limits.ts';
import type { NodeContext } from '../context.ts';
import { Compression, type Compressible } from './compression.ts';
import { READ_TOGETHER_MAX, SEND_AGAIN_MS, SERVED_PER_PEER_MAX } from './limits.ts';
import type { RateLimit } from './rate-limit.ts';
import { Turns } from './turns.ts';

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

interface Answer extends Compressible {
  readonly id: number;
  readonly cid: Cid;
  /** Of its first byte in the file; -1 = a manifest. */
  readonly start: number;
  total: number;
  /** The whole answer when it is in memory. */
  whole: Uint8Array | undefined;
  sent: number;
}

/** Of an answer, before it is sent. */
interface Ready {
  readonly answer: Answer;
  /** Undefined when they could not be read. */
  bytes: Uint8Array | undefined;
  /** Undefined when they are sent as they are. */
  compressed: Uint8Array | undefined;
}

export class BlobServer {
  readonly #init: ServerInit;
  readonly #answers = new Map<NodeId, Turns<Answer>>();
  /** Peers that wait for the disk or for the network, and the answers of which a piece is being read. */
  readonly #reading = new Map<NodeId, Set<Answer>>();
  readonly #compression: Compression;
  #sentBytes = 0;

  constructor(init: ServerInit) {
    this.#init = init;
    this.#compression = new Compression(init.context, init.rate);
  }

  /** Bytes of pieces sent since the node began, as they are when nothing is compressed. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  wanted(from: NodeId, { id, cid, chunk, zstd }: Extract<BlobMessage, { type: 'want' }>): void {
    const { send, size } = this.#init;
    if ((this.#answers.get(from)?.count ?? 0) >= SERVED_PER_PEER_MAX) return void send(from, { type: 'refuse', id, reason: 'busy' });
    if (chunk < 0) {
      const known = this.#init.manifest(cid);
      // Nearly all digests, which no compression makes smaller.
      const manifest = { to: from, id, cid, start: -1, sent: 0, zstd: false, plainUntil: 0 };
      if (known !== undefined) return this.#add({ ...manifest, total: known.byteLength, whole: known });
      const bytes = size(cid, 0);
      if (bytes === undefined || !needsManifest(bytes)) return void send(from, { type: 'refuse', id, reason: 'gone' });
      return this.#add({ ...manifest, total: 0, whole: undefined });
    }
    const bytes = size(cid, chunk);
    const start = chunk * BLOB_CHUNK_BYTES;
    if (bytes === undefined || (start >= bytes && start > 0)) return void send(from, { type: 'refuse', id, reason: 'gone' });
    this.#add({ to: from, id, cid, start, total: Math.min(BLOB_CHUNK_BYTES, bytes - start), whole: undefined, sent: 0, zstd, plainUntil: 0 });
  }

  stopped(from: NodeId, id: number): void {
    this.#answers.get(from)?.remove(id);
    // Its bytes may be being read at this moment, as those of a single answer nearly always are.
    const reading = this.#reading.get(from) ?? [];
    for (const answer of reading) if (answer.id === id) this.#reading.get(from)!.delete(answer);
  }

  peerDown(peer: NodeId): void {
    this.#answers.delete(peer);
    this.#reading.get(peer)?.clear();
    this.#compression.peerDown(peer);
  }

  #add(answer: Answer): void {
    const turns = this.#answers.get(answer.to);
    if (turns === undefined) {
      const first = new Turns<Answer>();
      first.add(answer);
      this.#answers.set(answer.to, first);
    } else turns.add(answer);
    // Those that were asked for in one turn are read together.
    if (!this.#reading.has(answer.to)) {
      this.#reading.set(answer.to, new Set());
      this.#init.context.settle(() => this.#goOn(answer.to));
    }
  }

  #goOn(peer: NodeId): void {
    this.#reading.delete(peer);
    this.#serve(peer);
  }

  #serve(peer: NodeId): void {
    const turns = this.#answers.get(peer);
    if (turns === undefined || this.#reading.has(peer)) return;
    const first = turns.first();
    if (first === undefined) return void this.#answers.delete(peer);
    if (first.start < 0 && first.whole === undefined) return this.#loadManifest(turns.take()!);
    const { context, rate } = this.#init;
    const queued = context.ports.transport.queued(peer, 'blob');
    const waitMs = queued >= this.#compression.look(peer, queued) ? SEND_AGAIN_MS : rate.take(context.now(), pieceBytes(first));
    if (waitMs > 0) {
      this.#reading.set(peer, new Set());
      return void context.after(waitMs, () => this.#goOn(peer));
    }
    this.#read(peer, turns);
  }

  /** Pieces of small blobs are read together: alone each would wait for the disk. */
  #read(peer: NodeId, turns: Turns<Answer>): void {
    const { rate, store } = this.#init;
    const reading = new Set<Answer>();
    const batch: Ready[] = [];
    this.#reading.set(peer, reading);
    let left = BLOB_PIECE_BYTES;
    for (let next = turns.first(); next !== undefined && batch.length < READ_TOGETHER_MAX; next = turns.first()) {
      if (batch.length > 0 && (pieceBytes(next) > left || (next.start < 0 && next.whole === undefined))) break;
      // The first one had to wait for that; the others count before what comes next.
      if (batch.length > 0) rate.add(pieceBytes(next));
      left -= pieceBytes(next);
      reading.add(next);
      batch.push({ answer: turns.take()!, bytes: undefined, compressed: undefined });
    }
    let unread = batch.length;
    const end = (): void => {
      if (--unread > 0) return;
      this.#reading.delete(peer);
      for (const ready of batch) if (reading.has(ready.answer)) this.#send(ready);
      this.#serve(peer);
    };
    for (const each of batch) {
      const { answer } = each;
      const length = pieceBytes(answer);
      const read = (bytes: Uint8Array | undefined): void => {
        each.bytes = bytes;
        if (bytes === undefined || !reading.has(answer)) return end();
        this.#compression.compress(answer, bytes, (compressed) => {
          each.compressed = compressed;
          end();
        });
      };
      if (answer.whole !== undefined) read(answer.whole.subarray(answer.sent, answer.sent + length));
      else store.read(answer.cid, answer.start + answer.sent, length, (error, bytes) => read(error === undefined && bytes?.byteLength === length ? bytes : undefined));
    }
  }

  /** In its turn, as pieces: whoever asks for many has one of them in memory. */
  #loadManifest(answer: Answer): void {
    const { to, id, cid } = answer;
    const reading = new Set([answer]);
    this.#reading.set(to, reading);
    this.#init.store.manifest(cid, (error, manifest) => {
      const wanted = reading.has(answer);
      this.#reading.delete(to);
      if (!wanted) return this.#serve(to);
      if (error !== undefined || manifest === undefined) this.#init.send(to, { type: 'refuse', id, reason: 'gone' });
      else {
        answer.whole = manifest;
        answer.total = manifest.byteLength;
        this.#answers.get(to)?.putBack(answer);
      }
      this.#serve(to);
    });
  }

  #send({ answer, bytes, compressed }: Ready): void {
    const { to, id, cid, total } = answer;
    if (bytes === undefined) {
      this.#init.unread(cid);
      return void this.#init.send(to, { type: 'refuse', id, reason: 'gone' });
    }
    const wire = compressed ?? bytes;
    const sent = this.#init.send(to, { type: 'piece', id, offset: answer.sent, total, bytes: wire, rawBytes: compressed === undefined ? null : bytes.byteLength });
    // The limit is one of the line: it was counted before it was known what goes there.
    this.#init.rate.add(wire.byteLength - bytes.byteLength);
    this.#compression.sent(to, wire.byteLength);
    answer.sent += bytes.byteLength;
    this.#sentBytes += bytes.byteLength;
    // What was dropped will be missed and asked again: going on would only send what cannot be used.
    if (sent && answer.sent < total) this.#answers.get(to)?.putBack(answer);
  }
}

function pieceBytes({ total, sent }: Answer): number {
  return Math.min(BLOB_PIECE_BYTES, total - sent);
}
