/** What happens to disks while they are in use: a failing operation, a stall, no space left. */
import type { DiskFault, DiskOperation } from './disk.ts';
import type { FaultBench, FaultKind } from './injector.ts';
import type { SimNode } from './sim-node.ts';

/** A full disk still takes up to so many bytes. */
const LAST_BYTES_MAX = 4096;

export class DiskFaults {
  readonly #bench: FaultBench;

  constructor(bench: FaultBench) {
    this.#bench = bench;
    // What a supervisor does with a node that ended itself. Also counts: only an injected fault may end one.
    bench.cluster.onFatal = (node) => {
      bench.count('endedByDisk');
      bench.after(bench.random.exponential(bench.mix.downMeanMs), () => {
        if (node.state === 'down') bench.cluster.bootNode(node);
      });
    };
  }

  kinds(): FaultKind[] {
    const { mix } = this.#bench;
    return [
      { name: 'diskErrors', everyMs: mix.diskErrorEveryMs, inject: () => this.#error() },
      { name: 'diskStalls', everyMs: mix.diskStallEveryMs, inject: () => this.#stall() },
      { name: 'diskFull', everyMs: mix.diskFullEveryMs, inject: () => this.#full() },
    ];
  }

  /** The next operation that changes something fails: more often the sync, since that is where errors show. */
  #error(): false | 'armed' {
    const node = this.#pick(({ replica }) => replica !== undefined);
    if (node === undefined) return false;
    const wanted = this.#bench.random.chance(0.7) ? 'sync' : 'write';
    this.#line(node, `its next ${wanted} will fail`);
    node.diskFault = ({ type, name }) => {
      if (type !== wanted) return undefined;
      node.diskFault = undefined;
      this.#bench.count('diskErrors');
      return { type: 'error', error: diskError('EIO', `i/o error, ${type} '${name}'`) };
    };
    return 'armed';
  }

  /** Whatever begins now is done when the stall is over. */
  #stall(): boolean {
    const { cluster, mix, random } = this.#bench;
    const node = this.#pick();
    if (node === undefined) return false;
    const until = cluster.kernel.now + random.exponential(mix.diskStallMeanMs);
    this.#line(node, `stalls for ${((until - cluster.kernel.now) / 1000).toFixed(1)} s`);
    node.diskStalledUntil = until;
    this.#during(node, until - cluster.kernel.now, (): DiskFault => ({ type: 'delay', delayMs: Math.max(0, until - cluster.kernel.now) }));
    return true;
  }

  #full(): boolean {
    const { mix, random } = this.#bench;
    const node = this.#pick();
    if (node === undefined) return false;
    let freeBytes = random.int(0, LAST_BYTES_MAX);
    this.#line(node, `is full but for ${freeBytes} bytes`);
    this.#during(node, random.exponential(mix.diskFullMeanMs), ({ type, name, bytes }) => {
      if (type !== 'write') return undefined;
      freeBytes -= bytes;
      return freeBytes < 0 ? { type: 'error', error: diskError('ENOSPC', `no space left on device, write '${name}'`) } : undefined;
    });
    return true;
  }

  /** Lasts through restarts of the node, as such things do. */
  #during(node: SimNode, ms: number, fault: (operation: DiskOperation) => DiskFault | undefined): void {
    node.diskFault = fault;
    this.#bench.after(ms, () => {
      if (node.diskFault !== fault) return;
      node.diskFault = undefined;
      this.#line(node, 'is well again');
    });
  }

  #pick(fits: (node: SimNode) => boolean = () => true): SimNode | undefined {
    const { cluster, random } = this.#bench;
    const healthy = cluster.up().filter((node) => node.diskFault === undefined && fits(node));
    return healthy.length === 0 ? undefined : random.pick(healthy);
  }

  #line(node: SimNode, text: string): void {
    this.#bench.cluster.line(node.name, `its disk ${text}`);
  }
}

function diskError(code: string, message: string): Error {
  return Object.assign(new Error(`${code}: ${message}`), { code });
}
