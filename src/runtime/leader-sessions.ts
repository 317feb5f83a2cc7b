/**
 * What the leader knows of the sessions beyond the log: when each was last heard, what it offers, whether its connection
 * is there. Soft state: a new leader starts with "all heard just now" (a full new TTL for everybody, PROTOCOL §4).
 */
import type { Fence, MemberId, NodeId, RunNumber, SessionId } from '../core/lib/ids.ts';
import type { CellState } from '../core/cell/state.ts';

export interface SoftSession {
  readonly id: SessionId;
  readonly node: NodeId;
  readonly member: MemberId | '';
  /** Monotonic ms. */
  readonly openedAt: number;
  lastHeardAt: number;
  /** Offered slots; what the state says until the first keepalive. */
  slots: number;
  load: number;
  /** Of blobs, as the node measured it; 0 = not yet. */
  receiveBytesPerSecond: number;
  addresses: readonly string[];
  /** Runs whose specification was sent on this connection. */
  readonly specs: Set<RunNumber>;
  /** When the last connection closed; undefined while there is one. */
  downSince: number | undefined;
  /** Its claims were released after the socket grace: not planned for until heard again. */
  released: boolean;
  /** Assigns sent, by fence: not sent again within a moment. */
  readonly assigned: Map<Fence, number>;
  /** Fences of modules that succeeded there and wait for copies of their files. */
  committing: ReadonlySet<Fence>;
  /** The same, and still wait for their inputs. */
  fetching: ReadonlySet<Fence>;
  /** It asked to leave. */
  leaving: boolean;
}

/** Times a node's session or connection was lost, for the choice of voters. */
const FLAPS_MAX = 10_000;
const noFences: ReadonlySet<Fence> = new Set();

export class LeaderSessions {
  readonly #sessions = new Map<SessionId, SoftSession>();
  readonly #ofNode = new Map<NodeId, SoftSession>();
  readonly flaps = new Map<NodeId, number>();

  /**
   * All sessions of the state count as heard now. Who is not connected to a new leader (all nodes dial each other) gets the
   * short grace of a lost connection, not the TTL.
   */
  reset(state: CellState, now: number, isConnected: (node: NodeId) => boolean): void {
    this.#sessions.clear();
    this.#ofNode.clear();
    for (const id of state.sessions.keys()) {
      const session = this.open(state, id, now);
      if (session !== undefined && !isConnected(session.node)) session.downSince = now;
    }
  }

  open(state: CellState, id: SessionId, now: number): SoftSession | undefined {
    const record = state.sessions.get(id);
    if (record === undefined) return undefined;
    const session: SoftSession = {
      id,
      node: record.nodeId,
      member: record.member,
      openedAt: now,
      lastHeardAt: now,
      slots: record.capabilities.slots,
      load: 0,
      receiveBytesPerSecond: 0,
      addresses: [],
      specs: new Set(),
      downSince: undefined,
      released: false,
      assigned: new Map(),
      committing: noFences,
      fetching: noFences,
      leaving: false,
    };
    this.#sessions.set(id, session);
    this.#ofNode.set(record.nodeId, session);
    return session;
  }

  close(id: SessionId): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#sessions.delete(id);
    if (this.#ofNode.get(session.node) === session) this.#ofNode.delete(session.node);
    this.flap(session.node);
  }

  flap(node: NodeId): void {
    if (this.flaps.size >= FLAPS_MAX) this.flaps.clear();
    this.flaps.set(node, (this.flaps.get(node) ?? 0) + 1);
  }

  /** For so long nobody could be heard here. */
  excuse(ms: number): void {
    for (const session of this.#sessions.values()) {
      session.lastHeardAt += ms;
      if (session.downSince !== undefined) session.downSince += ms;
    }
  }

  /** A run that has ended needs its specification nowhere. */
  forgetRun(run: RunNumber): void {
    for (const session of this.#sessions.values()) session.specs.delete(run);
  }

  get(id: SessionId): SoftSession | undefined {
    return this.#sessions.get(id);
  }

  ofNode(node: NodeId): SoftSession | undefined {
    return this.#ofNode.get(node);
  }

  /** It ended well, and its node sees to copies of what it left. */
  isCommitting(fence: Fence): boolean {
    for (const session of this.#sessions.values()) if (session.committing.has(fence)) return true;
    return false;
  }

  all(): IterableIterator<SoftSession> {
    return this.#sessions.values();
  }

  /** Keepalives come slower in a big cell, so sessions live longer (PROTOCOL §4). */
  ttlMs(baseMs: number): number {
    return Math.max(baseMs, 5 * (this.#sessions.size / 250) * 1000);
  }
}
