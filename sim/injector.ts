/** Injects the faults of a mix into a cluster, each kind on its own clock, and counts what it did. */
import type { NodeId } from '../src/core/lib/ids.ts';
import type { Cluster, CrashKind } from './cluster.ts';
import type { FaultMix, PartitionShape } from './faults.ts';
import type { Prng } from './prng.ts';
import type { SimNode } from './sim-node.ts';

export interface FaultFigures {
  partitions: number;
  kills: number;
  powerLosses: number;
  blackouts: number;
  pauses: number;
}

export type Path = readonly [from: NodeId, to: NodeId];

export class FaultInjector {
  readonly figures: FaultFigures = { partitions: 0, kills: 0, powerLosses: 0, blackouts: 0, pauses: 0 };
  readonly #cluster: Cluster;
  readonly #mix: FaultMix;
  readonly #random: Prng;
  #stopped = false;

  constructor(cluster: Cluster, mix: FaultMix, random: Prng) {
    this.#cluster = cluster;
    this.#mix = mix;
    this.#random = random;
  }

  start(): void {
    const { partitionEveryMs, crashEveryMs, pauseEveryMs } = this.#mix;
    this.#repeat(partitionEveryMs, () => this.#partition());
    this.#repeat(crashEveryMs, () => this.#crash());
    this.#repeat(pauseEveryMs, () => this.#pause());
  }

  /** No further fault, and none that is under way ends by itself: whatever is broken stays so until somebody heals it. */
  stop(): void {
    this.#stopped = true;
  }

  #repeat(everyMs: number, inject: () => void): void {
    if (everyMs === 0) return;
    this.#after(this.#random.exponential(everyMs), () => {
      inject();
      this.#repeat(everyMs, inject);
    });
  }

  #after(delayMs: number, action: () => void): void {
    this.#cluster.kernel.after(delayMs, undefined, () => {
      if (!this.#stopped) action();
    });
  }

  #partition(): void {
    const shape = this.#random.pick(this.#mix.partitionShapes);
    const paths = drawPaths(shape, this.#cluster.nodes, this.#random);
    this.figures.partitions += 1;
    this.#cluster.line('world', `cut (${shape}): ${paths.map(([from, to]) => `${from}→${to}`).join(' ')}`);
    for (const [from, to] of paths) this.#cluster.network.cut(from, to);
    this.#after(this.#random.exponential(this.#mix.partitionMeanMs), () => {
      this.#cluster.line('world', `healed (${shape})`);
      for (const [from, to] of paths) this.#cluster.network.heal(from, to);
    });
  }

  #crash(): void {
    const alive = this.#cluster.nodes.filter((node) => node.state !== 'down');
    if (alive.length === 0) return;
    const kind: CrashKind = this.#random.chance(this.#mix.powerLossRate) ? 'power' : 'process';
    if (this.#random.chance(this.#mix.blackoutRate)) {
      this.figures.blackouts += 1;
      for (const node of alive) this.#crashOne(node, kind);
    } else this.#crashSoon(this.#random.pick(alive), kind);
  }

  /** Half of them wait for the worst moment: while something is being written. */
  #crashSoon(node: SimNode, kind: CrashKind): void {
    if (this.#random.chance(0.5)) {
      this.#crashOne(node, kind);
      return;
    }
    const { boot } = node;
    node.onDiskWrite = () => {
      node.onDiskWrite = undefined;
      this.#after(this.#random.exponential(this.#mix.diskMeanMs), () => {
        if (node.boot === boot) this.#crashOne(node, kind);
      });
    };
  }

  #crashOne(node: SimNode, kind: CrashKind): void {
    if (node.state === 'down') return;
    this.figures[kind === 'power' ? 'powerLosses' : 'kills'] += 1;
    this.#cluster.crashNode(node, kind);
    this.#after(this.#random.exponential(this.#mix.downMeanMs), () => {
      if (node.state === 'down') this.#cluster.bootNode(node);
    });
  }

  #pause(): void {
    const up = this.#cluster.up();
    if (up.length === 0) return;
    const node = this.#random.pick(up);
    const { boot } = node;
    this.figures.pauses += 1;
    this.#cluster.pauseNode(node);
    this.#after(this.#random.exponential(this.#mix.pauseMeanMs), () => {
      if (node.boot === boot) this.#cluster.resumeNode(node);
    });
  }
}

/** Which directions a partition of this shape cuts. */
export function drawPaths(shape: PartitionShape, nodes: readonly SimNode[], random: Prng): Path[] {
  const ids = random.shuffle(nodes.map((node) => node.id));
  const [first, second] = ids as [NodeId, NodeId];
  const others = ids.slice(1);
  switch (shape) {
    case 'halves': {
      const left = ids.slice(0, random.int(1, ids.length - 1));
      return bothWays(left, ids.slice(left.length));
    }
    case 'isolate':
      return bothWays([first], others);
    case 'pair':
      return bothWays([first], [second]);
    case 'oneWayPair':
      return [[first, second]];
    case 'deaf':
      return others.map((other) => [other, first]);
    case 'mute':
      return others.map((other) => [first, other]);
  }
}

export function bothWays(left: readonly NodeId[], right: readonly NodeId[]): Path[] {
  return left.flatMap((a) => right.flatMap((b): Path[] => [[a, b], [b, a]]));
}
