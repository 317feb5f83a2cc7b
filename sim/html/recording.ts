/**
 * Records a simulation for its page. Only looks, and never schedules anything: the history stays the same. Exact where
 * something happens (roles, claims, faults); commit indexes and clogged links are looked at every 100 virtual ms.
 */
import type { CellId } from '../../src/core/lib/ids.ts';
import type { Applied, NodeView } from '../checkers/checker.ts';
import type { Cluster, Violation } from '../cluster.ts';
import type { SimNode } from '../sim-node.ts';
import type { TimelineEvent } from '../timeline/events.ts';
import type { Timeline } from '../timeline/timeline.ts';
import { Changes } from './changes.ts';
import { EVENT_KINDS, LINK_STATES, NODE_ROLES, NODE_STATES, type EventRow, type LinkChange, type NodeChange, type ReplayData } from './data.ts';
import { Traffic } from './traffic.ts';
import { WorkRecording } from './work-recording.ts';

const SAMPLE_MS = 100;
/** Above this, links are looked at only when something happens to the network. */
const LINK_SAMPLE_NODES_MAX = 40;
const NODE_CHANGES_MAX = 60_000;
const LINK_CHANGES_MAX = 60_000;
const EVENTS_MAX = 15_000;
const EVENT_TEXT_MAX = 400;

/** What a run came to, for the page. */
export interface PageOutcome {
  readonly violation: Violation | undefined;
  /** When nothing was violated. */
  readonly outcome: ReplayData['outcome'];
  readonly summary: readonly string[];
}

export interface PageTitle {
  readonly seed: string;
  readonly options: string;
  readonly replay: string;
}

export class Recording {
  readonly #cluster: Cluster;
  readonly #timeline: Timeline;
  readonly #nodes = new Changes<NodeChange>(NODE_CHANGES_MAX, (change) => change[1]);
  readonly #links = new Changes<LinkChange>(LINK_CHANGES_MAX, (change) => `${change[1]}/${change[2]}`);
  readonly #events = new Changes<EventRow>(EVENTS_MAX);
  readonly #work: WorkRecording;
  readonly #traffic: Traffic;
  readonly #cells: CellId[] = [];
  readonly #byName: ReadonlyMap<string, SimNode>;
  readonly #lastNode: string[] = [];
  readonly #lastCommit: number[] = [];
  readonly #lastLink: Uint8Array;
  readonly #beganAt: number;
  #nextSample = 0;
  #cutsSeen = 0;

  constructor(cluster: Cluster, timeline: Timeline) {
    this.#cluster = cluster;
    this.#timeline = timeline;
    this.#byName = new Map(cluster.nodes.map((node) => [node.name, node]));
    this.#beganAt = timeline.now;
    this.#work = new WorkRecording(cluster, timeline);
    this.#traffic = new Traffic(cluster.nodes.length);
    this.#lastLink = new Uint8Array(cluster.nodes.length ** 2);
    timeline.listen((event) => this.#event(event));
    cluster.checkers.watch({ stepped: (node) => this.#stepped(node), applied: (applied) => this.#applied(applied) });
    cluster.kernel.onStep = () => {
      if (timeline.now >= this.#nextSample) this.#sample();
    };
    this.#countMessages();
    this.#sample();
  }

  finish({ seed, options, replay }: PageTitle, { violation, outcome, summary }: PageOutcome): ReplayData {
    this.#sample();
    const fromMs = Math.max(this.#beganAt, this.#nodes.completeFrom, this.#links.completeFrom, this.#events.completeFrom, this.#work.completeFrom);
    const toMs = this.#timeline.now;
    const cuts: string[] = [];
    if (fromMs > this.#beganAt) cuts.push(`This page begins at ${(fromMs / 1000).toFixed(1)} s: what came before was left out to keep it small. A run with fewer --minutes shows its beginning.`);
    const { runs, runChanges, moduleChanges, executions, cut } = this.#work.since(fromMs);
    if (cut !== '') cuts.push(cut);
    return {
      seed,
      options,
      replay,
      outcome,
      summary,
      fromMs: tenths(fromMs),
      toMs: Math.ceil(toMs * 10) / 10,
      cuts,
      nodes: this.#cluster.nodes.map(({ name }) => name),
      cells: this.#cells.map((cell) => cell.slice(0, 8)),
      nodeChanges: this.#nodes.since(fromMs).map(rounded),
      linkChanges: this.#links.since(fromMs).map(rounded),
      events: this.#events.since(fromMs).map(rounded),
      runs,
      runChanges: runChanges.map(rounded),
      moduleChanges: moduleChanges.map(rounded),
      executions,
      traffic: this.#traffic.data(),
      violation: violation === undefined ? null : { time: tenths(violation.time - this.#timeline.originMs), invariant: violation.invariant, message: violation.message },
    };
  }

  #event({ time, kind, who, text }: TimelineEvent): void {
    if (kind === 'detail') return;
    this.#events.push([time, EVENT_KINDS.indexOf(kind), who, text.length > EVENT_TEXT_MAX ? `${text.slice(0, EVENT_TEXT_MAX)}…` : text]);
    this.#sample();
  }

  #applied(applied: Applied): void {
    if (applied.first) this.#work.applied(applied);
  }

  #stepped(view: NodeView): void {
    const node = this.#byName.get(view.name);
    // Only what a step may change at once; how far it has committed is looked at with the next sample.
    if (node !== undefined && this.#roleKey(node) !== this.#lastNode[node.index]) this.#node(node);
  }

  #sample(): void {
    const { nodes, network } = this.#cluster;
    this.#nextSample = this.#timeline.now + SAMPLE_MS;
    for (const node of nodes) this.#node(node);
    if (nodes.length <= LINK_SAMPLE_NODES_MAX || network.cuts !== this.#cutsSeen) this.#sampleLinks();
  }

  #roleKey(node: SimNode): string {
    return `${NODE_STATES.indexOf(node.state)} ${roleOf(node)} ${node.replica?.raft.term ?? 0} ${node.runtime?.cell ?? ''}`;
  }

  #node(node: SimNode): void {
    const key = this.#roleKey(node);
    const commit = node.replica?.raft.commitIndex ?? 0;
    if (this.#lastNode[node.index] === key && this.#lastCommit[node.index] === commit) return;
    this.#lastNode[node.index] = key;
    this.#lastCommit[node.index] = commit;
    this.#nodes.push([this.#timeline.now, node.index, NODE_STATES.indexOf(node.state), roleOf(node), node.replica?.raft.term ?? 0, this.#cellIndex(node.runtime?.cell ?? ''), commit]);
  }

  #cellIndex(cell: CellId | ''): number {
    if (cell === '') return -1;
    const index = this.#cells.indexOf(cell);
    return index >= 0 ? index : this.#cells.push(cell) - 1;
  }

  #sampleLinks(): void {
    const { network, kernel, nodes } = this.#cluster;
    this.#cutsSeen = network.cuts;
    for (const from of network.hosts) {
      for (const to of network.hosts) {
        if (from === to) continue;
        const state = network.isBlocked(from, to) ? LINK_STATES.indexOf('cut') : network.path(from, to).cloggedUntil > kernel.now ? LINK_STATES.indexOf('clogged') : 0;
        const at = from.index * nodes.length + to.index;
        if (this.#lastLink[at] === state) continue;
        this.#lastLink[at] = state;
        this.#links.push([this.#timeline.now, from.index, to.index, state]);
      }
    }
  }

  #countMessages(): void {
    const { network } = this.#cluster;
    const before = network.onSend;
    network.onSend = (from, to, channel, bytes) => {
      before?.(from, to, channel, bytes);
      this.#traffic.count(this.#timeline.now, network.host(from).index, network.host(to).index);
    };
  }
}

function roleOf({ replica, runtime }: SimNode): number {
  const role = (name: (typeof NODE_ROLES)[number]): number => NODE_ROLES.indexOf(name);
  if (replica === undefined) return role(runtime === undefined || runtime.cell === '' ? 'seeking' : 'worker');
  if (replica.raft.role === 'leader') return role('leader');
  if (replica.raft.role !== 'follower') return role('candidate');
  const { voters, outgoing } = replica.config;
  return role(voters.includes(replica.self) || outgoing.includes(replica.self) ? 'voter' : 'standby');
}

/** A tenth of a ms is enough. */
function rounded<T extends readonly [time: number, ...rest: unknown[]]>([time, ...rest]: T): T {
  return [tenths(time), ...rest] as unknown as T;
}

function tenths(time: number): number {
  return Math.round(time * 10) / 10;
}
