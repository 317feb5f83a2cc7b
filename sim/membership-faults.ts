/** Nodes that go in good order and come back, and nodes that come for the first time. */
import type { FaultBench, FaultKind } from './injector.ts';

/** Share of those that are told to go at once, without finishing what they execute. */
const HURRIED = 0.3;

export class MembershipFaults {
  readonly #bench: FaultBench;

  constructor(bench: FaultBench) {
    this.#bench = bench;
  }

  kinds(): FaultKind[] {
    const { mix, cluster } = this.#bench;
    return [
      { name: 'leaves', everyMs: mix.leaveEveryMs, inject: () => this.#leave() },
      { name: 'joins', everyMs: cluster.nodes.some(({ boot }) => boot === 0) ? mix.joinEveryMs : 0, inject: () => this.#join() },
    ];
  }

  #leave(): boolean {
    const { cluster, mix, random } = this.#bench;
    const staying = cluster.up().filter(({ leaving }) => !leaving);
    if (staying.length === 0) return false;
    const node = random.pick(staying);
    cluster.leaveNode(node, random.chance(HURRIED), () => {
      this.#bench.count('left');
      this.#bench.after(random.exponential(mix.downMeanMs), () => {
        if (node.state === 'down') cluster.bootNode(node);
      });
    });
    return true;
  }

  /** With a blank disk. Counts as done once all are there. */
  #join(): boolean {
    const { cluster } = this.#bench;
    const node = cluster.nodes.find(({ boot }) => boot === 0);
    if (node === undefined) return true;
    cluster.line(node.name, 'is new here');
    cluster.bootNode(node);
    return true;
  }
}
