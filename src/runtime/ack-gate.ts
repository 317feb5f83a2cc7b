/**
 * Two machines (PROTOCOL §5): with one voter and a standby, "recorded" should mean on two disks. So an answer also waits
 * for the standby's synced ack, at most E; a standby that is later than that is lagging and not waited for until it has
 * caught up. With three or more voters answers pass at once.
 */
import type { LogIndex, MemberId } from '../core/lib/ids.ts';
import type { Raft } from '../core/raft/raft.ts';

interface Waiting {
  readonly index: LogIndex;
  readonly since: number;
  readonly release: () => void;
}

export class AckGate {
  readonly #raft: Raft;
  readonly #waitMaxMs: number;
  /** By rising index. */
  #queue: Waiting[] = [];
  /** Standbys that had everything and were not too late since. */
  readonly #inSync = new Set<MemberId>();

  constructor(raft: Raft, waitMaxMs: number) {
    this.#raft = raft;
    this.#waitMaxMs = waitMaxMs;
  }

  /** Has this cell the form that the gate is for, or somebody still waiting? */
  get active(): boolean {
    const { config } = this.#raft;
    return this.#queue.length > 0 || (this.#raft.role === 'leader' && config.voters.length === 1 && config.standbys.length > 0);
  }

  /** Monotonic ms at which somebody has waited long enough. */
  get dueAt(): number {
    const first = this.#queue[0];
    return first === undefined ? Infinity : first.since + this.#waitMaxMs;
  }

  /** Is the second copy up to date? For `status`. */
  get oneCopy(): boolean {
    const { config } = this.#raft;
    return config.voters.length === 1 && !config.standbys.some((member) => this.#inSync.has(member));
  }

  pass(index: LogIndex, now: number, release: () => void): void {
    if (this.#awaited() === undefined) {
      release();
      return;
    }
    this.#queue.push({ index, since: now, release });
    this.check(now);
  }

  check(now: number): void {
    for (const progress of this.#raft.progress()) {
      if (progress.matchIndex >= this.#raft.commitIndex) this.#inSync.add(progress.member);
    }
    const first = this.#queue[0];
    if (first === undefined) return;
    // By the same sum as the timer: a difference may round to less, and the timer would find it not due yet, at once and again.
    if (now >= this.dueAt) this.#dropLate(first.index);
    const upTo = this.#awaited() ?? Infinity;
    let count = 0;
    while (count < this.#queue.length && this.#queue[count]!.index <= upTo) count += 1;
    for (const { release } of this.#queue.splice(0, count)) release();
  }

  clear(): void {
    this.#queue = [];
    this.#inSync.clear();
  }

  /** Highest index that a standby we wait for has synced; undefined when none is waited for. */
  #awaited(): LogIndex | undefined {
    const { config } = this.#raft;
    if (this.#raft.role !== 'leader' || config.voters.length !== 1 || config.outgoing.length > 0 || config.standbys.length === 0) return undefined;
    let best: LogIndex | undefined;
    for (const progress of this.#raft.progress()) {
      if (!config.standbys.includes(progress.member) || !this.#inSync.has(progress.member)) continue;
      best = Math.max(best ?? 0, progress.matchIndex);
    }
    return best;
  }

  #dropLate(index: LogIndex): void {
    for (const progress of this.#raft.progress()) {
      if (progress.matchIndex < index) this.#inSync.delete(progress.member);
    }
  }
}
