/**
 * Fetches one blob: manifest (if it has one), what an earlier try left on the disk, then the missing chunks from whoever
 * has them. Every chunk is checked before it is written, and again nothing is believed when it is read back.
 */
import { equalBytes } from '../../core/lib/bytes.ts';
import type { Cid, NodeId } from '../../core/lib/ids.ts';
import { SkeinError } from '../../errors.ts';
import { isDiskFull, type BlobStore } from '../../ports/blobs.ts';
import type { BlobMessage } from '../../protocol/blob-codec.ts';
import { chunkDigest, chunkLength, layoutOfManifest, layoutOfRaw, type BlobLayout } from '../../protocol/blob-manifest.ts';
import { DIGEST_BYTES, readCid } from '../../protocol/cid.ts';
import { BLOB_CHUNK_BYTES } from '../../protocol/limits.ts';
import type { NodeContext } from '../context.ts';
import type { Answered, AskFailure, Asks } from './asks.ts';
import { ChunkSet } from './chunk-set.ts';
import { FetchPlan, type Pick, type Said } from './fetch-plan.ts';
import { FIND_AGAIN_MS, FIND_TIMEOUT_MS, HINT_MS, HOLDER_REST_MS, INTERESTED_MAX } from './limits.ts';
import type { BlobRoom } from './quota.ts';
import { Trust } from './trust.ts';

export interface FetchInit {
  readonly context: NodeContext;
  readonly store: BlobStore;
  readonly asks: Asks;
  readonly cid: Cid;
  /** Said to have it: asked before all others. More may come. */
  readonly holders: ReadonlySet<NodeId>;
  readonly send: (to: NodeId, message: BlobMessage) => boolean;
  /** Memory is shared by all fetches. @returns false when there is none for so many bytes now. */
  readonly take: (bytes: number) => boolean;
  readonly giveBack: (bytes: number) => void;
  /** On the disk. Calls back at once when it is known that there is enough. */
  readonly room: BlobRoom;
  readonly done: (error: SkeinError | undefined, size: number) => void;
}

/** Of a manifest, besides its digests. */
const MANIFEST_HEAD_BYTES = 64;

export class Fetch {
  readonly #init: FetchInit;
  #layout: BlobLayout | undefined;
  #manifest: Uint8Array | undefined;
  #plan: FetchPlan | undefined;
  readonly #said = new Map<NodeId, Said>();
  /** When each peer was asked whether it has it. */
  readonly #askedAt = new Map<NodeId, number>();
  /** Told of each chunk that arrives. */
  readonly #interested = new Set<NodeId>();
  readonly #trust = new Trust();
  #manifestAsked = false;
  readonly #startedAt: number;
  #hopeAt: number;
  /** Room is made, or what was here before is looked at: no reason to hope that anybody has the rest. */
  #preparing = false;
  /** Chunks that were asked for and are not stored yet. */
  #busy = 0;
  #admitted = false;
  #bytesTaken = 0;
  #over = false;

  constructor(init: FetchInit) {
    this.#init = init;
    this.#startedAt = this.#hopeAt = init.context.now();
    this.tick();
  }

  get cid(): Cid {
    return this.#init.cid;
  }

  /** Room that it was given on the disk, and what of it is not filled. */
  get room(): { readonly size: number; readonly left: number } {
    const size = this.#admitted ? (this.#layout?.size ?? 0) : 0;
    return { size, left: Math.max(0, size - (this.progress?.bytesHere ?? 0)) };
  }

  /** Chunks that are here, and size; undefined before that is known. */
  get progress(): { readonly have: ChunkSet; readonly size: number; readonly bytesHere: number } | undefined {
    if (this.#plan === undefined || this.#layout === undefined) return undefined;
    const { have } = this.#plan;
    const { size } = this.#layout;
    return { have, size, bytesHere: Math.min(size, have.count * BLOB_CHUNK_BYTES) };
  }

  /** Memory of the chunks that are under way. */
  get bytesTaken(): number {
    return this.#bytesTaken;
  }

  get manifest(): Uint8Array | undefined {
    return this.#manifest;
  }

  /** Nobody wants it any more. What arrived stays on the disk for the next time. */
  stop(): void {
    this.#over = true;
    this.#init.asks.forget(this.cid);
    this.#giveBack(this.#bytesTaken);
  }

  tick(): void {
    const { context, send } = this.#init;
    const now = context.now();
    // Word of what they have now may have been missed: without hope all are asked again.
    const settled = this.#hopeful;
    for (const peer of this.#asked()) {
      if ((settled && this.#said.has(peer)) || !this.#trust.has(peer) || now - (this.#askedAt.get(peer) ?? -Infinity) < FIND_AGAIN_MS) continue;
      if (send(peer, { type: 'find', cid: this.cid })) this.#askedAt.set(peer, now);
    }
    // The size of a small file is what a peer said: when nobody who said it has it, others may be right.
    if (this.#manifest === undefined && this.#busy === 0 && this.#plan?.hopeful === false) this.#forgetLayout();
    this.#go();
    if (this.#hopeful) this.#hopeAt = now;
    else if (!this.#preparing && now - this.#hopeAt >= FIND_TIMEOUT_MS) this.#fail(this.#notFound());
  }

  /** Whoever is said to have it gets a moment to answer: of many small files nobody else need hear. */
  #asked(): readonly NodeId[] {
    const peers = this.#init.context.ports.transport.peers();
    const named = this.#init.context.now() - this.#startedAt < HINT_MS ? peers.filter((peer) => this.#init.holders.has(peer)) : [];
    return named.length > 0 ? named : peers;
  }

  #forgetLayout(): void {
    this.#layout = this.#plan = undefined;
    this.#admitted = false;
  }

  get #hopeful(): boolean {
    return this.#busy > 0 || this.#manifestAsked || this.#plan?.hopeful === true;
  }

  // ── What others say ────────────────────────────────────────────────────────────────────────────────────────────

  had(from: NodeId, { size, chunks }: Extract<BlobMessage, { type: 'have' }>): void {
    if (!this.#trust.has(from)) return;
    this.#said.set(from, { size, chunks });
    this.#takeIn(from);
    this.#go();
  }

  hadNot(from: NodeId): void {
    this.#said.delete(from);
    this.#plan?.lost(from);
  }

  gained(from: NodeId, chunk: number): void {
    if (!this.#trust.has(from)) return;
    this.#plan?.gained(from, chunk);
    this.#go();
  }

  takenBy(peer: NodeId, chunk: number): void {
    this.#plan?.taken(peer, chunk, this.#init.context.now());
  }

  /** Another node fetches it too: it will have what this one wants, and wants what this one has. */
  wantedBy(peer: NodeId): void {
    if (this.#interested.size < INTERESTED_MAX) this.#interested.add(peer);
    if (!this.#said.has(peer)) this.#askedAt.delete(peer);
  }

  peerDown(peer: NodeId): void {
    this.#said.delete(peer);
    this.#askedAt.delete(peer);
    this.#interested.delete(peer);
    this.#trust.forget(peer);
    this.#plan?.lost(peer);
  }

  #fault(node: NodeId): void {
    if (!this.#trust.fault(node)) this.hadNot(node);
  }

  #takeIn(from: NodeId): void {
    const said = this.#said.get(from);
    if (said === undefined || this.#plan === undefined || this.#layout === undefined) return;
    if (said.size !== this.#layout.size) return this.hadNot(from);
    const chunks = said.chunks === null ? null : new ChunkSet(this.#plan.chunkCount, said.chunks);
    this.#plan.holds(from, chunks === null || chunks.isFull ? null : chunks);
  }

  // ── Steps ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #go(): void {
    if (this.#over) return;
    if (this.#layout === undefined) this.#learnLayout();
    else if (this.#plan !== undefined) this.#askChunks(this.#plan);
  }

  #learnLayout(): void {
    if (readCid(this.cid)?.kind === 'raw') {
      // Who has a part of a single chunk has nothing, and looks for it, too: two such would hope for each other for ever.
      for (const { size, chunks } of this.#said.values()) if (chunks === null && size <= BLOB_CHUNK_BYTES) return this.#begin(layoutOfRaw(this.cid, size));
      return;
    }
    const [first] = this.#said;
    if (first === undefined || this.#manifestAsked) return;
    const [node, { size }] = first;
    this.#manifestAsked = true;
    const bytesMax = Math.ceil(size / BLOB_CHUNK_BYTES) * DIGEST_BYTES + MANIFEST_HEAD_BYTES;
    this.#init.asks.ask({ cid: this.cid, node, chunk: -1, bytesMax, done: (answer) => this.#manifestCame(node, answer) });
  }

  #manifestCame(node: NodeId, answer: Answered | AskFailure): void {
    if (this.#over) return;
    const again = (): void => {
      this.#manifestAsked = false;
      this.hadNot(node);
      if (answer !== 'down') this.#fault(node);
      this.#go();
    };
    if (typeof answer === 'string') return again();
    const { bytes, digest } = answer;
    if (!equalBytes(digest, readCid(this.cid)!.digest)) {
      this.#init.context.note('warn', 'blob-damaged', `the manifest of ${this.cid} that came from ${node} is not what it should be`, { cid: this.cid, from: node });
      this.#init.send(node, { type: 'doubt', cid: this.cid, chunk: 0 });
      return again();
    }
    try {
      const layout = layoutOfManifest(this.cid, bytes);
      this.#manifestAsked = false;
      this.#manifest = bytes;
      this.#begin(layout);
    } catch (error) {
      // It is what the name says, and still no manifest: nobody has a better one.
      this.#fail(error as SkeinError);
    }
  }

  #begin(layout: BlobLayout): void {
    this.#layout = layout;
    this.#preparing = true;
    this.#init.room.make(layout.size, 0, (error) => {
      if (this.#over) return;
      this.#admitted = error === undefined;
      if (error === undefined) return this.#look(layout);
      this.#preparing = false;
      this.#init.store.dropPart(this.cid, () => undefined);
      this.#fail(error);
    });
  }

  #look(layout: BlobLayout): void {
    const plan = new FetchPlan(layout.chunkCount, () => this.#init.context.ports.random.float());
    // A single chunk is as quickly fetched as looked for.
    if (layout.chunkCount === 1) return this.#planned(plan);
    this.#resume(layout, plan, 0);
  }

  /** Looks at what an earlier try has left, chunk by chunk. */
  #resume(layout: BlobLayout, plan: FetchPlan, chunk: number): void {
    if (this.#over) return;
    if (chunk === layout.chunkCount) {
      // That may have taken a while, in which nobody was looked for.
      this.#hopeAt = this.#init.context.now();
      return this.#planned(plan);
    }
    this.#init.store.readPart(this.cid, chunk * BLOB_CHUNK_BYTES, chunkLength(layout, chunk), (error, bytes) => {
      if (error !== undefined || bytes === undefined) return this.#resume(layout, plan, layout.chunkCount);
      const next = (fits: boolean): void => {
        if (this.#over) return;
        if (fits) plan.here(chunk);
        this.#resume(layout, plan, bytes.byteLength === 0 ? layout.chunkCount : chunk + 1);
      };
      if (bytes.byteLength < chunkLength(layout, chunk)) next(false);
      else this.#init.store.digest(bytes, (digest) => next(equalBytes(digest, chunkDigest(layout, chunk))));
    });
  }

  #planned(plan: FetchPlan): void {
    this.#preparing = false;
    this.#plan = plan;
    for (const peer of this.#said.keys()) this.#takeIn(peer);
    this.#go();
  }

  #askChunks(plan: FetchPlan): void {
    if (plan.complete) return this.#busy === 0 ? this.#finish() : undefined;
    const { context, asks, take } = this.#init;
    for (;;) {
      const pick = plan.next(context.now(), this.#interested.size > 0);
      if (pick === undefined) return;
      const bytes = chunkLength(this.#layout!, pick.chunk);
      if (!take(bytes)) return;
      plan.asked(pick);
      if (plan.holders.get(pick.node)?.chunks === null) for (const peer of this.#interested) this.#init.send(peer, { type: 'taking', cid: this.cid, chunk: pick.chunk });
      this.#busy++;
      this.#bytesTaken += bytes;
      asks.ask({ cid: this.cid, ...pick, bytesMax: bytes, done: (answer) => this.#chunkCame(plan, pick, answer) });
    }
  }

  #chunkCame(plan: FetchPlan, pick: Pick, answer: Answered | AskFailure): void {
    if (this.#over) return;
    plan.answered(pick.node);
    const layout = this.#layout!;
    if (answer === 'damaged') return this.#damaged(plan, pick, 'could not be decompressed');
    if (typeof answer === 'string' || answer.bytes.byteLength !== chunkLength(layout, pick.chunk)) {
      const lost = typeof answer === 'string' ? answer : 'gone';
      if (lost === 'gone' || lost === 'down') this.hadNot(pick.node);
      else this.#rest(plan, pick.node);
      if (lost !== 'down') this.#fault(pick.node);
      return this.#notHere(plan, pick);
    }
    const { bytes, digest, tookMs } = answer;
    plan.measured(pick.node, bytes.byteLength / Math.max(tookMs, 0.1));
    if (!equalBytes(digest, chunkDigest(layout, pick.chunk))) return this.#damaged(plan, pick, 'does not fit its digest');
    this.#write(plan, pick, bytes);
    // While it is written the next one is on its way.
    this.#go();
  }

  #write(plan: FetchPlan, pick: Pick, bytes: Uint8Array): void {
    const { node, chunk } = pick;
    const { store } = this.#init;
    const written = (error?: Error): void => {
      if (error === undefined) this.#init.asks.reuse(bytes);
      if (this.#over) return;
      if (error !== undefined && isDiskFull(error)) {
        // Each time something goes, so this comes to an end.
        return this.#init.room.squeeze(bytes.byteLength, (freed) => {
          if (this.#over) return;
          if (freed) this.#write(plan, pick, bytes);
          else this.#fail(this.#notStored(error));
        });
      }
      this.#ended(chunk);
      if (error !== undefined) return this.#fail(this.#notStored(error));
      plan.here(chunk);
      this.#trust.good(node);
      for (const peer of this.#interested) this.#init.send(peer, { type: 'gained', cid: this.cid, chunk });
      this.#go();
    };
    if (plan.chunkCount === 1) store.write(this.cid, bytes, written);
    else store.writePart(this.cid, chunk * BLOB_CHUNK_BYTES, bytes, written);
  }

  #damaged(plan: FetchPlan, pick: Pick, what: string): void {
    const { context, send } = this.#init;
    context.note('warn', 'blob-damaged', `chunk ${pick.chunk} of ${this.cid} that came from ${pick.node} ${what}`, { cid: this.cid, from: pick.node, chunk: pick.chunk });
    send(pick.node, { type: 'doubt', cid: this.cid, chunk: pick.chunk });
    // A file of one chunk that is wrong is none.
    if (!this.#trust.wrong(pick.node) || plan.chunkCount === 1) this.hadNot(pick.node);
    else plan.damaged(pick.node, pick.chunk);
    this.#notHere(plan, pick);
  }

  #notHere(plan: FetchPlan, pick: Pick): void {
    plan.missing(pick.chunk);
    this.#ended(pick.chunk);
    this.#go();
  }

  #rest(plan: FetchPlan, node: NodeId): void {
    const holder = plan.holders.get(node);
    if (holder !== undefined) holder.restUntil = this.#init.context.now() + HOLDER_REST_MS;
  }

  #ended(chunk: number): void {
    this.#busy--;
    this.#giveBack(chunkLength(this.#layout!, chunk));
  }

  #giveBack(bytes: number): void {
    this.#bytesTaken -= bytes;
    this.#init.giveBack(bytes);
  }

  #finish(): void {
    this.#over = true;
    const { size } = this.#layout!;
    const end = (error?: Error): void => this.#init.done(error === undefined ? undefined : this.#notStored(error), size);
    // A single chunk was written as the whole that it is.
    if (this.#layout!.chunkCount === 1) end();
    else this.#init.store.finish(this.cid, size, this.#manifest, end);
  }

  #fail(error: SkeinError): void {
    if (this.#over) return;
    this.stop();
    this.#init.done(error, 0);
  }

  #notStored(error: Error): SkeinError {
    const full = isDiskFull(error);
    const what = full ? 'there is no room for it on this disk' : error.message;
    if (full) this.#init.store.dropPart(this.cid, () => undefined);
    return new SkeinError(full ? 'BLOB_DISK_FULL' : 'BLOB_STORE_FAILED', `${this.cid} could not be stored: ${what}`, { cid: this.cid }, { cause: error });
  }

  #notFound(): SkeinError {
    const peers = this.#init.context.ports.transport.peers().length;
    const have = this.#plan === undefined ? '' : `; ${this.#plan.have.count} of ${this.#plan.chunkCount} parts are here and kept`;
    return new SkeinError('BLOB_NOT_FOUND', `None of ${peers} connected nodes has ${this.cid}${have}`, { cid: this.cid });
  }
}
