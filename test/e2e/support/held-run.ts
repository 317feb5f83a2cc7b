/** A run that stops in its middle, with a module on every slot of every node, until it is let go. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunJson } from '../../../src/io/http/views.ts';
import type { Cluster } from './cluster.ts';
import { readLedger, type Execution } from './ledger.ts';
import { waitingFor, working } from './pipelines.ts';
import type { TestNode } from './test-node.ts';
import { until } from './until.ts';

/** Modules before and after those that are held. */
const FREE = 3;

export class HeldRun {
  readonly runId: string;
  readonly #cluster: Cluster;
  readonly #gate: string;

  private constructor(cluster: Cluster, gate: string, runId: string) {
    this.#cluster = cluster;
    this.#gate = gate;
    this.runId = runId;
  }

  /** Resolves in the middle: some results are recorded, and every slot of each node has begun to execute something. */
  static async begin(cluster: Cluster, contact: TestNode): Promise<HeldRun> {
    const gate = join(cluster.root, 'gate');
    rmSync(gate, { force: true });
    const names = (kind: string, count: number): string[] => Array.from({ length: count }, (_, index) => `${kind}${index}`);
    const held = names('held', cluster.alive.length * cluster.slots);
    const before = names('before', FREE);
    const modules = Object.fromEntries([
      ...before.map((name) => [name, { run: working(0.05) }] as const),
      ...held.map((name) => [name, { run: waitingFor(gate), needs: before }] as const),
      ...names('after', FREE).map((name) => [name, { run: working(0.05), needs: held }] as const),
    ]);
    const runId = await cluster.submit(contact, { ledger: cluster.ledger, name: 'held', modules });
    const run = new HeldRun(cluster, gate, runId);
    const holds = (node: TestNode): number => run.executions(node).filter(({ module }) => module.startsWith('held')).length;
    await until('every slot executes something', () => cluster.alive.every((node) => holds(node) >= cluster.slots));
    return run;
  }

  executions(node?: TestNode): Execution[] {
    return readLedger(this.#cluster.ledger).filter((execution) => execution.runId === this.runId && (node === undefined || execution.node === node.name));
  }

  /** Lets the modules end, those that run now and those that are executed again. */
  open(): void {
    writeFileSync(this.#gate, '');
  }

  async end(contact: TestNode): Promise<RunJson> {
    this.open();
    return this.#cluster.final(this.runId, contact);
  }
}

/** How often a node was lost under a module of the run. */
export function lossesOf(run: RunJson): number {
  return run.moduleList.reduce((sum, module) => sum + module.losses, 0);
}
