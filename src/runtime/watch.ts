/** Following runs from any node: from its own feed when it holds the log, else from a node that does. */
import type { CellId, NodeId, RunNumber } from '../core/lib/ids.ts';
import type { CellState } from '../core/cell/state.ts';
import type { Json } from '../core/cell/types.ts';
import type { WorkMessage } from '../protocol/messages.ts';
import type { RunEvent } from './api.ts';
import type { NodeContext } from './context.ts';
import type { Routine } from './routine.ts';
import { newestSequence, type EventFeed, type FeedListener } from './event-feed.ts';

const RENEW_MS = 5000;
const EXPIRE_MS = 30_000;
/** Subscriptions of others that one node serves. */
const SERVED_MAX = 1000;
const EVENTS_PER_MESSAGE = 200;

interface Served {
  end: () => void;
  renewedAt: number;
  readonly queue: RunEvent[];
  /** Sequence after which it began, the last one sent, and the last one sent before the last renewal. */
  readonly began: number;
  sent: number;
  renewed: number;
}

/** On a node with a log: serves the watches of nodes without one. */
export class WatchServer {
  readonly #context: NodeContext;
  readonly #feed: EventFeed;
  readonly #state: () => CellState | undefined;
  readonly #served = new Map<string, Served>();
  readonly #expiry: Routine;

  constructor(context: NodeContext, feed: EventFeed, state: () => CellState | undefined) {
    this.#context = context;
    this.#feed = feed;
    this.#state = state;
    this.#expiry = context.routine(() => RENEW_MS, () => this.#expire());
  }

  receive(from: NodeId, message: Extract<WorkMessage, { type: 'watch' }>): void {
    const key = `${from} ${message.id}`;
    const state = this.#state();
    const present = this.#served.get(key);
    if (state === undefined || state.cellId !== message.cell || (present === undefined && this.#served.size >= SERVED_MAX)) {
      this.#end(key);
      this.#context.sendWork(from, { type: 'watchEvents', id: message.id, events: [], gone: true });
      return;
    }
    if (present === undefined) {
      this.#serve(from, message.id, key, message.run, message.after, state);
      return;
    }
    const reached = message.after < 0 ? present.began : message.after;
    if (reached < present.renewed) {
      // What was sent a whole period ago has not arrived: a connection was lost with it.
      this.#end(key);
      this.#serve(from, message.id, key, message.run, reached, state);
      return;
    }
    present.renewedAt = this.#context.now();
    present.renewed = present.sent;
  }

  #serve(from: NodeId, id: number, key: string, run: RunNumber, after: number, state: CellState): void {
    const began = after < 0 ? newestSequence(state) : after;
    const served: Served = { end: () => undefined, renewedAt: this.#context.now(), queue: [], began, sent: began, renewed: began };
    this.#served.set(key, served);
    this.#expiry.wake();
    served.end = this.#feed.watch(run, began, state, (event) => {
      served.sent = event.sequence;
      if (served.queue.push(event) === 1) this.#context.defer(() => this.#flush(from, id, key));
    });
  }

  #end(key: string): void {
    this.#served.get(key)?.end();
    this.#served.delete(key);
  }

  /** Nobody is there to be told; whoever comes back asks again. */
  peerDown(peer: NodeId): void {
    for (const key of this.#served.keys()) if (key.startsWith(`${peer} `)) this.#end(key);
  }

  #flush(to: NodeId, id: number, key: string): void {
    const served = this.#served.get(key);
    if (served === undefined) return;
    while (served.queue.length > 0) {
      const events = served.queue.splice(0, EVENTS_PER_MESSAGE);
      if (this.#context.sendWork(to, { type: 'watchEvents', id, events: events as unknown as Json[], gone: false })) continue;
      this.#end(key);
      return;
    }
  }

  /** @returns whether anybody is served still. */
  #expire(): boolean {
    const before = this.#context.now() - EXPIRE_MS;
    for (const [key, served] of this.#served) {
      if (served.renewedAt < before) this.#end(key);
    }
    return this.#served.size > 0;
  }
}

export interface WatchClientParts {
  target(): { readonly cell: CellId | ''; readonly node: NodeId | '' };
  /** The own feed, while it is up to date. */
  local(): { readonly feed: EventFeed; readonly state: CellState } | undefined;
}

interface Subscription {
  id: number;
  readonly run: RunNumber;
  readonly listener: FeedListener;
  last: number | undefined;
  /** Feed that it hangs on, when local. */
  endLocal: (() => void) | undefined;
  source: NodeId | '' | 'local';
  sentAt: number;
}

export class WatchClient {
  readonly #context: NodeContext;
  readonly #parts: WatchClientParts;
  readonly #subscriptions = new Map<number, Subscription>();
  readonly #renewals: Routine;
  #id: number;
  /** Told at the end of the turn: a listener must not find the node in the middle of applying an entry. */
  #due: { readonly subscription: Subscription; readonly event: RunEvent }[] = [];

  constructor(context: NodeContext, parts: WatchClientParts) {
    this.#context = context;
    this.#parts = parts;
    this.#id = context.firstId();
    this.#renewals = context.routine(() => 250, () => this.#renew());
  }

  /** @param run 0 = all. @returns ends it. */
  watch(run: RunNumber, after: number | undefined, listener: FeedListener): () => void {
    const subscription: Subscription = { id: ++this.#id, run, listener, last: after, endLocal: undefined, source: '', sentAt: -Infinity };
    this.#subscriptions.set(subscription.id, subscription);
    this.#renewals.wake();
    this.#attach(subscription);
    return () => {
      subscription.endLocal?.();
      this.#subscriptions.delete(subscription.id);
    };
  }

  #attach(subscription: Subscription): void {
    const local = this.#parts.local();
    if (local !== undefined && local.state.cellId !== '') {
      if (subscription.source === 'local') return;
      subscription.source = 'local';
      // From now on means from the first moment on, also when another node takes over.
      subscription.last ??= newestSequence(local.state);
      subscription.endLocal = local.feed.watch(subscription.run, subscription.last, local.state, (event) => this.#give(subscription, event));
      return;
    }
    if (subscription.source === 'local') {
      subscription.endLocal?.();
      subscription.endLocal = undefined;
      subscription.source = '';
    }
    const { cell, node } = this.#parts.target();
    if (cell === '' || node === '' || node === this.#context.self) return;
    const now = this.#context.now();
    if (subscription.source === node && now - subscription.sentAt < RENEW_MS) return;
    if (subscription.source !== node) this.#renumber(subscription);
    subscription.source = node;
    subscription.sentAt = now;
    this.#context.sendWork(node, { type: 'watch', id: subscription.id, cell, run: subscription.run, after: subscription.last ?? -1 });
  }

  /** A new id for a new source, so that what the old one still sends is told apart. */
  #renumber(subscription: Subscription): void {
    this.#subscriptions.delete(subscription.id);
    subscription.id = ++this.#id;
    this.#subscriptions.set(subscription.id, subscription);
  }

  #give(subscription: Subscription, event: RunEvent): void {
    if (event.sequence < (subscription.last ?? 0)) return;
    subscription.last = event.sequence;
    if (this.#due.push({ subscription, event }) === 1) this.#context.defer(() => this.#tell());
  }

  #tell(): void {
    const due = this.#due;
    this.#due = [];
    for (const { subscription, event } of due) if (this.#subscriptions.get(subscription.id) === subscription) subscription.listener(event);
  }

  /** What was on its way is lost: ask again, from the last event that came. */
  peerDown(peer: NodeId): void {
    for (const subscription of this.#subscriptions.values()) if (subscription.source === peer) subscription.source = '';
  }

  /** @returns whether anybody follows anything. */
  #renew(): boolean {
    for (const subscription of Array.from(this.#subscriptions.values())) this.#attach(subscription);
    return this.#subscriptions.size > 0;
  }

  receive(from: NodeId, message: Extract<WorkMessage, { type: 'watchEvents' }>): void {
    const subscription = this.#subscriptions.get(message.id);
    if (subscription === undefined || subscription.source !== from) return;
    if (message.gone) subscription.source = '';
    for (const event of message.events) this.#give(subscription, event as unknown as RunEvent);
  }
}
