/** Five (or so) machines on a LAN of their own, each with one node that was started without any address. */
import { rmSync } from 'node:fs';
import { makeLan, type Lan, type LanHost } from '../../../sim/hosts/lan.ts';
import { Cluster, type ClusterOptions } from '../../e2e/support/cluster.ts';
import type { TestNode } from '../../e2e/support/test-node.ts';
import { until } from '../../e2e/support/until.ts';

export interface HostCase {
  readonly name: string;
  /** What is done, and what must come of it. */
  readonly what: string;
  /** Hosts of the LAN. @default 5 */
  readonly hosts?: number;
  /** Nodes that run, in one cell, when the case begins. @default as many as hosts */
  readonly size?: number;
  /** Timing; people's own unless the case is about something else and would take minutes. @default default */
  readonly profile?: ClusterOptions['profile'];
  readonly slots?: number;
  /** What this machine lacks for it. */
  readonly impossible?: () => string | false;
  /** Too long for every test run. */
  readonly long?: boolean;
  body(world: World): Promise<void>;
}

export class World {
  readonly lan: Lan;
  readonly cluster: Cluster;
  readonly #homes = new Map<string, LanHost>();

  readonly #remove = (): void => rmSync(this.cluster.root, { recursive: true, force: true, maxRetries: 5 });

  constructor({ hosts = 5, profile = 'default', slots = 2 }: HostCase) {
    this.lan = makeLan(hosts);
    // After a Ctrl-C; the LAN, whose listener is older, has ended all processes by then.
    process.once('exit', this.#remove);
    this.cluster = new Cluster({ profile, slots, place: (name) => ({ prefix: this.home(name).prefix, args: [] }) });
  }

  /** The host of a node: `n3` lives on `h3` unless it was settled elsewhere. */
  home(node: string | TestNode): LanHost {
    const name = typeof node === 'string' ? node : node.name;
    return this.#homes.get(name) ?? this.lan.host(Number(name.replace(/^n/, '')));
  }

  homes(...nodes: readonly TestNode[]): LanHost[] {
    return nodes.map((node) => this.home(node));
  }

  settle(name: string, host: LanHost): void {
    this.#homes.set(name, host);
  }

  cut(these: readonly TestNode[], those: readonly TestNode[]): void {
    this.lan.cut(this.homes(...these), this.homes(...those));
  }

  /** Nodes other than the leader, and the leader as all of them see it. */
  async court(): Promise<{ readonly leader: TestNode; readonly others: readonly TestNode[] }> {
    const leader = await this.cluster.leader();
    return { leader, others: this.cluster.others(leader) };
  }

  /** These agree on a leader other than `deposed`. */
  async successor(deposed: TestNode, nodes: readonly TestNode[]): Promise<TestNode> {
    return until(`another leader than ${deposed.name}`, async () => {
      const found = await this.cluster.leader([...nodes]);
      return found === deposed ? undefined : found;
    });
  }

  /** All cuts end; all nodes are of one mind again. */
  async heal(): Promise<void> {
    this.lan.heal();
    await this.cluster.ready();
  }

  async end(): Promise<void> {
    try {
      await this.cluster.end();
    } finally {
      this.lan.end();
      process.off('exit', this.#remove);
    }
  }
}

/** Makes the world, plays the case, removes everything. @param stay called before the end, also after a failure. */
export async function play(given: HostCase, stay?: (world: World) => Promise<void>): Promise<void> {
  const world = new World(given);
  const failures: unknown[] = [];
  const failed = (error: unknown): void => void failures.push(error);
  try {
    const size = given.size ?? given.hosts ?? 5;
    if (size > 0) await world.cluster.start(size);
    await given.body(world);
  } catch (error) {
    process.stderr.write(`${given.name}:\n${world.cluster.story()}\n`);
    failed(error);
  }
  await stay?.(world);
  await world.end().catch(failed);
  if (failures.length > 0) throw failures.length === 1 ? failures[0] : new AggregateError(failures, failures.map(String).join('\n'));
}
