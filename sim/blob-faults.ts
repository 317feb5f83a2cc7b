/** What happens to the blobs of machines: one is taken away, all of them are gone after a crash, there is no room for more. */
import type { FaultBench, FaultKind } from './injector.ts';
import type { SimNode } from './sim-node.ts';

export class BlobFaults {
  readonly #bench: FaultBench;

  constructor(bench: FaultBench) {
    this.#bench = bench;
  }

  kinds(): FaultKind[] {
    const { mix } = this.#bench;
    return [
      { name: 'blobsTaken', everyMs: mix.blobTakenEveryMs, inject: () => this.#take() },
      { name: 'blobsWiped', everyMs: mix.blobsWipedEveryMs, inject: () => this.#wipe() },
      { name: 'blobsFull', everyMs: mix.blobsFullEveryMs, inject: () => this.#full() },
    ];
  }

  #holder(): SimNode | undefined {
    const { cluster, random } = this.#bench;
    const holders = cluster.nodes.filter(({ blobs }) => blobs.whole.size > 0);
    return holders.length === 0 ? undefined : random.pick(holders);
  }

  /** Under the feet of the node that runs. */
  #take(): true | 'nothing' {
    const { cluster, random } = this.#bench;
    const node = this.#holder();
    if (node === undefined) return 'nothing';
    const cid = random.pick([...node.blobs.whole.keys()]);
    cluster.line(node.name, `somebody removes ${cid} from its disk`);
    node.blobs.lose(cid);
    return true;
  }

  /** It comes back with its log and without its files. */
  #wipe(): true | 'nothing' {
    const { cluster, mix, random } = this.#bench;
    const node = this.#holder();
    if (node === undefined) return 'nothing';
    cluster.crashNode(node, 'process');
    cluster.line(node.name, `loses its ${node.blobs.whole.size} blobs`);
    for (const cid of node.blobs.whole.keys()) node.blobs.lose(cid);
    this.#bench.after(random.exponential(mix.downMeanMs), () => {
      if (node.state === 'down') cluster.bootNode(node);
    });
    return true;
  }

  #full(): boolean {
    const { cluster, mix, random } = this.#bench;
    const free = cluster.nodes.filter(({ blobs }) => blobs.bytesMax === Infinity);
    if (free.length === 0) return false;
    const node = random.pick(free);
    cluster.line(node.name, 'has no room for more blobs');
    node.blobs.bytesMax = node.blobs.bytes;
    this.#bench.after(random.exponential(mix.blobsFullMeanMs), () => {
      node.blobs.bytesMax = Infinity;
    });
    return true;
  }
}
