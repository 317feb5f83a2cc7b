/**
 * Keeps the blobs of a node within their room: removes what no run needs any more, and makes room for what comes. Which
 * blobs are needed only the cell knows: when it cannot be asked, nothing is removed.
 */
import type { BlobRef } from '../../core/cell/files.ts';
import type { Json } from '../../core/cell/types.ts';
import type { Cid } from '../../core/lib/ids.ts';
import { sizeText } from '../../core/lib/size-text.ts';
import { isSkeinError, SkeinError } from '../../errors.ts';
import type { BlobStore, StoredBlob } from '../../ports/blobs.ts';
import { TREE_BYTES_MAX } from '../../protocol/limits.ts';
import type { NodeContext } from '../context.ts';
import type { Blobs } from './blobs.ts';
import { DISK_RESERVE_BYTES_MAX, DISK_RESERVE_SHARE, JUDGED_AGAIN_MS, NEEDS_ASKED_MAX, NO_ROOM_MS, PART_KEPT_MS, ROOM_KNOWN_MS, SLACK_BYTES_MAX, SWEEP_EVERY_MS } from './limits.ts';
import { readTree } from './read-tree.ts';
import { joined, readNeeds, type Need, type NeedsAnswer } from './needs.ts';
import type { BlobQuota } from './quota.ts';
import { isPinned, keptSince, victims, type Standing, type Victim } from './victims.ts';

export interface HousekeeperInit {
  readonly context: NodeContext;
  readonly store: BlobStore;
  readonly blobs: Blobs;
  /** Asks the leader. */
  readonly read: (query: string, argument: Json, done: (error: Error | undefined, answer?: Json) => void) => void;
  /** What modules left here, and copies that others asked for, that the log does not know yet: nobody else can say that it is needed. */
  readonly unrecorded: () => Iterable<BlobRef>;
  readonly retentionMs: number;
  readonly quota: BlobQuota;
}

export interface Sweep {
  /** Look only. */
  readonly dryRun: boolean;
  /** To be freed, beside what has expired. */
  readonly bytes: number;
}

export interface SweepReport {
  readonly removed: readonly Victim[];
  /** Of those and of the parts. */
  readonly bytes: number;
  /** Parts of blobs that nobody fetches any more. */
  readonly parts: number;
  /** As many as had to be freed were. */
  readonly enough: boolean;
}

/** `pinned` by hand. `live`: a run that has not ended refers to it. `kept`: its time is not over. `expired`: it goes with the next sweep. */
export type StandingWord = 'pinned' | 'live' | 'kept' | 'expired';

export type SweepDone = (error: Error | undefined, report?: SweepReport) => void;

interface Room {
  readonly at: number;
  readonly quotaBytes: number;
  /** Free on the disk, less what is left to others. */
  readonly freeBytes: number;
}

export class Housekeeper {
  readonly #init: HousekeeperInit;
  #room: Room | undefined;
  /** One after the other: each sees what the one before it left. */
  readonly #queue: (() => void)[] = [];
  #sweeping = false;
  /** Nothing has expired before, wall ms. */
  #expiryAt = 0;
  /** There was no room for so many bytes. */
  #refused: { readonly bytes: number; readonly until: number; readonly error: SkeinError } | undefined;

  constructor(init: HousekeeperInit) {
    this.#init = init;
    init.blobs.room = { make: (bytes, written, done) => this.makeRoom(bytes, written, done), squeeze: (bytes, done) => this.#squeeze(bytes, done) };
  }

  start(): void {
    this.#init.context.every(() => SWEEP_EVERY_MS, () => this.#tidy());
  }

  /** By itself: what has expired, and what is over the quota. */
  #tidy(): void {
    this.#lookAtRoom(() => {
      const { context, blobs, retentionMs } = this.#init;
      const bytes = Math.max(0, this.#missing(0, 0));
      const [oldest] = blobs.list();
      const now = context.ports.clock.wall();
      const old = oldest !== undefined && oldest.usedAt + retentionMs <= now && this.#expiryAt <= now;
      if (bytes > 0 || old) this.sweep({ dryRun: false, bytes }, () => undefined);
      else this.#dropParts(false, () => undefined);
    });
  }

  // ── Room ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Is there room for so many bytes more, or can it be made? At once when that is known.
   * @param written bytes of a blob that is not whole yet, on the disk already.
   * @param done with BLOB_DISK_FULL when there is none.
   */
  makeRoom(bytes: number, written: number, done: (error?: SkeinError) => void): void {
    const { context } = this.#init;
    if (this.#room !== undefined && context.now() - this.#room.at < ROOM_KNOWN_MS && this.#missing(bytes, written) <= 0) return done();
    if (this.#refused !== undefined && context.now() < this.#refused.until && bytes >= this.#refused.bytes) return done(this.#refused.error);
    this.#lookAtRoom(() => {
      if (this.#missing(bytes, written) <= 0) return done();
      this.#oneByOne((next) => {
        const missing = this.#missing(bytes, written);
        if (missing <= 0) return next(), done();
        this.#sweepNow({ dryRun: false, bytes: missing }, (error, report) => {
          this.#lookAtRoom(() => {
            next();
            if (this.#missing(bytes, written) <= 0) return done();
            const refusal = this.#noRoom(bytes + written, error ?? (report?.enough === true ? new Error('what was freed was taken at once') : undefined));
            this.#refused = { bytes, until: context.now() + NO_ROOM_MS, error: refusal };
            done(refusal);
          });
        });
      });
    });
  }

  /** The disk itself refused, whatever it says of its room. @param done whether anything was freed. */
  #squeeze(bytes: number, done: (freed: boolean) => void): void {
    this.sweep({ dryRun: false, bytes }, (error, report) => done(error === undefined && (report?.bytes ?? 0) > 0));
  }

  #noRoom(bytes: number, cause: Error | undefined): SkeinError {
    const { blobs, quota } = this.#init;
    const { quotaBytes = 0, freeBytes = 0 } = this.#room ?? {};
    const limit = 'bytes' in quota ? sizeText(quota.bytes) : `${Math.round(quota.share * 100)} % of the disk, ${sizeText(quotaBytes)}`;
    const why = cause === undefined ? 'what is here is needed by runs that live, pinned, or was used a moment ago' : cause.message;
    return new SkeinError('BLOB_DISK_FULL', `there is no room for ${sizeText(bytes)}: blobs take ${sizeText(blobs.bytes)} here and may take ${limit}; ${sizeText(Math.max(0, freeBytes))} of the disk are free for them. Nothing more was removed: ${why}`, {}, { cause });
  }

  /** @returns how much is missing; 0 or less = there is room. */
  #missing(bytes: number, written: number): number {
    const room = this.#room!;
    let size = 0;
    let left = 0;
    for (const { room: given } of this.#init.blobs.fetches()) {
      size += given.size;
      left += given.left;
    }
    return Math.max(this.#init.blobs.bytes + size + written + bytes - room.quotaBytes, bytes + left - room.freeBytes);
  }

  #lookAtRoom(then: () => void): void {
    const { context, store, quota } = this.#init;
    store.room((error, disk) => {
      if (context.stopped) return;
      // What cannot be looked at is not judged: the disk itself will refuse what it cannot take.
      const { free, total } = error === undefined && disk !== undefined ? disk : { free: Infinity, total: Infinity };
      const reserve = Math.min(DISK_RESERVE_BYTES_MAX, total * DISK_RESERVE_SHARE);
      this.#room = { at: context.now(), quotaBytes: 'bytes' in quota ? quota.bytes : total * quota.share, freeBytes: free - reserve };
      then();
    });
  }

  // ── Sweeps ─────────────────────────────────────────────────────────────────────────────────────────────────────

  sweep(sweep: Sweep, done: SweepDone): void {
    this.#oneByOne((next) =>
      this.#sweepNow(sweep, (error, report) => {
        next();
        done(error, report);
      }),
    );
  }

  /** What the cell and its owner think of each blob here. */
  standings(done: (error: Error | undefined, standings?: readonly Standing[]) => void): void {
    const list = this.#init.blobs.list();
    const needs = new Map<Cid, Need>();
    const unrecorded = [...this.#init.unrecorded()];
    this.#ask(list, 0, needs, undefined, (error, founded = 0) => {
      if (error !== undefined) return done(error);
      // What was recorded while the cell was asked is in its answer, or still counts as it was before.
      for (const { cid, tree } of unrecorded) needs.set(cid, joined(needs.get(cid), { live: true, finishedAt: 0, tree }));
      const trees = list.filter(({ cid, size, pinned }) => needs.get(cid)?.tree === true || (pinned && size <= TREE_BYTES_MAX));
      this.#readTrees(trees, 0, new Map(list.map((blob) => [blob.cid, blob])), needs, (unread, pinned) => {
        if (unread === undefined) done(undefined, list.map((blob) => ({ blob: pinned.has(blob.cid) ? { ...blob, pinned: true } : blob, need: needs.get(blob.cid), founded })));
        else done(unread);
      });
    });
  }

  /** In a word. */
  wordOf(standing: Standing): StandingWord {
    if (standing.blob.pinned) return 'pinned';
    if (isPinned(standing)) return 'live';
    return keptSince(standing) + this.#init.retentionMs > this.#init.context.ports.clock.wall() ? 'kept' : 'expired';
  }

  #oneByOne(work: (next: () => void) => void): void {
    const begin = (): void => {
      this.#sweeping = true;
      work(() => {
        const following = this.#queue.shift();
        this.#sweeping = following !== undefined;
        if (following !== undefined) this.#init.context.defer(following);
      });
    };
    if (this.#sweeping) this.#queue.push(begin);
    else begin();
  }

  #sweepNow({ dryRun, bytes }: Sweep, done: SweepDone): void {
    this.#dropParts(dryRun, (parts, partBytes) => {
      this.standings((error, standings) => {
        if (error !== undefined || standings === undefined) return done(error ?? new Error('nothing is known'));
        const { context, retentionMs } = this.#init;
        const slack = Math.min(SLACK_BYTES_MAX, (this.#room?.quotaBytes ?? 0) / 20);
        const chosen = victims(standings, { now: context.ports.clock.wall(), retentionMs, bytes: Math.max(0, bytes - partBytes), slack: bytes > 0 ? slack : 0 });
        const report = (removed: readonly Victim[]): SweepReport => {
          const freed = removed.reduce((sum, { blob }) => sum + blob.size, partBytes);
          return { removed, bytes: freed, parts, enough: freed >= bytes };
        };
        if (dryRun) return done(undefined, report(chosen));
        this.#expiryAt = this.#nextExpiry(standings);
        this.#remove(chosen, 0, [], (removed) => {
          if (removed.length > 0 || parts > 0) context.note('info', 'blobs-removed', `${removed.length} blobs and ${parts} parts that nobody needs were removed: ${sizeText(report(removed).bytes)}`);
          done(undefined, report(removed));
        });
      });
    });
  }

  #remove(chosen: readonly Victim[], at: number, removed: readonly Victim[], done: (removed: readonly Victim[]) => void): void {
    const gone: Victim[] = [...removed];
    const { blobs, context } = this.#init;
    const next = (position: number): void => {
      const victim = chosen[position];
      if (victim === undefined) return done(gone);
      const now = blobs.get(victim.blob.cid);
      // Used or pinned since it was judged: it is judged again the next time.
      if (now === undefined || now.usedAt !== victim.blob.usedAt || now.pinned) return context.defer(() => next(position + 1));
      blobs.remove(victim.blob.cid, (error) => {
        if (error === undefined) gone.push(victim);
        else context.note('warn', 'blob-not-removed', `${victim.blob.cid} could not be removed: ${error.message}`, { cid: victim.blob.cid });
        next(position + 1);
      });
    };
    next(at);
  }

  /** What is not here yet expires later than that. */
  #nextExpiry(standings: readonly Standing[]): number {
    const { context, retentionMs } = this.#init;
    const now = context.ports.clock.wall();
    let next = now + Math.min(retentionMs, JUDGED_AGAIN_MS);
    for (const standing of standings) {
      const at = keptSince(standing) + retentionMs;
      if (at > now && !isPinned(standing)) next = Math.min(next, at);
    }
    return next;
  }

  /** @param before what it said so far. */
  #ask(list: readonly StoredBlob[], from: number, needs: Map<Cid, Need>, before: NeedsAnswer | undefined, done: (error: Error | undefined, founded?: number) => void): void {
    if (from >= list.length) return done(undefined, before?.founded);
    const cids = list.slice(from, from + NEEDS_ASKED_MAX).map(({ cid }) => cid);
    this.#init.read('blobNeeds', cids, (error, answer) => {
      if (error !== undefined) return done(new SkeinError('NO_LEADER', `which blobs are needed could not be asked (${error.message}), so none is removed`, {}, { cause: error }));
      let read: NeedsAnswer;
      try {
        read = readNeeds(cids, answer ?? null);
      } catch (cause) {
        return done(cause as Error);
      }
      if (before !== undefined && read.cell !== before.cell) return done(new SkeinError('NO_LEADER', 'this node went to another cell while it asked which blobs are needed, so none is removed'));
      for (const [cid, need] of read.needs) needs.set(cid, need);
      this.#ask(list, from + NEEDS_ASKED_MAX, needs, read, done);
    });
  }

  /** Files of a list that is needed are needed, too. */
  #readTrees(trees: readonly StoredBlob[], at: number, here: ReadonlyMap<Cid, StoredBlob>, needs: Map<Cid, Need>, done: (error: Error | undefined, pinned: ReadonlySet<Cid>) => void, pinned: Set<Cid> = new Set()): void {
    const tree = trees[at];
    if (tree === undefined) return done(undefined, pinned);
    const { context, blobs } = this.#init;
    readTree(context, blobs, tree.cid, (error, files) => {
      // A blob that is pinned may be no list; then it lists nothing.
      if (error !== undefined && !isSkeinError(error, 'BLOB_INVALID')) {
        // Without it nobody knows what it lists: it is fetched again, and until then nothing is removed.
        blobs.fetch(tree.cid, () => undefined, { urgency: 'background' });
        return done(new SkeinError('BLOB_STORE_FAILED', `the list of files ${tree.cid} could not be read: ${error.message}`, { cid: tree.cid }), pinned);
      }
      const need = needs.get(tree.cid);
      for (const { cid } of files) {
        if (!here.has(cid)) continue;
        if (need !== undefined) needs.set(cid, joined(needs.get(cid), { ...need, tree: false }));
        if (tree.pinned) pinned.add(cid);
      }
      this.#readTrees(trees, at + 1, here, needs, done, pinned);
    });
  }

  #dropParts(dryRun: boolean, done: (parts: number, bytes: number) => void): void {
    const { context, store, blobs } = this.#init;
    store.parts((_error, parts = []) => {
      const now = context.ports.clock.wall();
      const old = parts.filter(({ cid, usedAt }) => !blobs.isWanted(cid) && usedAt + PART_KEPT_MS <= now);
      if (!dryRun) for (const { cid } of old) store.dropPart(cid, () => undefined);
      done(old.length, old.reduce((sum, { size }) => sum + size, 0));
    });
  }
}
