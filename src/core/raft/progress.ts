/**
 * One follower as its leader sees it.
 *
 *   probe ──ok──▶ replicate ──rejected──▶ probe        one Append at a time until the logs are known to meet,
 *   probe / replicate ──log too short──▶ snapshot      then a pipeline bounded in messages and bytes
 *   snapshot ──ok or reachable again──▶ probe / replicate
 */
import type { LogIndex, MemberId } from '../lib/ids.ts';
import { INFLIGHT_APPENDS_MAX, INFLIGHT_BYTES_MAX, INFLIGHT_BYTES_MIN } from './limits.ts';
import type { FollowerProgress } from './types.ts';

interface Inflight {
  readonly lastIndex: LogIndex;
  readonly bytes: number;
  readonly sentAt: number;
}

export class Progress {
  readonly member: MemberId;
  state: 'probe' | 'replicate' | 'snapshot' = 'probe';
  /** Highest index known to be synced on the follower. */
  matchIndex: LogIndex = 0;
  nextIndex: LogIndex;
  /** Commit index that the newest Append carried. */
  sentCommit: LogIndex = -1;
  /** Probe: one is unanswered, so do not send more. */
  probeSent = false;
  /** First round sent with the present `nextIndex` as probe: rejections of lower rounds speak of something older. */
  probeRound = 0;
  /** Highest round that was answered. */
  ackedRound = 0;
  lastAckedSentAt = -Infinity;
  caughtUpAt = -Infinity;
  snapshotAskedAt = -Infinity;
  /** The snapshot that it gets is of this entry or a later one. */
  snapshotFrom: LogIndex = 0;
  /** No longer a member: still sent the log up to the configuration that says so, until `until` at most. */
  leaves: { readonly index: LogIndex; readonly until: number } | undefined;
  /** The log went backwards once; said so already. */
  alarmed = false;
  #inflight: Inflight[] = [];
  #inflightBytes = 0;
  #bytesMax = INFLIGHT_BYTES_MIN;
  #resizedAt = -Infinity;
  #tip: { readonly index: LogIndex; readonly sentAt: number } | undefined;

  constructor(member: MemberId, nextIndex: LogIndex) {
    this.member = member;
    this.nextIndex = nextIndex;
  }

  get inflightAppends(): number {
    return this.#inflight.length;
  }

  get inflightBytes(): number {
    return this.#inflightBytes;
  }

  get windowFull(): boolean {
    return this.#inflight.length >= INFLIGHT_APPENDS_MAX || this.#inflightBytes >= this.#bytesMax;
  }

  becomeProbe(nextIndex: LogIndex): void {
    this.state = 'probe';
    this.nextIndex = nextIndex;
    this.probeSent = false;
    this.probeRound = Infinity;
    this.#clearInflight();
  }

  becomeReplicate(): void {
    this.state = 'replicate';
    this.nextIndex = this.matchIndex + 1;
    this.#clearInflight();
  }

  /** @param from newest snapshot here. The one that is asked for again may be on its way still. */
  becomeSnapshot(now: number, from: LogIndex): void {
    if (this.state !== 'snapshot') this.snapshotFrom = from;
    this.state = 'snapshot';
    this.snapshotAskedAt = now;
    this.#clearInflight();
  }

  /** An Append that ends at `lastIndex` leaves. */
  sent(lastIndex: LogIndex, entryCount: number, bytes: number, round: number, sentAt: number): void {
    if (this.state === 'probe') {
      if (!this.probeSent) this.probeRound = round;
      this.probeSent = true;
    } else if (entryCount > 0) {
      this.nextIndex = lastIndex + 1;
      this.#inflight.push({ lastIndex, bytes, sentAt });
      this.#inflightBytes += bytes;
    }
  }

  /** That Append ended at the leader's last index. Only the oldest unanswered one is kept, so load cannot starve it. */
  sentTip(index: LogIndex, sentAt: number): void {
    this.#tip ??= { index, sentAt };
  }

  /**
   * What is under way to a follower must be answered well within E, or the heartbeats behind it come too late and every
   * burst of big entries costs the leader its office: the window grows while answers are quick and halves when they are
   * slow. @param slowMs an answer after this long was slow.
   */
  acked(index: LogIndex, now: number, slowMs: number): void {
    if (index > this.matchIndex) this.matchIndex = index;
    if (this.state === 'replicate' && this.nextIndex <= index) this.nextIndex = index + 1;
    let done = 0;
    let [oldestAt, newestAt] = [now, -Infinity];
    // Of bytes: many small Appends say nothing about what the link carries.
    const wasFull = this.#inflightBytes >= this.#bytesMax;
    for (const item of this.#inflight) {
      if (item.lastIndex > index) break;
      this.#inflightBytes -= item.bytes;
      done += 1;
      oldestAt = Math.min(oldestAt, item.sentAt);
      newestAt = item.sentAt;
    }
    if (done > 0) this.#inflight.splice(0, done);
    // Once for each window: what was sent before the last change says nothing about the present size.
    if (done > 0 && newestAt >= this.#resizedAt) this.#resize(now, now - oldestAt > slowMs, wasFull);
    if (this.#tip !== undefined && index >= this.#tip.index) {
      this.caughtUpAt = this.#tip.sentAt;
      this.#tip = undefined;
    }
  }

  /** The follower turned out to hold less than it had acked. */
  regressed(matchIndex: LogIndex): void {
    this.matchIndex = matchIndex;
    this.caughtUpAt = -Infinity;
    this.#tip = undefined;
  }

  view(): FollowerProgress {
    return {
      member: this.member,
      matchIndex: this.matchIndex,
      lastAckedSentAt: this.lastAckedSentAt,
      receivesSnapshot: this.state === 'snapshot',
      caughtUpAt: this.caughtUpAt,
    };
  }

  #resize(now: number, slow: boolean, full: boolean): void {
    if (!slow && !full) return;
    this.#bytesMax = slow ? Math.max(INFLIGHT_BYTES_MIN, this.#bytesMax / 2) : Math.min(INFLIGHT_BYTES_MAX, this.#bytesMax * 2);
    this.#resizedAt = now;
  }

  #clearInflight(): void {
    this.#inflight = [];
    this.#inflightBytes = 0;
  }
}
