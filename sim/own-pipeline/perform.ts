/** Does to a cluster what a script says, when it says so. */
import type { NodeId } from '../../src/core/lib/ids.ts';
import type { Cluster } from '../cluster.ts';
import { bothWays, type Path } from '../partitions.ts';
import type { SimNode } from '../sim-node.ts';
import type { ScriptAction, ScriptLine, Target } from './script.ts';

/** While nobody leads, a fault that is meant for the leader waits, and looks again after this long. */
const LOOK_AGAIN_MS = 20;

export class ScriptPlayer {
  readonly #cluster: Cluster;
  readonly #originMs: number;
  /** Lines that have happened. */
  performed = 0;
  #stopped = false;

  /** @param originMs virtual time that the script counts from. */
  constructor(cluster: Cluster, originMs: number) {
    this.#cluster = cluster;
    this.#originMs = originMs;
  }

  schedule(lines: readonly ScriptLine[]): void {
    for (const line of lines) this.#cluster.kernel.at(this.#originMs + line.atMs, undefined, () => this.#perform(line));
  }

  /** What has not happened yet never will. */
  stop(): void {
    this.#stopped = true;
  }

  #perform(line: ScriptLine): void {
    if (this.#stopped) return;
    const { action, forMs, text } = line;
    if (needsLeader(action) && this.#cluster.leader() === undefined) {
      this.#cluster.kernel.after(LOOK_AGAIN_MS, undefined, () => this.#perform(line));
      return;
    }
    this.performed += 1;
    const undo = this.#do(action);
    if (forMs !== undefined && undo !== undefined) {
      this.#cluster.kernel.after(forMs, undefined, () => {
        if (this.#stopped) return;
        this.#cluster.line('world', `ends: ${text}`);
        undo();
      });
    }
  }

  /** @returns what undoes it. */
  #do(action: ScriptAction): (() => void) | undefined {
    switch (action.type) {
      case 'cut':
        return this.#cut(this.#between(action.groups));
      case 'cutOneWay':
        return this.#cut(this.#resolve(action.from).flatMap((from) => this.#resolve(action.to).map(({ id }): Path => [from.id, id])));
      case 'heal':
        this.#heal(action.groups.length === 0 ? this.#between(this.#cluster.nodes.map(({ index }) => [index])) : this.#between(action.groups));
        return undefined;
      case 'kill':
      case 'power':
      case 'start':
      case 'pause':
      case 'sleep':
      case 'resume':
        return this.#machines(action.type, this.#resolve(action.nodes));
      case 'slow': {
        const nodes = this.#resolve(action.nodes);
        for (const node of nodes) this.#cluster.slowNode(node, action.turnMs);
        return () => nodes.forEach((node) => this.#cluster.slowNode(node, 0));
      }
    }
  }

  #machines(what: 'kill' | 'power' | 'start' | 'pause' | 'sleep' | 'resume', nodes: readonly SimNode[]): (() => void) | undefined {
    const cluster = this.#cluster;
    const start = (): void => nodes.filter(({ state }) => state === 'down').forEach((node) => cluster.bootNode(node));
    const resume = (): void => nodes.forEach((node) => cluster.resumeNode(node));
    switch (what) {
      case 'kill':
      case 'power':
        for (const node of nodes) cluster.crashNode(node, what === 'kill' ? 'process' : 'power');
        return start;
      case 'start':
        start();
        return undefined;
      case 'pause':
        for (const node of nodes) cluster.pauseNode(node);
        return resume;
      case 'sleep':
        for (const node of nodes) cluster.suspendNode(node);
        return resume;
      case 'resume':
        resume();
        return undefined;
    }
  }

  #cut(paths: readonly Path[]): () => void {
    this.#cluster.line('world', `cut: ${paths.map(([from, to]) => `${from}→${to}`).join(' ')}`);
    for (const [from, to] of paths) this.#cluster.network.cut(from, to);
    return () => this.#heal(paths);
  }

  #heal(paths: readonly Path[]): void {
    const { network } = this.#cluster;
    const cut = paths.filter(([from, to]) => network.isBlocked(network.host(from), network.host(to)));
    this.#cluster.line('world', cut.length === 0 ? 'heal: nothing was cut' : `healed: ${cut.map(([from, to]) => `${from}→${to}`).join(' ')}`);
    for (const [from, to] of cut) network.heal(from, to);
  }

  #between(groups: readonly (readonly Target[])[]): Path[] {
    const sides = groups.map((group) => this.#resolve(group).map(({ id }) => id));
    if (sides.length === 1) {
      const alone = sides[0] ?? [];
      return bothWays(alone, this.#ids().filter((id) => !alone.includes(id)));
    }
    return sides.flatMap((left, i) => sides.slice(i + 1).flatMap((right) => bothWays(left.filter((id) => !right.includes(id)), right.filter((id) => !left.includes(id)))));
  }

  #ids(): NodeId[] {
    return this.#cluster.nodes.map(({ id }) => id);
  }

  #resolve(targets: readonly Target[]): SimNode[] {
    const { nodes } = this.#cluster;
    const leader = this.#cluster.leader();
    const found = targets.flatMap((target) => {
      if (target === 'all') return [...nodes];
      if (target === 'leader') return leader ?? [];
      if (target === 'follower') return nodes.find((node) => node !== leader && node.state === 'up') ?? [];
      return nodes[target] ?? [];
    });
    return [...new Set(found)];
  }
}

function needsLeader(action: ScriptAction): boolean {
  const targets = 'nodes' in action ? action.nodes : 'groups' in action ? action.groups.flat() : [...action.from, ...action.to];
  return targets.includes('leader');
}
