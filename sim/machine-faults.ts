/** What happens to machines: they crash, stop for a while, sleep, are slow, and their clocks are wrong. */
import type { CrashKind } from './cluster.ts';
import type { FaultBench, FaultKind } from './injector.ts';
import type { SimNode } from './sim-node.ts';

/** A crash that waits for a write in progress does not wait longer. */
const WRITE_WAIT_MS = 2000;

export class MachineFaults {
  readonly #bench: FaultBench;

  constructor(bench: FaultBench) {
    this.#bench = bench;
  }

  kinds(): FaultKind[] {
    const { mix } = this.#bench;
    return [
      { name: 'crashes', everyMs: mix.crashEveryMs, inject: () => this.#crash() },
      { name: 'pauses', everyMs: mix.pauseEveryMs, inject: () => this.#pause() },
      { name: 'suspends', everyMs: mix.suspendEveryMs, inject: () => this.#suspend() },
      { name: 'slowdowns', everyMs: mix.slowEveryMs, inject: () => this.#slow() },
      { name: 'clockJumps', everyMs: mix.clockJumpEveryMs, inject: () => this.#jump() },
    ];
  }

  /** How wrong each machine's clocks are from the start. */
  setClocks(): void {
    const { cluster, mix, random } = this.#bench;
    const clocks = random.fork('clocks');
    for (const node of cluster.nodes) {
      if (mix.clockDrift > 0) {
        cluster.setClockRate(node, 1 + clocks.between(-mix.clockDrift, mix.clockDrift));
        this.#bench.count('clockDrifts');
      }
      if (mix.clockOffsetMs > 0) {
        this.#jumpBy(node, clocks.between(-mix.clockOffsetMs, mix.clockOffsetMs));
        this.#bench.count('clockOffsets');
      }
    }
  }

  #jumpBy({ name, clock }: SimNode, byMs: number): void {
    clock.jump(byMs);
    this.#bench.cluster.line(name, `its wall clock jumps by ${(byMs / 1000).toFixed(3)} s`);
  }

  #jump(): boolean {
    const { cluster, mix, random } = this.#bench;
    this.#jumpBy(random.pick(cluster.nodes), random.between(-1, 1) * mix.clockJumpMaxMs);
    return true;
  }

  #crash(): boolean {
    const { cluster, mix, random } = this.#bench;
    const alive = cluster.nodes.filter((node) => node.state !== 'down');
    if (alive.length === 0) return false;
    const kind: CrashKind = random.chance(mix.powerLossRate) ? 'power' : 'process';
    if (!random.chance(mix.blackoutRate)) {
      this.#crashSoon(random.pick(alive), kind);
      return true;
    }
    this.#bench.count(kind === 'power' ? 'blackouts' : 'killedAll');
    for (const node of alive) this.#crashOne(node, kind);
    return true;
  }

  /** Half of them wait for the worst moment: while something is being written. */
  #crashSoon(node: SimNode, kind: CrashKind): void {
    const { mix, random } = this.#bench;
    if (random.chance(0.5)) {
      this.#crashOne(node, kind);
      return;
    }
    const { boot } = node;
    const crash = (): void => {
      if (node.boot === boot) this.#crashOne(node, kind);
    };
    node.onDiskWrite = () => {
      node.onDiskWrite = undefined;
      this.#bench.after(random.exponential(mix.diskMeanMs), crash);
    };
    this.#bench.after(WRITE_WAIT_MS, crash);
  }

  #crashOne(node: SimNode, kind: CrashKind): void {
    const { cluster, mix, random } = this.#bench;
    if (node.state === 'down') return;
    node.onDiskWrite = undefined;
    this.#bench.count(kind === 'power' ? 'powerLosses' : 'kills');
    cluster.crashNode(node, kind);
    this.#bench.after(random.exponential(mix.downMeanMs), () => {
      if (node.state === 'down') cluster.bootNode(node);
    });
  }

  #pause(): boolean {
    return this.#stopFor(this.#bench.mix.pauseMeanMs, (node) => this.#bench.cluster.pauseNode(node));
  }

  #suspend(): boolean {
    return this.#stopFor(this.#bench.mix.suspendMeanMs, (node) => this.#bench.cluster.suspendNode(node));
  }

  #stopFor(meanMs: number, stop: (node: SimNode) => void): boolean {
    const { cluster, random } = this.#bench;
    const up = cluster.up();
    if (up.length === 0) return false;
    const node = random.pick(up);
    const { boot } = node;
    stop(node);
    this.#bench.after(random.exponential(meanMs), () => {
      if (node.boot === boot) cluster.resumeNode(node);
    });
    return true;
  }

  #slow(): boolean {
    const { cluster, mix, random } = this.#bench;
    const fast = cluster.up().filter(({ turnCostMs }) => turnCostMs === 0);
    if (fast.length === 0) return false;
    const node = random.pick(fast);
    cluster.slowNode(node, mix.slowTurnMs * random.between(0.2, 1));
    this.#bench.after(random.exponential(mix.slowMeanMs), () => cluster.slowNode(node, 0));
    return true;
  }
}
