/**
 * The second half of a run: a healthy majority core, and everybody else broken for ever. Uniform random faults heal by
 * luck; this finds what would wait for ever.
 */
import type { CellId } from '../src/core/lib/ids.ts';
import { nodeOfMember } from '../src/core/lib/ids.ts';
import type { Config } from '../src/core/raft/types.ts';
import type { CellHistory } from './checkers/logs.ts';
import type { Cluster } from './cluster.ts';
import { DRIFT_MAX } from './faults.ts';
import { bothWays, type Path } from './partitions.ts';
import type { Prng } from './prng.ts';
import type { SimNode } from './sim-node.ts';

export type Broken = 'dead' | 'paused' | 'asleep' | 'slow' | 'cut' | 'deaf' | 'mute';

const WAYS: readonly Broken[] = ['dead', 'paused', 'asleep', 'slow', 'cut', 'deaf', 'mute'];
/** Of each turn of a node that is slow for ever: most of its time, but it keeps up. One that does not keep up is as good as paused. */
const SLOW_TURN_MS = 8;

const SUPERVISOR_MS = 100;

export interface Core {
  readonly cell: CellId;
  readonly nodes: readonly SimNode[];
  readonly broken: ReadonlyMap<SimNode, Broken>;
}

/** The cell that most nodes hold a log of, on their disks. */
export function mainHistory(cluster: Cluster): CellHistory | undefined {
  const members = ({ cell }: CellHistory): number => cluster.nodes.filter((node) => node.synced(cell).cell === cell).length;
  return cluster.checkers.logs.histories().sort((a, b) => members(b) - members(a) || b.commitIndex - a.commitIndex)[0];
}

/** Picks a random core that can elect under every configuration that somebody's log ends in, heals it, breaks the rest. */
export function healCore(cluster: Cluster, random: Prng): Core {
  const history = mainHistory(cluster);
  const configs = history === undefined ? [] : configsAtTail(cluster, history);
  const nodes: SimNode[] = [];
  for (const node of random.shuffle(cluster.nodes)) {
    if (configs.length > 0 && configs.every((config) => electable(config, nodes, cluster.nodes))) break;
    nodes.push(node);
  }
  const broken = new Map<SimNode, Broken>();
  for (const node of cluster.nodes) if (!nodes.includes(node)) broken.set(node, random.pick(WAYS));
  cluster.line('world', `healthy core: ${nodes.map(({ name }) => name).join(' ')}; ${[...broken].map(([{ name }, how]) => `${name} ${how}`).join(', ')}`);
  cluster.network.healAll();
  for (const [node, how] of broken) breakForEver(cluster, node, how);
  // An operation that began before may fail yet, and end its node: its supervisor starts it again.
  cluster.onFatal = (node) => {
    if (nodes.includes(node)) cluster.kernel.after(SUPERVISOR_MS, undefined, () => node.state === 'down' && cluster.bootNode(node));
  };
  for (const node of nodes) {
    node.diskFault = undefined;
    node.blobs.bytesMax = Infinity;
    if (node.leaving) cluster.crashNode(node, 'process');
    if (node.state === 'down') cluster.bootNode(node);
    cluster.resumeNode(node);
    cluster.slowNode(node, 0);
    const { rate } = node.clock;
    cluster.setClockRate(node, Math.min(1 + DRIFT_MAX, Math.max(1 - DRIFT_MAX, rate)));
  }
  return { cell: history?.cell ?? ('' as CellId), nodes, broken };
}

/**
 * Whether the core still is a majority everywhere. A leader that does not know yet who is broken may have proposed, within
 * E of their last word, a configuration in which they are the majority: then nobody can help that cell any more (PROTOCOL
 * §5), and no progress can be asked of it.
 */
export function coreIsMajority(cluster: Cluster, core: Core): boolean {
  return configsAtTail(cluster, cluster.checkers.logs.history(core.cell)).every((config) => electable(config, core.nodes, cluster.nodes));
}

/** Whether the cell could still repair itself, had this node lost its disk. */
export function canLose(cluster: Cluster, node: SimNode): boolean {
  const history = mainHistory(cluster);
  const configs = history === undefined ? [] : configsAtTail(cluster, history);
  const others = cluster.nodes.filter((other) => other !== node);
  return configs.length > 0 && configs.every((config) => electable(config, others, cluster.nodes));
}

function breakForEver(cluster: Cluster, node: SimNode, how: Broken): void {
  const others = cluster.nodes.filter((other) => other !== node).map(({ id }) => id);
  if (how === 'dead') {
    cluster.crashNode(node, 'power');
    return;
  }
  if (node.state === 'down') cluster.bootNode(node);
  cluster.resumeNode(node);
  if (how === 'paused') cluster.pauseNode(node);
  if (how === 'asleep') cluster.suspendNode(node);
  if (how === 'slow') cluster.slowNode(node, SLOW_TURN_MS);
  const cuts: readonly Path[] = how === 'cut' ? bothWays([node.id], others) : how === 'deaf' ? others.map((other): Path => [other, node.id]) : how === 'mute' ? others.map((other): Path => [node.id, other]) : [];
  for (const [from, to] of cuts) cluster.network.cut(from, to);
}

/** The committed configuration, and each later one that may yet win. */
function configsAtTail(cluster: Cluster, history: CellHistory): Config[] {
  const configs: Config[] = [];
  const committed = history.committed.at(-1)?.config;
  if (committed !== undefined) configs.push(committed);
  for (const node of cluster.nodes) {
    const track = cluster.checkers.logs.track(node.id);
    if (track?.cell !== history.cell) continue;
    for (let index = track.lastIndex; index > Math.max(history.commitIndex, track.base); index -= 1) {
      const config = track.entry(index)?.config;
      if (config !== undefined) configs.push(config);
    }
  }
  return configs;
}

function electable(config: Config, core: readonly SimNode[], all: readonly SimNode[]): boolean {
  return [config.voters, config.outgoing].every((voters) => {
    const healthy = voters.filter((member) => {
      const node = all.find(({ id }) => id === nodeOfMember(member));
      return node !== undefined && core.includes(node) && !node.lostMembers.has(member) && node.synced('' as CellId).member === member;
    });
    return voters.length === 0 || 2 * healthy.length > voters.length;
  });
}
