/** Three nodes on this machine as processes of their own, replicated to all three, fsync on. */
import { fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ClusterStatus } from '../src/runtime/api.ts';
import type { ProgramCommand, ProgramInit } from './node-program.ts';

const program = fileURLToPath(new URL('./node-program.ts', import.meta.url));
const READY_MS = 60_000;

type CommandBody = ProgramCommand extends infer C ? (C extends { id: number } ? Omit<C, 'id'> : never) : never;

interface Started {
  readonly addresses: string[];
  readonly httpUrl: string;
  readonly nodeId: string;
}

export class BenchNode {
  readonly init: ProgramInit;
  readonly started: Promise<Started>;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #id = 0;

  constructor(init: ProgramInit) {
    this.init = init;
    this.#child = fork(program, [JSON.stringify(init)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.started = new Promise((resolve, reject) => this.#waiting.set(0, { resolve: resolve as (value: unknown) => void, reject }));
    this.#child.on('message', (message: { id: number; value?: unknown; error?: string }) => {
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (message.error === undefined) waiting?.resolve(message.value);
      else waiting?.reject(new Error(message.error));
    });
    this.#child.on('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`node ${init.name} ended`));
      this.#waiting.clear();
    });
  }

  ask<T>(command: CommandBody): Promise<T> {
    const id = ++this.#id;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#child.send({ ...command, id });
    });
  }

  kill(signal: NodeJS.Signals): Promise<void> {
    const gone = signal === 'SIGKILL' && this.#child.exitCode === null && this.#child.signalCode === null ? new Promise<void>((resolve) => this.#child.once('exit', () => resolve())) : Promise.resolve();
    this.#child.kill(signal);
    return gone;
  }
}

export class BenchCluster {
  readonly root = mkdtempSync(join(tmpdir(), 'skein-bench-'));
  nodes: BenchNode[] = [];

  /** @param slots of each node, or of all of three. @param labels of each node. */
  async start(slots: number | readonly number[], labels: readonly Readonly<Record<string, string>>[] = []): Promise<void> {
    const [own = 1, ...others] = typeof slots === 'number' ? [slots, slots, slots] : slots;
    const first = this.#launch('a', [], own, labels[0]);
    const address = await addressOf(first);
    this.nodes = [first, ...others.map((each, position) => this.#launch('bcdefg'[position]!, [address], each, labels[position + 1]))];
    await this.ready();
  }

  #launch(name: string, bootstrap: readonly string[], slots: number, labels: Readonly<Record<string, string>> = {}): BenchNode {
    return new BenchNode({ name, labels, dataDir: join(this.root, name), bootstrap, slots, keyFile: join(this.root, 'cluster.key') });
  }

  /** Every node is a voter and follows the same leader. */
  async ready(): Promise<void> {
    const deadline = performance.now() + READY_MS;
    for (;;) {
      const statuses = await Promise.all(this.nodes.map((node) => node.started.then(() => node.ask<ClusterStatus>({ op: 'status' }))));
      const voters = this.nodes.length < 3 ? 1 : this.nodes.length < 5 ? 3 : 5;
      if (statuses.every((status) => status.voters.length === voters && status.quorum && status.node.phase === 'member' && status.leaderId === statuses[0]!.leaderId)) return;
      if (performance.now() > deadline) throw new Error(`the cluster is not ready: ${statuses.map((status) => `${status.node.name} ${status.node.phase} ${status.voters.length}`).join(', ')}`);
      await sleep(50);
    }
  }

  async leader(): Promise<BenchNode> {
    const statuses = await Promise.all(this.nodes.map((node) => node.ask<ClusterStatus>({ op: 'status' })));
    const leading = statuses.findIndex((status) => status.leaderId === status.node.nodeId);
    if (leading === -1) throw new Error('nobody leads');
    return this.nodes[leading]!;
  }

  async follower(): Promise<BenchNode> {
    const leader = await this.leader();
    return this.nodes.find((node) => node !== leader)!;
  }

  /** Starts a killed node again on its disk. */
  async restart(node: BenchNode): Promise<void> {
    const other = this.nodes.find((candidate) => candidate !== node)!;
    const again = this.#launch(node.init.name, [await addressOf(other)], node.init.slots);
    this.nodes = this.nodes.map((candidate) => (candidate === node ? again : candidate));
    await again.started;
  }

  /** Size of its log as it lies on the disk; without what a snapshot has made superfluous. */
  logBytes(node: BenchNode): number {
    const files = readdirSync(node.init.dataDir, { recursive: true, withFileTypes: true }).filter((file) => file.isFile() && file.name.startsWith('log-'));
    return files.reduce((sum, file) => sum + statSync(join(file.parentPath, file.name)).size, 0);
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill('SIGKILL')));
    rmSync(this.root, { recursive: true, force: true });
  }
}

async function addressOf(node: BenchNode): Promise<string> {
  const { addresses } = await node.started;
  return addresses.find((address) => address.includes('/127.0.0.1/')) ?? addresses[0]!;
}
