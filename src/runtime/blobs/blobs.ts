/** The blobs of one node: what is here, what is being fetched, and the messages about both. */
import type { BlobRef } from '../../core/cell/files.ts';
import type { Cid, NodeId } from '../../core/lib/ids.ts';
import { SkeinError } from '../../errors.ts';
import type { BlobStore, StoredBlob } from '../../ports/blobs.ts';
import type { BlobMessage } from '../../protocol/blob-codec.ts';
import { TREE_BYTES_MAX } from '../../protocol/limits.ts';
import type { NodeContext } from '../context.ts';
import { Asks } from './asks.ts';
import { CopyRequests } from './copy-requests.ts';
import { Fetch } from './fetch.ts';
import { Keeper } from './keeper.ts';
import { COMPARED_MAX } from './limits.ts';
import type { BlobRoom } from './quota.ts';
import { RateLimit } from './rate-limit.ts';
import { BlobServer } from './server.ts';
import { Verifier, type VerifyDone } from './verifier.ts';
import { Wishes, type FetchDone, type Urgency } from './wishes.ts';

export type { FetchDone, Urgency };

const TICK_MS = 250;

export interface FetchOptions {
  /** @default waited */
  readonly urgency?: Urgency;
  /** False: it need not survive a power cut before `done` is called. @default true */
  readonly durable?: boolean;
  /** Nodes that are said to have it: they are asked first. */
  readonly holders?: readonly NodeId[];
}


export class Blobs {
  readonly #context: NodeContext;
  readonly #store: BlobStore;
  readonly #asks: Asks;
  readonly #server: BlobServer;
  /** Copies that other nodes are asked to keep. */
  readonly requests: CopyRequests;
  readonly #keeper: Keeper;
  readonly #here = new Map<Cid, StoredBlob>();
  readonly #wishes: Wishes;
  readonly #verifier: Verifier;
  /** Came once more while they were verified. */
  readonly #renewed = new Set<Cid>();
  /** Without their seals, and who waits until that is over. */
  readonly #comparing = new Map<Cid, ((error?: Error) => void)[]>();
  #ticking = false;
  #bytes = 0;
  /** What keeps them within their room sets it. */
  room: BlobRoom = { make: (_bytes, _written, done) => done(), squeeze: (_bytes, done) => done(false) };

  /** @param bytesPerSecond of pieces sent; 0 = no limit. */
  constructor(context: NodeContext, store: BlobStore, bytesPerSecond: number) {
    this.#context = context;
    this.#store = store;
    this.#asks = new Asks(context, store, this.#send);
    this.#verifier = new Verifier(store);
    this.#wishes = new Wishes(context, (cid, holders, memory) => {
      const done = (error: SkeinError | undefined, size: number): void => (error === undefined ? this.added(cid, size) : this.#wishes.end(cid, error));
      return new Fetch({ context, store, asks: this.#asks, cid, holders, send: this.#send, ...memory, room: this.room, done });
    });
    this.requests = new CopyRequests(context);
    this.#keeper = new Keeper(context, this);
    this.#server = new BlobServer({
      context,
      store,
      rate: new RateLimit(bytesPerSecond),
      send: this.#send,
      size: (cid, chunk) => this.#sizeWith(cid, chunk),
      // Somebody took the file away: whoever asks is not told again that it is here.
      unread: (cid) => this.verify(cid, () => undefined),
      manifest: (cid) => this.#wishes.fetchOf(cid)?.manifest,
    });
  }

  /** Looks at what is on the disk. */
  start(): void {
    for (const blob of this.#store.list()) this.#keepInMind(blob);
    this.#context.onStop(() => this.#wishes.endAll(new SkeinError('NODE_STOPPING', 'the node stops')));
  }

  /** As measured by what came; 0 = nothing large did yet. */
  get receiveBytesPerSecond(): number {
    return this.#asks.rate.bytesPerSecond;
  }

  get sentBytes(): number {
    return this.#server.sentBytes;
  }

  /** Least recently used first. */
  list(): StoredBlob[] {
    return [...this.#here.values()].toSorted((a, b) => a.usedAt - b.usedAt);
  }

  /** Of all that are here. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Under way. */
  fetches(): Iterable<Fetch> {
    return this.#wishes.fetches();
  }

  /** Is it being read and compared? */
  isVerifying(cid: Cid): boolean {
    return this.#verifier.isVerifying(cid);
  }

  /** Copies that others asked for and of which the log may not know yet. */
  unrecorded(): Iterable<BlobRef> {
    return this.#keeper.unrecorded();
  }

  isWanted(cid: Cid): boolean {
    return this.#wishes.has(cid);
  }

  #keepInMind(blob: StoredBlob): void {
    this.#forget(blob.cid);
    this.#here.set(blob.cid, blob);
    this.#bytes += blob.size;
  }

  #forget(cid: Cid): void {
    this.#bytes -= this.#here.get(cid)?.size ?? 0;
    this.#here.delete(cid);
  }

  get(cid: Cid): StoredBlob | undefined {
    return this.#here.get(cid);
  }

  /** Of a blob that is here or being fetched; size 0 while it is not known. */
  progress(cid: Cid): { readonly size: number; readonly bytesHere: number; readonly whole: boolean } | undefined {
    const blob = this.#here.get(cid);
    if (blob !== undefined) return { size: blob.size, bytesHere: blob.size, whole: true };
    if (!this.#wishes.has(cid)) return undefined;
    const { bytesHere, size } = this.#wishes.fetchOf(cid)?.progress ?? { bytesHere: 0, size: 0 };
    return { size, bytesHere, whole: false };
  }

  /** It is whole in the store now. */
  added(cid: Cid, size: number): void {
    const before = this.#here.get(cid);
    if (this.#verifier.isVerifying(cid)) this.#renewed.add(cid);
    // A new file was touched when it was stored.
    if (before !== undefined) this.#store.touch(cid);
    this.#keepInMind({ cid, size, usedAt: this.#context.ports.clock.wall(), pinned: before?.pinned === true });
    this.#wishes.end(cid, undefined, size);
  }

  /**
   * Sees to it that the blob is here. One that was written to since it was stored is read and compared before it is given
   * to anybody here, and fetched anew when it is not what it was.
   * @returns takes the wish back; what has arrived stays for the next time.
   */
  fetch(cid: Cid, done: FetchDone, { urgency = 'waited', durable = true, holders = [] }: FetchOptions = {}): () => void {
    const synced: FetchDone = (error, size) => (error === undefined ? this.#whenSynced(cid, size, done) : done(error, size));
    return this.#fetch(cid, durable ? synced : done, urgency, holders);
  }

  #whenSynced(cid: Cid, size: number, done: FetchDone): void {
    this.#store.sync(cid, (error) => {
      if (error === undefined) done(undefined, size);
      else done(new SkeinError('BLOB_STORE_FAILED', `${cid} could not be synced: ${error.message}`, { cid }, { cause: error }), 0);
    });
  }

  #fetch(cid: Cid, done: FetchDone, urgency: Urgency, holders: readonly NodeId[]): () => void {
    const blob = this.#here.get(cid);
    if (blob === undefined) return this.#wish(cid, done, urgency, holders);
    this.#used(blob);
    let over = false;
    let giveUp = (): void => {
      over = true;
    };
    this.#intact(cid, (intact, error) => {
      if (over) return;
      if (error !== undefined) done(new SkeinError('BLOB_STORE_FAILED', `${cid} could not be read: ${error.message}`, { cid }, { cause: error }), 0);
      else if (intact) done(undefined, blob.size);
      // It may have come back meanwhile.
      else giveUp = this.#fetch(cid, done, urgency, holders);
    });
    return () => giveUp();
  }

  #wish(cid: Cid, done: FetchDone, urgency: Urgency, holders: readonly NodeId[]): () => void {
    const giveUp = this.#wishes.add(cid, done, urgency, holders);
    this.#tickLater();
    return giveUp;
  }

  /** @param looks so often it was compared for this reader, and somebody wrote to it meanwhile. */
  #intact(cid: Cid, done: VerifyDone, looks = 0): void {
    this.#store.sealed(cid, (seal) => {
      if (this.#context.stopped) return;
      const again = (error?: Error): void => (error === undefined ? this.#intact(cid, done, looks) : done(false, error));
      const comparing = this.#comparing.get(cid);
      if (!this.#here.has(cid)) done(false);
      // Their words are of what they have read; who wrote since then has broken the seal again.
      else if (comparing !== undefined) comparing.push(again);
      else if (this.isVerifying(cid)) this.verify(cid, (_fits, error) => again(error));
      else if (seal === 'whole') done(true);
      else if (looks === COMPARED_MAX) done(false, new Error('it is written to while it is compared, or its disk keeps no times'));
      else {
        if (seal === 'broken') this.#context.note('warn', 'blob-written', `somebody wrote to the file of ${cid}: it is checked before it is used`, { cid });
        this.#compare(cid, (error) => (error === undefined ? this.#intact(cid, done, looks + 1) : done(false, error)));
      }
    });
  }

  /** By one at a time: whoever takes the seal off in the middle of it would hide what was written since. */
  #compare(cid: Cid, done: (error?: Error) => void): void {
    const waiting = [done];
    this.#comparing.set(cid, waiting);
    const end = (error?: Error): void => {
      this.#comparing.delete(cid);
      for (const each of waiting) each(error);
    };
    // Until it has been compared nobody else believes it, nor the next process; and who writes meanwhile is noticed.
    this.#store.unseal(cid, () => this.verify(cid, (fits, error) => {
      if (fits) this.#store.seal(cid, (unsealed) => end(this.#here.has(cid) ? unsealed : undefined));
      else end(error);
    }));
  }

  /** The bytes of a blob that is here: those that were compared. For lists of files: it is all in memory. */
  readWhole(cid: Cid, done: (error: Error | undefined, bytes?: Uint8Array) => void): void {
    const blob = this.#here.get(cid);
    if (blob === undefined) return done(new SkeinError('BLOB_NOT_FOUND', `${cid} is not on this node`));
    if (blob.size > TREE_BYTES_MAX) return done(new SkeinError('BLOB_INVALID', `${cid} has ${blob.size} bytes, a list of files has at most ${TREE_BYTES_MAX}`));
    this.#verifier.read(blob, (error, bytes) => {
      if (error !== undefined || bytes !== undefined) return done(error, bytes);
      this.verify(cid, (_fits, failure) => done(failure ?? new SkeinError('BLOB_NOT_FOUND', `${cid} on this node was damaged and is removed`)));
    });
  }

  remove(cid: Cid, done: (error?: Error) => void): void {
    this.#forget(cid);
    this.#store.remove(cid, done);
  }

  /** A blob that is here stays until it is unpinned or removed by hand. */
  pin(cid: Cid, on: boolean, done: (error?: Error) => void): void {
    this.#store.pin(cid, on, (error) => {
      const blob = this.#here.get(cid);
      if (error === undefined && blob !== undefined) this.#here.set(cid, { ...blob, pinned: on });
      done(error);
    });
  }

  /** Reads a blob that is here and compares every digest. A damaged one is removed. */
  verify(cid: Cid, done: VerifyDone): void {
    const blob = this.#here.get(cid);
    if (blob === undefined) return done(false);
    this.#verifier.verify(blob, done, ({ fits, error, tell, again }) => {
      const renewed = this.#renewed.delete(cid);
      const now = this.#here.get(cid);
      if (fits || error !== undefined || now === undefined) return tell(fits && now !== undefined, error);
      // What was read may have been the file before.
      if (renewed) return again(now);
      this.#context.note('error', 'blob-damaged', `${cid} on this disk is not what it was: removed`, { cid });
      this.remove(cid, () => tell(false));
    });
  }

  // ── Messages ───────────────────────────────────────────────────────────────────────────────────────────────────

  receive(from: NodeId, message: Exclude<BlobMessage, { type: 'readLog' | 'logPiece' }>): void {
    switch (message.type) {
      case 'find':
        return this.#find(from, message.cid);
      case 'have':
        return this.#wishes.fetchOf(message.cid)?.had(from, message);
      case 'haveNot':
        return this.#wishes.fetchOf(message.cid)?.hadNot(from);
      case 'gained':
        return this.#wishes.fetchOf(message.cid)?.gained(from, message.chunk);
      case 'taking':
        return this.#wishes.fetchOf(message.cid)?.takenBy(from, message.chunk);
      case 'want':
        return this.#server.wanted(from, message);
      case 'piece':
        return this.#asks.piece(from, message);
      case 'refuse':
        return this.#asks.refused(from, message);
      case 'stop':
        return this.#server.stopped(from, message.id);
      case 'doubt':
        return this.#doubted(from, message.cid);
      case 'keep':
        return this.#keeper.receive(from, message);
      case 'kept':
        return this.requests.kept(from, message);
    }
  }

  peerUp(): void {
    for (const fetch of this.#wishes.fetches()) fetch.tick();
  }

  peerDown(peer: NodeId): void {
    this.#server.peerDown(peer);
    this.requests.peerDown(peer);
    for (const fetch of this.#wishes.fetches()) fetch.peerDown(peer);
    this.#asks.peerDown(peer);
  }

  #find(from: NodeId, cid: Cid): void {
    const blob = this.#here.get(cid);
    if (blob !== undefined) return void this.#send(from, { type: 'have', cid, size: blob.size, chunks: null });
    const fetch = this.#wishes.fetchOf(cid);
    fetch?.wantedBy(from);
    const progress = fetch?.progress;
    if (progress === undefined) this.#send(from, { type: 'haveNot', cid });
    else this.#send(from, { type: 'have', cid, size: progress.size, chunks: progress.have.toBytes() });
  }

  /** Somebody got wrong bytes from here: the copy is looked at. */
  #doubted(from: NodeId, cid: Cid): void {
    if (!this.#here.has(cid) || this.#verifier.isVerifying(cid)) return;
    this.#context.note('warn', 'blob-doubted', `${from} got bytes of ${cid} from here that do not fit: the copy is checked`, { cid, from });
    this.verify(cid, () => undefined);
  }

  #sizeWith(cid: Cid, chunk: number): number | undefined {
    const blob = this.#here.get(cid);
    if (blob !== undefined) {
      this.#used(blob);
      return blob.size;
    }
    const progress = this.#wishes.fetchOf(cid)?.progress;
    return progress?.have.has(chunk) === true ? progress.size : undefined;
  }

  readonly #send = (to: NodeId, message: BlobMessage): boolean => this.#context.sendBlob(to, message);

  /** Nothing ticks while nothing is wanted. */
  #tickLater(): void {
    if (this.#wishes.size === 0) this.#asks.rest();
    if (this.#ticking || this.#wishes.size === 0) return;
    this.#ticking = true;
    this.#context.after(TICK_MS, () => {
      this.#ticking = false;
      this.#asks.tick();
      for (const fetch of this.#wishes.fetches()) fetch.tick();
      this.#tickLater();
    });
  }

  #used(blob: StoredBlob): void {
    const usedAt = this.#context.ports.clock.wall();
    // To the minute is enough, and spares the disk.
    if (usedAt - blob.usedAt < 60_000) return;
    this.#here.set(blob.cid, { ...blob, usedAt });
    this.#store.touch(blob.cid);
  }
}
