/** The blobs of one node: what is here, what is being fetched, and the messages about both. */
import { equalBytes } from '../../core/lib/bytes.ts';
import type { Cid, NodeId } from '../../core/lib/ids.ts';
import { SkeinError } from '../../errors.ts';
import { isPassing, type BlobStore, type StoredBlob } from '../../ports/blobs.ts';
import type { BlobMessage } from '../../protocol/blob-codec.ts';
import { chunkDigest, chunkLength, layoutOfManifest, layoutOfRaw, needsManifest, type BlobLayout } from '../../protocol/blob-manifest.ts';
import { readCid } from '../../protocol/cid.ts';
import { BLOB_CHUNK_BYTES, TREE_BYTES_MAX } from '../../protocol/limits.ts';
import { decodeTree } from '../../protocol/tree-codec.ts';
import type { NodeContext } from '../context.ts';
import { Asks } from './asks.ts';
import { Fetch } from './fetch.ts';
import { FETCH_BYTES_MAX, FETCHES_MAX, FETCHES_WAITING_MAX } from './limits.ts';
import { RateLimit } from './rate-limit.ts';
import { BlobServer } from './server.ts';

export type FetchDone = (error: Error | undefined, size: number) => void;

/** @param error it could not be looked at now, which says nothing about it. */
type VerifyDone = (fits: boolean, error?: Error) => void;

interface Wish {
  readonly listeners: Set<FetchDone>;
  fetch: Fetch | undefined;
}

const TICK_MS = 250;

export class Blobs {
  readonly #context: NodeContext;
  readonly #store: BlobStore;
  readonly #asks: Asks;
  readonly #server: BlobServer;
  readonly #here = new Map<Cid, StoredBlob>();
  /** Wanted and not here, oldest first. */
  readonly #wishes = new Map<Cid, Wish>();
  /** Being compared with their digests, and who waits to hear of it. */
  readonly #verifying = new Map<Cid, VerifyDone[]>();
  #fetches = 0;
  #ticking = false;
  #bytesTaken = 0;

  /** @param bytesPerSecond of pieces sent; 0 = no limit. */
  constructor(context: NodeContext, store: BlobStore, bytesPerSecond: number) {
    this.#context = context;
    this.#store = store;
    this.#asks = new Asks(context, this.#send);
    this.#server = new BlobServer({
      context,
      store,
      rate: new RateLimit(bytesPerSecond),
      send: this.#send,
      size: (cid, chunk) => this.#sizeWith(cid, chunk),
      manifest: (cid) => this.#wishes.get(cid)?.fetch?.manifest,
    });
  }

  /** Looks at what is on the disk. */
  start(): void {
    for (const blob of this.#store.list()) this.#here.set(blob.cid, blob);
    this.#context.onStop(() => this.#endAll());
  }

  get sentBytes(): number {
    return this.#server.sentBytes;
  }

  /** Least recently used first. */
  list(): StoredBlob[] {
    return [...this.#here.values()].toSorted((a, b) => a.usedAt - b.usedAt);
  }

  get(cid: Cid): StoredBlob | undefined {
    return this.#here.get(cid);
  }

  /** Of a blob that is here or being fetched; size 0 while it is not known. */
  progress(cid: Cid): { readonly size: number; readonly bytesHere: number; readonly whole: boolean } | undefined {
    const blob = this.#here.get(cid);
    if (blob !== undefined) return { size: blob.size, bytesHere: blob.size, whole: true };
    const wish = this.#wishes.get(cid);
    if (wish === undefined) return undefined;
    const { have, size } = wish.fetch?.progress ?? { have: undefined, size: 0 };
    return { size, bytesHere: Math.min(size, (have?.count ?? 0) * BLOB_CHUNK_BYTES), whole: false };
  }

  /** It is whole in the store now, by another way than `fetch`. */
  added(cid: Cid, size: number): void {
    this.#arrived(cid, size);
  }

  /** Sees to it that the blob is here. @returns takes the wish back; what has arrived stays for the next time. */
  fetch(cid: Cid, done: FetchDone): () => void {
    const blob = this.#here.get(cid);
    if (blob !== undefined) {
      this.#used(blob);
      this.#context.defer(() => done(undefined, blob.size));
      return () => undefined;
    }
    let wish = this.#wishes.get(cid);
    if (wish === undefined) {
      if (this.#wishes.size >= FETCHES_WAITING_MAX) {
        this.#context.defer(() => done(new SkeinError('LIMIT_EXCEEDED', `${FETCHES_WAITING_MAX} blobs wait to be fetched`), 0));
        return () => undefined;
      }
      wish = { listeners: new Set(), fetch: undefined };
      this.#wishes.set(cid, wish);
    }
    const { listeners } = wish;
    listeners.add(done);
    this.#startFetches();
    this.#tickLater();
    return () => {
      listeners.delete(done);
      if (listeners.size === 0 && this.#wishes.get(cid)?.listeners === listeners) this.#endWish(cid);
    };
  }

  /** The bytes of a blob that is here, checked. For lists of files: it is all in memory. */
  readWhole(cid: Cid, done: (error: Error | undefined, bytes?: Uint8Array) => void): void {
    const blob = this.#here.get(cid);
    if (blob === undefined) return done(new SkeinError('BLOB_NOT_FOUND', `${cid} is not on this node`));
    if (blob.size > TREE_BYTES_MAX) return done(new SkeinError('BLOB_INVALID', `${cid} has ${blob.size} bytes, a list of files has at most ${TREE_BYTES_MAX}`));
    this.verify(cid, (fits, error) => {
      if (error !== undefined) return done(error);
      if (!fits) return done(new SkeinError('BLOB_NOT_FOUND', `${cid} on this node was damaged and is removed`));
      this.#store.read(cid, 0, blob.size, done);
    });
  }

  remove(cid: Cid, done: (error?: Error) => void): void {
    this.#here.delete(cid);
    this.#store.remove(cid, done);
  }

  /** Reads a blob that is here and compares every digest. A damaged one is removed. */
  verify(cid: Cid, done: VerifyDone): void {
    const blob = this.#here.get(cid);
    if (blob === undefined) return done(false);
    const waiting = this.#verifying.get(cid);
    if (waiting !== undefined) return void waiting.push(done);
    this.#verifying.set(cid, [done]);
    const tell: VerifyDone = (fits, error) => {
      const told = this.#verifying.get(cid) ?? [];
      this.#verifying.delete(cid);
      for (const each of told) each(fits, error);
    };
    const end: VerifyDone = (fits, error) => {
      if (fits || error !== undefined || !this.#here.has(cid)) return tell(fits, error);
      this.#context.note('error', 'blob-damaged', `${cid} on this disk is not what it was: removed`, { cid });
      this.remove(cid, () => tell(false));
    };
    this.#layoutOf(blob, (layout, error) => (layout === undefined ? end(false, error) : this.#verifyChunk(layout, 0, end)));
  }

  // ── Messages ───────────────────────────────────────────────────────────────────────────────────────────────────

  receive(from: NodeId, message: BlobMessage): void {
    switch (message.type) {
      case 'find':
        return this.#find(from, message.cid);
      case 'have':
        return this.#wishes.get(message.cid)?.fetch?.had(from, message);
      case 'haveNot':
        return this.#wishes.get(message.cid)?.fetch?.hadNot(from);
      case 'gained':
        return this.#wishes.get(message.cid)?.fetch?.gained(from, message.chunk);
      case 'taking':
        return this.#wishes.get(message.cid)?.fetch?.takenBy(from, message.chunk);
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
        return this.#keep(message.cid, message.tree);
    }
  }

  peerUp(): void {
    for (const { fetch } of this.#wishes.values()) fetch?.tick();
  }

  peerDown(peer: NodeId): void {
    this.#server.peerDown(peer);
    for (const { fetch } of this.#wishes.values()) fetch?.peerDown(peer);
    this.#asks.peerDown(peer);
  }

  /** In the background: nobody waits for it, and the leader asks again when it matters. */
  #keep(cid: Cid, tree: boolean): void {
    this.fetch(cid, (error) => {
      if (error !== undefined) return this.#context.note('warn', 'copy-not-made', `no second copy of ${cid} was made here: ${error.message}`, { cid });
      if (!tree) return;
      this.readWhole(cid, (_error, bytes) => {
        if (bytes !== undefined) this.#keepFiles(cid, bytes);
      });
    });
  }

  #keepFiles(tree: Cid, bytes: Uint8Array): void {
    try {
      for (const file of decodeTree(bytes)) this.#keep(file.cid, false);
    } catch (error) {
      this.#context.note('warn', 'copy-not-made', `no second copy of the files of ${tree} was made here: ${error instanceof Error ? error.message : String(error)}`, { cid: tree });
    }
  }

  #find(from: NodeId, cid: Cid): void {
    const blob = this.#here.get(cid);
    if (blob !== undefined) return void this.#send(from, { type: 'have', cid, size: blob.size, chunks: null });
    const fetch = this.#wishes.get(cid)?.fetch;
    fetch?.wantedBy(from);
    const progress = fetch?.progress;
    if (progress === undefined) this.#send(from, { type: 'haveNot', cid });
    else this.#send(from, { type: 'have', cid, size: progress.size, chunks: progress.have.toBytes() });
  }

  /** Somebody got wrong bytes from here: the copy is looked at. */
  #doubted(from: NodeId, cid: Cid): void {
    if (!this.#here.has(cid) || this.#verifying.has(cid)) return;
    this.#context.note('warn', 'blob-doubted', `${from} got bytes of ${cid} from here that do not fit: the copy is checked`, { cid, from });
    this.verify(cid, () => undefined);
  }

  #sizeWith(cid: Cid, chunk: number): number | undefined {
    const blob = this.#here.get(cid);
    if (blob !== undefined) {
      this.#used(blob);
      return blob.size;
    }
    const progress = this.#wishes.get(cid)?.fetch?.progress;
    return progress?.have.has(chunk) === true ? progress.size : undefined;
  }

  readonly #send = (to: NodeId, message: BlobMessage): boolean => this.#context.sendBlob(to, message);

  // ── Fetching ───────────────────────────────────────────────────────────────────────────────────────────────────

  #startFetches(): void {
    if (this.#fetches >= FETCHES_MAX || this.#context.stopped) return;
    for (const [cid, wish] of this.#wishes) {
      if (wish.fetch !== undefined) continue;
      this.#fetches++;
      wish.fetch = new Fetch({
        context: this.#context,
        store: this.#store,
        asks: this.#asks,
        cid,
        send: this.#send,
        take: (bytes) => this.#take(bytes),
        giveBack: (bytes) => {
          this.#bytesTaken -= bytes;
        },
        done: (error, size) => this.#fetched(cid, error, size),
      });
      if (this.#fetches >= FETCHES_MAX) return;
    }
  }

  /** One chunk always gets room, however large the limit is set. */
  #take(bytes: number): boolean {
    if (this.#bytesTaken > 0 && this.#bytesTaken + bytes > FETCH_BYTES_MAX) return false;
    this.#bytesTaken += bytes;
    return true;
  }

  #fetched(cid: Cid, error: SkeinError | undefined, size: number): void {
    if (error === undefined) return this.#arrived(cid, size);
    this.#endWish(cid, error);
  }

  #arrived(cid: Cid, size: number): void {
    const blob: StoredBlob = { cid, size, usedAt: this.#context.ports.clock.wall() };
    this.#here.set(cid, blob);
    this.#store.touch(cid);
    this.#endWish(cid, undefined, size);
  }

  #endWish(cid: Cid, error?: Error, size = 0): void {
    const wish = this.#wishes.get(cid);
    if (wish === undefined) return;
    this.#wishes.delete(cid);
    if (wish.fetch !== undefined) {
      this.#fetches--;
      wish.fetch.stop();
    }
    for (const done of wish.listeners) done(error, size);
    this.#startFetches();
  }

  #endAll(): void {
    // Ending one starts none of the others: the node is stopping.
    for (const cid of this.#wishes.keys()) this.#endWish(cid, new SkeinError('NODE_STOPPING', 'the node stops'));
  }

  /** Nothing ticks while nothing is wanted. */
  #tickLater(): void {
    if (this.#ticking || this.#wishes.size === 0) return;
    this.#ticking = true;
    this.#context.after(TICK_MS, () => {
      this.#ticking = false;
      this.#asks.tick();
      for (const { fetch } of this.#wishes.values()) fetch?.tick();
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

  // ── Checking ───────────────────────────────────────────────────────────────────────────────────────────────────

  #layoutOf({ cid, size }: StoredBlob, done: (layout: BlobLayout | undefined, error?: Error) => void): void {
    if (!needsManifest(size)) return done(readCid(cid)?.kind === 'raw' ? layoutOfRaw(cid, size) : undefined);
    this.#store.manifest(cid, (error, bytes) => {
      if (error !== undefined || bytes === undefined) return done(undefined, error !== undefined && isPassing(error) ? error : undefined);
      this.#store.digest(bytes, (digest) => {
        const expected = readCid(cid)!.digest;
        if (!equalBytes(digest, expected)) return done(undefined);
        const layout = layoutOfManifest(cid, bytes);
        done(layout.size === size ? layout : undefined);
      });
    });
  }

  #verifyChunk(layout: BlobLayout, chunk: number, done: VerifyDone): void {
    if (chunk === layout.chunkCount) return done(true);
    this.#store.read(layout.cid, chunk * BLOB_CHUNK_BYTES, chunkLength(layout, chunk), (error, bytes) => {
      if (error !== undefined && isPassing(error)) return done(false, error);
      if (error !== undefined || bytes === undefined || bytes.byteLength !== chunkLength(layout, chunk)) return done(false);
      const expected = chunkDigest(layout, chunk);
      this.#store.digest(bytes, (digest) => (equalBytes(digest, expected) ? this.#verifyChunk(layout, chunk + 1, done) : done(false)));
    });
  }
}
