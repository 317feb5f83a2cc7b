/** Several real nodes on this machine, in one temporary folder, that end with the test. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AcceptedJson, RunJson, StatusJson } from '../../../src/io/http/views.ts';
import { checkEvidence } from './evidence.ts';
import { freePort } from './ports.ts';
import { specOf, type Work } from './pipelines.ts';
import { MARK, markedProcesses } from './processes.ts';
import { plainEnvironment, TestNode } from './test-node.ts';
import { until } from './until.ts';

/** PROTOCOL §4: after `kill -9` of a node no module process is left after this time. */
const ORPHANS_MS = 1000;

/** How a node is started that has a host of its own, instead of a port of its own beside the others. */
export interface Place {
  /** Put before its command. */
  readonly prefix: readonly string[];
  /** How it finds the others. */
  readonly args: readonly string[];
}

export interface ClusterOptions {
  /** @default all nodes on this machine's loopback, told of each other, without mDNS */
  readonly place?: (name: string) => Place;
  /** @default test */
  readonly profile?: 'default' | 'test';
  /** @default 2 */
  readonly slots?: number;
}

export interface LaunchOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** @default all other nodes */
  readonly bootstrap?: readonly string[];
}

export class Cluster {
  readonly root = mkdtempSync(join(tmpdir(), 'skein-e2e-'));
  /** Every process that this cluster ever started carries it. */
  readonly mark: string = randomUUID();
  readonly ledger = join(this.root, 'ledger.txt');
  /** Runs whose submit was answered, and how they must end. */
  readonly accepted = new Map<string, RunJson['phase']>();
  readonly #options: ClusterOptions;
  readonly #nodes = new Map<string, TestNode>();
  readonly #past: TestNode[] = [];
  readonly #ports = new Map<string, number>();
  #starts = 0;

  constructor(options: ClusterOptions = {}) {
    this.#options = options;
    mkdirSync(join(this.root, 'config'));
  }

  /** Nodes `n0`, `n1`, …, all voters, all knowing the same leader. */
  async start(size: number): Promise<void> {
    const names = Array.from({ length: size }, (_, position) => `n${position}`);
    if (this.#options.place !== undefined) {
      for (const name of names) await this.launch(name);
      await this.ready();
      return;
    }
    for (const name of names) await this.port(name);
    const [first = '', ...others] = names;
    await this.launch(first, { bootstrap: [] });
    await until('the first node', () => this.node(first).event('leader-elected'));
    for (const name of others) await this.launch(name);
    await this.ready();
  }

  // ── Nodes ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The port that this node has at every start. */
  async port(name: string): Promise<number> {
    const known = this.#ports.get(name);
    if (known !== undefined) return known;
    const port = await freePort();
    this.#ports.set(name, port);
    return port;
  }

  dataDir(name: string): string {
    return join(this.root, 'data', 'skein', name.replace(/^n/, ''));
  }

  /** Cpu slots of each node. */
  get slots(): number {
    return this.#options.slots ?? 2;
  }

  /** Variables under which the CLI finds these nodes. */
  get env(): Record<string, string> {
    return { XDG_CONFIG_HOME: join(this.root, 'config'), XDG_DATA_HOME: join(this.root, 'data') };
  }

  /** Starts a node, for the first time or again on its data directory. */
  async launch(name: string, options: LaunchOptions = {}): Promise<TestNode> {
    const { prefix, args } = this.#options.place?.(name) ?? (await this.#beside(name, options.bootstrap));
    const { profile = 'test' } = this.#options;
    const own = ['--name', name, '--data-dir', this.dataDir(name), '--profile', profile, '--slots', String(this.slots)];
    this.#starts += 1;
    const mark = `${this.mark}/${name}.${this.#starts}`;
    const before = this.#nodes.get(name);
    assert.ok(before?.alive !== true, `${name} runs already`);
    if (before !== undefined) this.#past.push(before);
    const node = new TestNode({ name, dataDir: this.dataDir(name), mark, prefix, args: [...own, ...args, ...(options.args ?? [])], env: { ...this.env, ...options.env } });
    this.#nodes.set(name, node);
    return node;
  }

  async #beside(name: string, addresses: readonly string[] | undefined): Promise<Place> {
    const port = await this.port(name);
    const others = [...this.#ports].filter(([other]) => other !== name).map(([, other]) => `127.0.0.1:${other}`);
    const bootstrap = (addresses ?? others).flatMap((address) => ['--bootstrap', address]);
    return { prefix: [], args: ['--p2p-port', String(port), '--http-port', '0', '--no-mdns', ...bootstrap] };
  }

  node(name: string): TestNode {
    const node = this.#nodes.get(name);
    assert.ok(node !== undefined, `no node ${name}`);
    return node;
  }

  get alive(): TestNode[] {
    return [...this.#nodes.values()].filter((node) => node.alive);
  }

  others(...nodes: readonly TestNode[]): TestNode[] {
    return this.alive.filter((node) => !nodes.includes(node));
  }

  /** Every living node belongs to one cell, follows one leader, and there are so many voters. */
  async ready(nodes = this.alive, voters = nodes.length < 3 ? 1 : nodes.length < 5 ? 3 : 5): Promise<StatusJson> {
    return until(`${nodes.length} nodes in one cell with ${voters} voters`, async () => {
      const statuses = await Promise.all(nodes.map((node) => node.status()));
      const [first] = statuses;
      const oneMind = statuses.every((status) => status.leaderId !== '' && status.leaderId === first!.leaderId && status.cellId === first!.cellId && ['member', 'worker'].includes(status.node.phase));
      const members = statuses.filter((status) => status.voters.length > 0);
      return oneMind && members.length > 0 && members.every((status) => status.voters.length === voters && status.voters.every((voter) => voter.alive) && status.quorum) ? first : undefined;
    });
  }

  /** The living node that leads, as all of `nodes` see it. */
  async leader(nodes = this.alive): Promise<TestNode> {
    return until('a leader', async () => {
      const statuses = await Promise.all(nodes.map((node) => node.status()));
      const name = statuses[0]?.leader;
      const isAgreed = statuses.every((status) => status.leader === name);
      return isAgreed ? this.alive.find((node) => node.name === name) : undefined;
    });
  }

  /** Kills a node with SIGKILL, and proves that within a second nothing is left of it: no module, no supervisor. */
  async kill(...nodes: readonly TestNode[]): Promise<void> {
    for (const node of nodes) node.kill('SIGKILL');
    const killedAt = performance.now();
    await Promise.all(nodes.map((node) => node.exited));
    for (const node of nodes) {
      await until(`no process of ${node.name} is left`, () => markedProcesses(node.mark).length === 0, Math.max(0, killedAt + ORPHANS_MS - performance.now())).catch((error: unknown) => {
        throw new Error(`${String(error)}: ${JSON.stringify(markedProcesses(node.mark))}`);
      });
    }
  }

  // ── Runs ───────────────────────────────────────────────────────────────────────────────────────────────────────

  async submit(node: TestNode, work: Work, phase: RunJson['phase'] = 'succeeded'): Promise<string> {
    const { status, body } = await node.ask('POST', '/api/v1/runs', { spec: await specOf(work) });
    assert.equal(status, 202, JSON.stringify(body));
    const { runId } = body as AcceptedJson;
    this.accepted.set(runId, phase);
    return runId;
  }

  /** Looks at the run through one of the nodes until it is as wanted. */
  async run(runId: string, what: string, wanted: (run: RunJson) => boolean, node = this.alive[0]!): Promise<RunJson> {
    return until(`run ${runId} ${what}`, async () => {
      const run = await node.get<RunJson>(`/api/v1/runs/${runId}`);
      return wanted(run) ? run : undefined;
    });
  }

  /** Some modules have ended and many have not: the middle of the run. */
  middle(runId: string, node?: TestNode): Promise<RunJson> {
    return this.run(runId, 'in its middle', (run) => run.modules.succeeded * 4 >= run.modules.total && run.modules.claimed > 0, node);
  }

  final(runId: string, node?: TestNode): Promise<RunJson> {
    return this.run(runId, 'is final', (run) => run.finishedAt !== null, node);
  }

  /** Waits for the end of every accepted run, then counts (evidence.ts). */
  async check(nodes = this.alive): Promise<void> {
    for (const runId of this.accepted.keys()) await this.final(runId, nodes[0]);
    await checkEvidence({ nodes, accepted: this.accepted, ledger: this.ledger });
    for (const node of nodes) assert.equal(node.errors, '', `stderr of ${node.name}`);
  }

  // ── End ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** An environment for programs that the test starts beside the nodes; they end with the cluster. */
  environmentOf(name: string): Record<string, string> {
    return { ...plainEnvironment(), ...this.env, [MARK]: `${this.mark}/${name}` };
  }

  /** What the nodes wrote, for whoever has to find out why a test failed. */
  story(): string {
    return [...this.#past, ...this.#nodes.values()].map((node) => node.story()).join('\n');
  }

  /** Ends everything that was ever started here. */
  async end(): Promise<void> {
    for (const node of this.alive) node.kill('SIGKILL');
    await Promise.all([...this.#nodes.values()].map((node) => node.exited));
    const left = await until('nothing is left', () => markedProcesses(this.mark).length === 0, ORPHANS_MS).catch(() => markedProcesses(this.mark));
    if (left !== true) for (const { pid } of left) process.kill(pid, 'SIGKILL');
    rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
    assert.equal(left, true, `orphans: ${JSON.stringify(left)}`);
  }
}
