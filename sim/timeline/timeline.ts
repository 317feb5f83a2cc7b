/**
 * The story of a simulation, told while it happens. Only listens: the events of the kernel, and so the trace hash, are
 * the same with and without it. Costs nothing unless somebody makes one.
 */
import type { CellId } from '../../src/core/lib/ids.ts';
import type { Applied, NodeView } from '../checkers/checker.ts';
import type { Cluster } from '../cluster.ts';
import type { TraceLine } from '../trace.ts';
import { ClientStory } from './clients.ts';
import type { EventKind, Listener } from './events.ts';
import { describeConfig, Leadership } from './leadership.ts';
import { readable } from './names.ts';
import { stripOf } from './strip.ts';
import { WorkStory } from './work.ts';

/** Notes of a node that the timeline tells in its own words. */
const TOLD_OTHERWISE = /^(?:leader-elected|membership):/;
const QUIET_NOTES = /^(?:session-opened|cell-joining):/;
const MENDS = /^(?:heal|goes on|starts|ends:|is fast again)/;
/** A node that leads can do nothing for its cell meanwhile. */
const STOPPED = /^(?:is paused|falls asleep)/;

export class Timeline {
  /** Virtual ms that its times count from. */
  readonly originMs: number;
  readonly leadership: Leadership;
  readonly #cluster: Cluster;
  readonly #listeners: Listener[] = [];
  readonly #work = new Map<CellId, WorkStory>();

  /** @param originMs virtual time that counts as 0: now, when only what comes next is of interest. */
  constructor(cluster: Cluster, originMs = 0) {
    this.#cluster = cluster;
    this.originMs = originMs;
    this.leadership = new Leadership((kind, who, text) => this.say(kind, who, text));
    for (const node of cluster.nodes) this.leadership.known(node, this.now);
    const clients = new ClientStory((kind, who, text) => this.say(kind, who, text));
    cluster.onClient = (event) => clients.event(event);
    cluster.trace.onLine = (line) => this.#line(line);
    cluster.checkers.watch({
      stepped: (node) => this.leadership.stepped(node, this.now),
      applied: (applied) => this.#applied(applied),
      crashed: (node) => this.#crashed(node),
    });
  }

  get now(): number {
    return this.#cluster.kernel.now - this.originMs;
  }

  listen(listener: Listener): void {
    this.#listeners.push(listener);
  }

  say(kind: EventKind, who: string, text: string): void {
    const event = { time: this.now, kind, who, text, strip: stripOf(this.#cluster) };
    for (const listener of this.#listeners) listener(event);
  }

  #line({ who, text }: TraceLine): void {
    if (STOPPED.test(text)) this.leadership.lost(who, this.now);
    this.say(this.#kindOf(who, text), who, readable(text));
  }

  #kindOf(who: string, text: string): EventKind {
    if (who === 'checker') return 'violation';
    if (who === 'you') return 'client';
    // What a node says of itself is `event-name: message`; all else was done to it.
    if (who !== 'world' && /^[a-z]+(?:-[a-z]+)*: /.test(text)) return TOLD_OTHERWISE.test(text) || QUIET_NOTES.test(text) ? 'detail' : 'note';
    return MENDS.test(text) ? 'heal' : 'fault';
  }

  #applied(applied: Applied): void {
    const { cell, entry, node, first } = applied;
    if (!first) return;
    if (entry.config !== undefined && entry.kind === 'config') this.say('members', node.name, describeConfig(entry.config));
    let story = this.#work.get(cell);
    if (story === undefined) this.#work.set(cell, (story = new WorkStory((kind, who, text) => this.say(kind, who, text))));
    const { claims, results } = story.applied(applied, this.now);
    this.leadership.count(cell, 'claims', claims);
    this.leadership.count(cell, 'results', results);
  }

  #crashed(node: NodeView): void {
    this.leadership.crashed(node.name, this.now);
  }
}
