/**
 * Who is around: beacons out, beacons in, the table of nodes seen. Everything here is a hint (PROTOCOL §0 point 8); the
 * decisions that follow from it (found, join, close) are taken by the runtime with the rules of `cells`.
 */
import type { CellId, NodeId } from '../core/lib/ids.ts';
import { isSenior } from '../core/cells/rank.ts';
import { isSkeinError } from '../errors.ts';
import { decodeBeacon, encodeBeacon } from '../protocol/bulk-codec.ts';
import type { Beacon, CellSighting } from '../protocol/messages.ts';
import type { NodeContext } from './context.ts';

/** Nodes remembered; the one heard longest ago goes first. */
const NODES_MAX = 10_000;
/** Beacons a second that one node should have to take, at any cluster size (PROTOCOL §4). */
const BEACONS_PER_SECOND_MAX = 25;
/** While nobody is found yet, beacons come faster. */
const SEEKING_BEACON_MS = 500;

export interface KnownNode {
  readonly beacon: Beacon;
  /** Monotonic ms. */
  readonly seenAt: number;
}

export interface DiscoveryHooks {
  self(): { readonly cell: CellSighting | null; readonly stopping: boolean; readonly seeking: boolean; readonly load: number; readonly receiveBytesPerSecond: number; readonly slotsUsed: number };
  heard(beacon: Beacon): void;
}

export class Discovery {
  readonly #context: NodeContext;
  readonly #hooks: DiscoveryHooks;
  readonly #nodes = new Map<NodeId, KnownNode>();
  /** Who said last time what `leaderOf` answered: asked at every beacon, and thousands of nodes would be gone through. */
  readonly #leaderTold = new Map<CellId, KnownNode>();
  #sequence = 0;
  #announced = '';
  #tooLarge = false;

  constructor(context: NodeContext, hooks: DiscoveryHooks) {
    this.#context = context;
    this.#hooks = hooks;
  }

  start(): void {
    this.publish();
    this.#context.every(() => this.#intervalMs(), () => this.publish());
  }

  #intervalMs(): number {
    const { seeking } = this.#hooks.self();
    const steady = Math.max(this.#context.timing.beaconMs, (this.#nodes.size / BEACONS_PER_SECOND_MAX) * 1000);
    return seeking ? Math.min(SEEKING_BEACON_MS, steady) : steady;
  }

  /** How long a node may be silent before it counts as gone. */
  get silentMs(): number {
    return 4 * Math.max(this.#context.timing.beaconMs, (this.#nodes.size / BEACONS_PER_SECOND_MAX) * 1000);
  }

  publish(): void {
    const beacon = this.#encode();
    if (beacon !== undefined) this.#context.ports.transport.publish(beacon);
  }

  /** Publishes at once when what others act on (cell, leader, stopping) is not what the last beacon said. */
  publishIfChanged(): void {
    const { cell, stopping } = this.#hooks.self();
    const key = `${cell?.id} ${cell?.leader} ${cell?.term} ${cell?.established} ${stopping}`;
    if (key === this.#announced) return;
    this.#announced = key;
    this.publish();
  }

  greet(peer: NodeId): void {
    const beacon = this.#encode();
    if (beacon !== undefined) this.#context.sendWork(peer, { type: 'beacon', beacon });
  }

  /** With few addresses if it gets too large otherwise; undefined if it cannot be made to fit, which is told once. */
  #encode(): Uint8Array | undefined {
    this.#sequence += 1;
    for (const addressesMax of [16, 2]) {
      try {
        return encodeBeacon(this.#beacon(addressesMax));
      } catch (error) {
        if (!isSkeinError(error, 'FRAME_INVALID')) throw error;
        if (addressesMax === 2 && !this.#tooLarge) this.#context.note('error', 'beacon-too-large', `${error.message}: others cannot find this node; give it fewer labels and tools`);
        this.#tooLarge ||= addressesMax === 2;
      }
    }
    return undefined;
  }

  #beacon(addressesMax: number): Beacon {
    const { init, self, bootId, ports } = this.#context;
    const { cell, stopping, load, receiveBytesPerSecond, slotsUsed } = this.#hooks.self();
    return {
      clusterName: init.clusterName,
      node: self,
      bootId,
      name: init.name,
      version: init.version,
      sequence: this.#sequence,
      votes: init.vote,
      capabilities: init.capabilities,
      load,
      receiveBytesPerSecond,
      slotsUsed,
      addresses: ports.transport.addresses().slice(0, addressesMax),
      stopping,
      cell: cell === null ? null : { ...cell, leaderAddresses: cell.leaderAddresses.slice(0, addressesMax) },
    };
  }

  /** @param from the connection or gossip author it came by; a beacon speaks for its own node only. */
  receive(from: NodeId, bytes: Uint8Array): void {
    let beacon: Beacon;
    try {
      beacon = decodeBeacon(bytes);
    } catch (error) {
      if (!isSkeinError(error)) throw error;
      this.#context.note('warn', 'frame-dropped', `a beacon from ${from} could not be read: ${error.message}`, { from });
      return;
    }
    const { init, self, ports } = this.#context;
    if (beacon.node !== from || beacon.node === self || beacon.clusterName !== init.clusterName) return;
    const known = this.#nodes.get(beacon.node);
    if (known !== undefined && known.beacon.bootId === beacon.bootId && known.beacon.sequence >= beacon.sequence) return;
    this.#nodes.delete(beacon.node);
    const now: KnownNode = { beacon, seenAt: this.#context.now() };
    this.#nodes.set(beacon.node, now);
    this.#remember(known, now);
    if (this.#nodes.size > NODES_MAX) this.#dropOldest();
    if (!ports.transport.isConnected(beacon.node)) ports.transport.learn(beacon.node, beacon.addresses);
    this.#hooks.heard(beacon);
  }

  #dropOldest(): void {
    for (const node of this.#nodes.keys()) {
      this.#nodes.delete(node);
      return;
    }
  }

  /** Nodes silent for longer than `memberForgottenMs` are neither shown nor dialled any more. */
  forgetOld(): void {
    const oldest = this.#context.now() - this.#context.timing.memberForgottenMs;
    for (const [node, { seenAt }] of this.#nodes) {
      if (seenAt >= oldest) return;
      this.#nodes.delete(node);
      this.#context.ports.transport.forget(node);
    }
  }

  node(id: NodeId): KnownNode | undefined {
    return this.#nodes.get(id);
  }

  nodes(): IterableIterator<KnownNode> {
    return this.#nodes.values();
  }

  isFresh(known: KnownNode): boolean {
    return this.#context.now() - known.seenAt <= this.silentMs && !known.beacon.stopping;
  }

  /** The most senior cell that somebody fresh says has a leader. */
  bestCell(except: CellId | ''): CellSighting | undefined {
    let best: CellSighting | undefined;
    for (const known of this.#nodes.values()) {
      const { cell } = known.beacon;
      if (cell === null || cell.leader === '' || cell.id === except || !this.isFresh(known)) continue;
      if (best === undefined || isSenior(cell, best) || (cell.id === best.id && cell.term > best.term)) best = cell;
    }
    return best;
  }

  /** Does somebody fresh name a cell, led or not? */
  seesCell(): boolean {
    for (const known of this.#nodes.values()) if (known.beacon.cell !== null && this.isFresh(known)) return true;
    return false;
  }

  /** Newest word on who leads this cell. */
  leaderOf(cell: CellId): CellSighting | undefined {
    let best = this.#leaderTold.get(cell);
    if (best === undefined || !this.isFresh(best)) {
      best = undefined;
      for (const known of this.#nodes.values()) {
        if (this.isFresh(known) && tells(known, cell) && (best === undefined || termOf(known) > termOf(best))) best = known;
      }
      if (best === undefined) this.#leaderTold.delete(cell);
      else this.#leaderTold.set(cell, best);
    }
    return best?.beacon.cell ?? undefined;
  }

  /** A new beacon may say more than the one remembered, or take back what it said. */
  #remember(before: KnownNode | undefined, now: KnownNode): void {
    const cellBefore = before?.beacon.cell?.id;
    if (cellBefore !== undefined && this.#leaderTold.get(cellBefore) === before) this.#leaderTold.delete(cellBefore);
    const cell = now.beacon.cell?.id;
    const told = cell === undefined ? undefined : this.#leaderTold.get(cell);
    if (cell !== undefined && told !== undefined && tells(now, cell) && termOf(now) > termOf(told)) this.#leaderTold.set(cell, now);
  }

  /** Does a seeking node with a lower id see the same? Then it founds and we wait. */
  lowestSeeker(): boolean {
    for (const known of this.#nodes.values()) {
      if (known.beacon.cell === null && known.beacon.votes && this.isFresh(known) && known.beacon.node < this.#context.self) return false;
    }
    return true;
  }
}

function tells({ beacon: { cell } }: KnownNode, id: CellId): boolean {
  return cell !== null && cell.id === id && cell.leader !== '';
}

function termOf({ beacon }: KnownNode): number {
  return beacon.cell?.term ?? 0;
}
