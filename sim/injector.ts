/** Injects the faults of a mix into a cluster, each kind on its own clock, and counts what it did. */
import type { Cluster, CrashKind } from './cluster.ts';
import type { FaultMix } from './faults.ts';
import { drawPaths } from './partitions.ts';
import type { Prng } from './prng.ts';
import type { SimNode } from './sim-node.ts';

/** The first fault of each kind comes within this share of the time, so that every kind really happens. */
const FIRST_WITHIN = 0.6;
/** A fault that is not possible at the moment is tried again after about this long. */
const AGAIN_MS = 200;
/** A crash that waits for a write in progress does not wait longer. */
const WRITE_WAIT_MS = 2000;

export class FaultInjector {
  /** How often each kind happened; every kind that is switched on is there from the start, with 0. */
  readonly figures: Record<string, number> = {};
  readonly #cluster: Cluster;
  readonly #mix: FaultMix;
  readonly #random: Prng;
  readonly #switchedOn: string[] = [];
  #stopped = false;

  constructor(cluster: Cluster, mix: FaultMix, random: Prng) {
    this.#cluster = cluster;
    this.#mix = mix;
    this.#random = random;
  }

  /** @param windowMs for how long there will be faults. */
  start(windowMs: number): void {
    const { partitionEveryMs, crashEveryMs, pauseEveryMs } = this.#mix;
    this.#repeat('partitions', partitionEveryMs, windowMs, () => this.#partition());
    this.#repeat('crashes', crashEveryMs, windowMs, () => this.#crash());
    this.#repeat('pauses', pauseEveryMs, windowMs, () => this.#pause());
  }

  /** No further fault, and none that is under way ends by itself: whatever is broken stays so until somebody heals it. */
  stop(): void {
    this.#stopped = true;
  }

  /** Kinds that are switched on and never happened. */
  neverFired(): string[] {
    return this.#switchedOn.filter((kind) => this.figures[kind] === 0);
  }

  /** @param inject says whether it could. */
  #repeat(kind: string, everyMs: number, windowMs: number, inject: () => boolean): void {
    if (everyMs === 0) return;
    const random = this.#random.fork(kind);
    this.#switchedOn.push(kind);
    this.figures[kind] = 0;
    const next = (delayMs: number): void =>
      this.#after(delayMs, () => {
        if (!inject()) return next(random.between(0.5, 1.5) * AGAIN_MS);
        next(random.exponential(everyMs));
      });
    next(Math.min(random.exponential(everyMs), random.between(0, FIRST_WITHIN * windowMs)));
  }

  #after(delayMs: number, action: () => void): void {
    this.#cluster.kernel.after(delayMs, undefined, () => {
      if (!this.#stopped) action();
    });
  }

  #count(kind: string): void {
    this.figures[kind] = (this.figures[kind] ?? 0) + 1;
  }

  #partition(): boolean {
    const { network, nodes } = this.#cluster;
    const shape = this.#random.pick(this.#mix.partitionShapes);
    const ids = nodes.map(({ id }) => id);
    const paths = drawPaths(shape, ids, this.#cluster.leader()?.id, this.#random);
    this.#count('partitions');
    this.#count(`cut-${shape}`);
    this.#cluster.line('world', `cut (${shape}): ${paths.map(([from, to]) => `${from}→${to}`).join(' ')}`);
    for (const [from, to] of paths) network.cut(from, to);
    this.#after(this.#random.exponential(this.#mix.partitionMeanMs), () => {
      this.#cluster.line('world', `healed (${shape})`);
      for (const [from, to] of paths) network.heal(from, to);
    });
    return true;
  }

  #crash(): boolean {
    const alive = this.#cluster.nodes.filter((node) => node.state !== 'down');
    if (alive.length === 0) return false;
    const kind: CrashKind = this.#random.chance(this.#mix.powerLossRate) ? 'power' : 'process';
    if (this.#random.chance(this.#mix.blackoutRate)) {
      this.#count(kind === 'power' ? 'blackouts' : 'killedAll');
      for (const node of alive) this.#crashOne(node, kind);
    } else this.#crashSoon(this.#random.pick(alive), kind);
    return true;
  }

  /** Half of them wait for the worst moment: while something is being written. */
  #crashSoon(node: SimNode, kind: CrashKind): void {
    if (this.#random.chance(0.5)) {
      this.#crashOne(node, kind);
      return;
    }
    const { boot } = node;
    const crash = (): void => {
      if (node.boot === boot) this.#crashOne(node, kind);
    };
    node.onDiskWrite = () => {
      node.onDiskWrite = undefined;
      this.#after(this.#random.exponential(this.#mix.diskMeanMs), crash);
    };
    this.#after(WRITE_WAIT_MS, crash);
  }

  #crashOne(node: SimNode, kind: CrashKind): void {
    if (node.state === 'down') return;
    node.onDiskWrite = undefined;
    this.#count('crashes');
    this.#count(kind === 'power' ? 'powerLosses' : 'kills');
    this.#cluster.crashNode(node, kind);
    this.#after(this.#random.exponential(this.#mix.downMeanMs), () => {
      if (node.state === 'down') this.#cluster.bootNode(node);
    });
  }

  #pause(): boolean {
    const up = this.#cluster.up();
    if (up.length === 0) return false;
    const node = this.#random.pick(up);
    const { boot } = node;
    this.#count('pauses');
    this.#cluster.pauseNode(node);
    this.#after(this.#random.exponential(this.#mix.pauseMeanMs), () => {
      if (node.boot === boot) this.#cluster.resumeNode(node);
    });
    return true;
  }
}
