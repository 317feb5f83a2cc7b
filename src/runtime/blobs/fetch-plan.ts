/**
 * Which chunk to ask of whom, for one blob: plain decisions, no messages. Holders that have only a part are asked first for
 * what they have, and of whole ones is asked what fewest others have: so what five nodes fetch at once leaves its origin
 * about once, and they give each other the rest.
 */
import type { NodeId } from '../../core/lib/ids.ts';
import { CHUNKS_PER_HOLDER, TAKEN_MS } from './limits.ts';
import { ChunkSet } from './chunk-set.ts';

export interface Holder {
  readonly node: NodeId;
  /** null = all. */
  chunks: ChunkSet | null;
  /** Answers outstanding. */
  underWay: number;
  /** Not asked before this time (monotonic ms): it was busy, or too slow. */
  restUntil: number;
  /** Bytes a ms of its answers, smoothed; 0 = not measured. */
  speed: number;
}

/** What somebody said before the number of chunks was known here. */
export interface Said {
  readonly size: number;
  /** A bit for each; null = all. */
  readonly chunks: Uint8Array | null;
}

export interface Pick {
  readonly node: NodeId;
  readonly chunk: number;
}

const MISSING = 0;
const ASKED = 1;
const HERE = 2;

export class FetchPlan {
  readonly chunkCount: number;
  readonly holders = new Map<NodeId, Holder>();
  readonly have: ChunkSet;
  readonly #states: Uint8Array;
  /** Holders of each chunk that have only a part. */
  readonly #partial: Uint16Array;
  /** Chunks that are left to other nodes, which fetch them from a whole holder; until when (monotonic ms). */
  readonly #taken = new Map<number, { readonly node: NodeId; readonly until: number }>();
  readonly #chance: () => number;
  /** Where the search for a chunk begins: drawn anew each time, so that nodes that choose at the same time choose differently. */
  #start = 0;

  /** @param chance gives a number in [0, 1). */
  constructor(chunkCount: number, chance: () => number) {
    this.chunkCount = chunkCount;
    this.have = new ChunkSet(chunkCount);
    this.#states = new Uint8Array(chunkCount);
    this.#partial = new Uint16Array(chunkCount);
    this.#chance = chance;
  }

  get complete(): boolean {
    return this.have.isFull;
  }

  /** @param chunks null = all of them. */
  holds(node: NodeId, chunks: ChunkSet | null): void {
    const holder = this.holders.get(node);
    if (holder === undefined) this.holders.set(node, { node, chunks, underWay: 0, restUntil: 0, speed: 0 });
    else {
      this.#count(holder.chunks, -1);
      holder.chunks = chunks;
    }
    this.#count(chunks, 1);
  }

  gained(node: NodeId, chunk: number): void {
    const holder = this.holders.get(node);
    if (holder === undefined) {
      const chunks = new ChunkSet(this.chunkCount);
      chunks.add(chunk);
      this.holds(node, chunks);
    } else if (holder.chunks !== null && chunk < this.chunkCount && !holder.chunks.has(chunk)) {
      holder.chunks.add(chunk);
      this.#partial[chunk]!++;
    }
  }

  /** Another node fetches this chunk from a whole holder: soon it can be had there. */
  taken(node: NodeId, chunk: number, now: number): void {
    if (chunk < this.chunkCount) this.#taken.set(chunk, { node, until: now + TAKEN_MS });
  }

  /** It has nothing any more, or is not connected. Chunks that were asked of it are the caller's to give back. */
  lost(node: NodeId): void {
    for (const [chunk, taken] of this.#taken) if (taken.node === node) this.#taken.delete(chunk);
    const holder = this.holders.get(node);
    if (holder === undefined) return;
    this.#count(holder.chunks, -1);
    this.holders.delete(node);
  }

  /**
   * The best thing to ask for now. The caller confirms it with `asked`.
   * @param shared others fetch it, too: then one chunk at a time of a whole holder, so that fewer choose the same.
   */
  next(now: number, shared: boolean): Pick | undefined {
    this.#start = Math.floor(this.#chance() * this.chunkCount);
    let best: Pick | undefined;
    let bestRank = -Infinity;
    for (const holder of this.holders.values()) {
      if (holder.underWay >= (shared && holder.chunks === null ? 1 : CHUNKS_PER_HOLDER) || holder.restUntil > now) continue;
      const rank = rankOf(holder);
      if (rank <= bestRank) continue;
      const chunk = this.#chunkFor(holder, now);
      if (chunk === undefined) continue;
      best = { node: holder.node, chunk };
      bestRank = rank;
    }
    return best;
  }

  asked({ node, chunk }: Pick): void {
    this.#states[chunk] = ASKED;
    this.holders.get(node)!.underWay++;
  }

  /** An answer ended, well or not. */
  answered(node: NodeId): void {
    const holder = this.holders.get(node);
    if (holder !== undefined && holder.underWay > 0) holder.underWay--;
  }

  /** @param speed bytes a ms of its last answer. */
  measured(node: NodeId, speed: number): void {
    const holder = this.holders.get(node);
    if (holder !== undefined) holder.speed = holder.speed === 0 ? speed : 0.7 * holder.speed + 0.3 * speed;
  }

  /** It did not come: ask again, of whoever has it. */
  missing(chunk: number): void {
    if (this.#states[chunk] === ASKED) this.#states[chunk] = MISSING;
  }

  /** It is here, checked and stored. */
  here(chunk: number): void {
    this.#states[chunk] = HERE;
    this.have.add(chunk);
  }

  /** A chunk from there was wrong: from a whole holder, too, it is not asked again. */
  damaged(node: NodeId, chunk: number): void {
    const holder = this.holders.get(node);
    if (holder === undefined) return;
    const left = new ChunkSet(this.chunkCount);
    for (let i = 0; i < this.chunkCount; i++) if (i !== chunk && (holder.chunks === null || holder.chunks.has(i))) left.add(i);
    this.holds(node, left);
  }

  /** Is there anybody who has a chunk that is missing here? */
  get hopeful(): boolean {
    for (const holder of this.holders.values()) if (holder.underWay > 0 || this.#chunkFor(holder, Infinity) !== undefined) return true;
    return false;
  }

  /** Rarest first, from the present starting point on; of a whole holder nothing that another node is about to have. */
  #chunkFor(holder: Holder, now: number): number | undefined {
    let best: number | undefined;
    let rarest = Infinity;
    for (let i = 0; i < this.chunkCount; i++) {
      const chunk = (this.#start + i) % this.chunkCount;
      if (this.#states[chunk] !== MISSING || (holder.chunks === null ? (this.#taken.get(chunk)?.until ?? 0) > now : !holder.chunks.has(chunk))) continue;
      const others = this.#partial[chunk]!;
      if (others >= rarest) continue;
      best = chunk;
      rarest = others;
      if (others === 0) break;
    }
    return best;
  }

  #count(chunks: ChunkSet | null, by: 1 | -1): void {
    if (chunks === null) return;
    for (let i = 0; i < this.chunkCount; i++) if (chunks.has(i)) this.#partial[i]! += by;
  }
}

/** Partial holders first, then who has least to do, then the fastest. */
function rankOf({ chunks, underWay, speed }: Holder): number {
  return (chunks === null ? 0 : 1000) - underWay * 10 + Math.min(9, speed / 1_000_000);
}
