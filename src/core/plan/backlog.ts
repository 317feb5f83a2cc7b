/** When a node that is full will have room: from what runs there, and from those that wait for it already. */
import type { Requirement } from '../cell/matching.ts';

type Size = Pick<Requirement, 'milliCpu' | 'memory'>;

/** Room that comes back. */
export interface Release extends Size {
  /** From now. */
  readonly inMs: number;
}

/**
 * How much longer something runs. What takes longer than predicted is taken to go on for as long as it is late already: so
 * whoever waits for it gives up once the wait has cost about what going elsewhere costs, and loses at most twice that.
 */
export function remainingMs(now: number, startedAt: number, lastsMs: number): number {
  return Math.abs(startedAt + lastsMs - now);
}

/** Served in the order in which they came: nobody takes room that an earlier one waits for. */
export class Backlog {
  private readonly releases: Release[];
  /** Free from `fromMs` on, less than nothing when more is promised than there is. */
  private milliCpu: number;
  private memory: number;
  private fromMs = 0;

  constructor(free: Size, releases: readonly Release[]) {
    this.milliCpu = free.milliCpu;
    this.memory = free.memory;
    this.releases = releases.toSorted((a, b) => a.inMs - b.inMs);
  }

  /** @returns ms until there is room for this behind all that wait; Infinity when what runs leaves too little. */
  waitMs({ milliCpu, memory }: Size): number {
    let freeCpu = this.milliCpu;
    let freeMemory = this.memory;
    let waitMs = this.fromMs;
    const isEnough = (): boolean => milliCpu <= freeCpu && (memory === 0 || memory <= freeMemory);
    for (const release of this.releases) {
      if (isEnough()) break;
      freeCpu += release.milliCpu;
      freeMemory += release.memory;
      waitMs = Math.max(waitMs, release.inMs);
    }
    return isEnough() ? waitMs : Infinity;
  }

  /** Somebody begins there now. */
  begin({ milliCpu, memory }: Size, lastsMs: number): void {
    this.milliCpu -= milliCpu;
    this.memory -= memory;
    this.insert({ inMs: lastsMs, milliCpu, memory });
  }

  /** Somebody waits for its room, which it gets after `waitMs`. */
  queue({ milliCpu, memory }: Size, waitMs: number, lastsMs: number): void {
    while (this.releases.length > 0 && this.releases[0]!.inMs <= waitMs) {
      const release = this.releases.shift()!;
      this.milliCpu += release.milliCpu;
      this.memory += release.memory;
    }
    this.fromMs = Math.max(this.fromMs, waitMs);
    this.milliCpu -= milliCpu;
    this.memory -= memory;
    this.insert({ inMs: this.fromMs + lastsMs, milliCpu, memory });
  }

  private insert(release: Release): void {
    const after = this.releases.findIndex(({ inMs }) => inMs > release.inMs);
    this.releases.splice(after === -1 ? this.releases.length : after, 0, release);
  }
}
