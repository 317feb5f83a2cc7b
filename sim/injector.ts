/** Injects the faults of a mix into a cluster, each kind on its own clock, and counts what it did. */
import { BlobFaults } from './blob-faults.ts';
import type { Cluster } from './cluster.ts';
import { DiskDamage } from './disk-damage.ts';
import { DiskFaults } from './disk-faults.ts';
import type { FaultMix } from './faults.ts';
import { MachineFaults } from './machine-faults.ts';
import { MembershipFaults } from './membership-faults.ts';
import { drawPaths } from './partitions.ts';
import type { Prng } from './prng.ts';

/** The first fault of each kind comes within this share of the time, so that every kind really happens. */
const FIRST_WITHIN = 0.6;
/** A fault that is not possible at the moment is tried again after about this long. */
const AGAIN_MS = 200;

/** What every kind of fault needs to happen. */
export interface FaultBench {
  readonly cluster: Cluster;
  readonly mix: FaultMix;
  readonly random: Prng;
  /** Runs `action` later, unless the faults have stopped by then: what is broken at that moment stays so. */
  after(delayMs: number, action: () => void): void;
  count(kind: string): void;
  /** How long there will still be faults, virtual ms. */
  remainingMs(): number;
}

/** One kind: how often on average, and what it does. `inject` says whether it could. */
export interface FaultKind {
  readonly name: string;
  /** 0 = never. */
  readonly everyMs: number;
  /**
   * False: not now, nobody is there to suffer it. `armed`: it happens with what a machine does next, and is counted then.
   * `nothing`: the work has made nothing yet that it could break, and may never make any.
   */
  readonly inject: () => boolean | 'armed' | 'nothing';
}

export class FaultInjector implements FaultBench {
  /** How often each kind happened; every kind that is switched on is there from the start, with 0. */
  readonly figures: Record<string, number> = {};
  readonly cluster: Cluster;
  readonly mix: FaultMix;
  readonly random: Prng;
  readonly #machines: MachineFaults;
  readonly #switchedOn: string[] = [];
  /** Kinds that found nothing to break. */
  readonly #idle = new Set<string>();
  #stopped = false;
  #endsAt = 0;

  constructor(cluster: Cluster, mix: FaultMix, random: Prng) {
    this.cluster = cluster;
    this.mix = mix;
    this.random = random;
    this.#machines = new MachineFaults(this);
  }

  /** @param windowMs for how long there will be faults. */
  start(windowMs: number): void {
    this.#endsAt = this.cluster.kernel.now + windowMs;
    this.#machines.setClocks();
    const partitions: FaultKind = { name: 'partitions', everyMs: this.mix.partitionEveryMs, inject: () => this.#partition() };
    const others = [...new DiskFaults(this).kinds(), ...new DiskDamage(this).kinds(), ...new MembershipFaults(this).kinds(), ...new BlobFaults(this).kinds()];
    for (const kind of [partitions, ...this.#machines.kinds(), ...others]) if (kind.everyMs > 0) this.#repeat(kind, windowMs);
  }

  /** No further fault, and none that is under way ends by itself: whatever is broken stays so until somebody heals it. */
  stop(): void {
    this.#stopped = true;
  }

  /** Kinds that are switched on and never happened, though there was something to break. */
  neverFired(): string[] {
    return this.#switchedOn.filter((kind) => this.figures[kind] === 0 && !this.#idle.has(kind));
  }

  after(delayMs: number, action: () => void): void {
    this.cluster.kernel.after(delayMs, undefined, () => {
      if (!this.#stopped) action();
    });
  }

  count(kind: string): void {
    this.figures[kind] = (this.figures[kind] ?? 0) + 1;
  }

  remainingMs(): number {
    return Math.max(0, this.#endsAt - this.cluster.kernel.now);
  }

  #repeat({ name, everyMs, inject }: FaultKind, windowMs: number): void {
    const random = this.random.fork(name);
    this.#switchedOn.push(name);
    this.figures[name] = 0;
    const next = (delayMs: number): void =>
      this.after(delayMs, () => {
        const done = inject();
        if (done === 'nothing') this.#idle.add(name);
        if (done === false || done === 'nothing') return next(random.between(0.5, 1.5) * AGAIN_MS);
        if (done === true) this.count(name);
        next(random.exponential(everyMs));
      });
    next(Math.min(random.exponential(everyMs), random.between(0, FIRST_WITHIN * windowMs)));
  }

  #partition(): boolean {
    const { network, nodes } = this.cluster;
    const shape = this.random.pick(this.mix.partitionShapes);
    const ids = nodes.map(({ id }) => id);
    const paths = drawPaths(shape, ids, this.cluster.leader()?.id, this.random);
    this.count(`cut-${shape}`);
    this.cluster.line('world', `cut (${shape}): ${paths.map(([from, to]) => `${from}→${to}`).join(' ')}`);
    for (const [from, to] of paths) network.cut(from, to);
    this.after(this.random.exponential(this.mix.partitionMeanMs), () => {
      this.cluster.line('world', `healed (${shape})`);
      for (const [from, to] of paths) network.heal(from, to);
    });
    return true;
  }
}
