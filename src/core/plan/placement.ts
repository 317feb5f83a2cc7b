/** Which node gets a module: one that fits and has room, where it is done first, and among those the one that is loaded least. */
import { sessionFits } from '../cell/node-room.ts';
import { MILLI, totalMilliCpu, type Requirement } from '../cell/matching.ts';
import type { CellState, SessionRecord } from '../cell/state.ts';
import { Heap } from '../lib/heap.ts';
import type { SessionId } from '../lib/ids.ts';
import { knownSpeed } from './estimates.ts';
import type { Reservation } from './reservations.ts';

/** A session that may be given work now, as the leader last heard of it. */
export interface PlannableSession {
  readonly session: SessionId;
  /** Cpu slots that the node offers in all at the moment; 0 while it stops. Counts up to its capabilities. */
  readonly slots: number;
  /** 1-minute load average divided by cores, as gossiped. */
  readonly load: number;
  /** Bytes of blobs that the node receives in a second, as it measured it. @default not measured */
  readonly bytesPerSecond?: number;
}

/** Room on one node during one call of the planner. Room only shrinks. */
export interface Room {
  readonly record: SessionRecord;
  readonly totalMilliCpu: number;
  readonly load: number;
  /** Of blobs, measured or taken to be so. */
  readonly bytesPerSecond: number;
  milliCpu: number;
  memory: number;
}

/** @param reserved by claims that are not applied yet. @param freed by results that are not applied yet. */
export function roomOf(state: CellState, session: PlannableSession, reserved?: Reservation, freed?: Reservation): Room | undefined {
  const record = state.sessions.get(session.session);
  if (record === undefined || state.drained.has(record.nodeId) || !(session.slots > 0)) return undefined;
  const total = Math.min(totalMilliCpu(record.capabilities), Math.round(session.slots * MILLI));
  return {
    record,
    totalMilliCpu: total,
    load: session.load,
    bytesPerSecond: knownSpeed(session.bytesPerSecond ?? 0),
    milliCpu: total - record.milliCpuUsed - (reserved?.milliCpu ?? 0) + (freed?.milliCpu ?? 0),
    memory: record.capabilities.memory - record.memoryUsed - (reserved?.memory ?? 0) + (freed?.memory ?? 0),
  };
}

export function hasRoom(room: Room, { milliCpu, memory }: Requirement): boolean {
  return milliCpu <= room.milliCpu && (memory === 0 || memory <= room.memory);
}

/** Least used share of slots first, then gossiped load, then the older session: a total order. */
function emptier(a: Room, b: Room): boolean {
  const difference = a.milliCpu * b.totalMilliCpu - b.milliCpu * a.totalMilliCpu;
  return difference === 0 ? isCalmer(a, b) : difference > 0;
}

function isCalmer(a: Room, b: Room): boolean {
  return a.load === b.load ? a.record.id < b.record.id : a.load < b.load;
}

/** Until the module could begin there. */
export interface Offer {
  readonly room: Room;
  readonly startsInMs: number;
}

/** Of the inputs of one module, to each node. */
export interface Moves {
  ms(room: Room): number;
  bytes(room: Room): number;
}

interface Choice {
  readonly room: Room;
  /** Free cpu when this choice was filed: the heap's key. */
  milliCpu: number;
}

/** By nothing that changes while they are filed: others take room as well. */
function firstChoice(a: Choice, b: Choice): boolean {
  const difference = a.milliCpu * b.room.totalMilliCpu - b.milliCpu * a.room.totalMilliCpu;
  return difference === 0 ? isCalmer(a.room, b.room) : difference > 0;
}

function isNearer(a: Room, b: Room, moves: Moves): boolean {
  const difference = moves.bytes(a) - moves.bytes(b);
  return difference === 0 ? emptier(a, b) : difference < 0;
}

/** The nodes that fit one requirement, best first, for one call of the planner. */
export class Choices {
  private readonly rooms: readonly Room[];
  /** Those that had room when this was made. */
  private readonly open: readonly Room[];
  /** Looked for when somebody asks. */
  private fitting: readonly Room[] | undefined;
  private readonly heap: Heap<Choice>;
  private readonly requirement: Requirement;

  constructor(rooms: readonly Room[], requirement: Requirement) {
    this.rooms = rooms;
    this.requirement = requirement;
    this.open = rooms.filter((room) => hasRoom(room, requirement) && sessionFits(room.record, requirement));
    this.heap = new Heap(firstChoice, this.open.map((room): Choice => ({ room, milliCpu: room.milliCpu })));
  }

  /** Nodes that fit, whether or not they have room. */
  all(): readonly Room[] {
    return (this.fitting ??= this.rooms.filter(({ record }) => sessionFits(record, this.requirement)));
  }

  /** Of the nodes with room the one that has its inputs first; if several have, where fewer bytes have to come, then as `take`. */
  nearest(moves: Moves): Offer | undefined {
    let best: Room | undefined;
    let startsInMs = Infinity;
    for (const room of this.open) {
      if (!hasRoom(room, this.requirement)) continue;
      const moveMs = moves.ms(room);
      if (moveMs > startsInMs || (moveMs === startsInMs && best !== undefined && !isNearer(room, best, moves))) continue;
      best = room;
      startsInMs = moveMs;
    }
    return best === undefined ? undefined : { room: best, startsInMs };
  }

  /**
   * Of the nodes without room the one where it could begin first, the older session if several are as good.
   * @param beforeMs what takes as long or longer is not worth a wait. @param waitMs until there is room.
   */
  nearestFull(moves: Moves, beforeMs: number, waitMs: (room: Room) => number): Offer | undefined {
    let best: Room | undefined;
    let startsInMs = beforeMs;
    for (const room of this.all()) {
      const moveMs = moves.ms(room);
      // How long the wait is, is only worked out where it matters.
      if (moveMs > startsInMs || hasRoom(room, this.requirement)) continue;
      const sumMs = waitMs(room) + moveMs;
      if (sumMs > startsInMs || (sumMs === startsInMs && (best === undefined || best.record.id < room.record.id))) continue;
      best = room;
      startsInMs = sumMs;
    }
    return best === undefined ? undefined : { room: best, startsInMs };
  }

  /** Takes the room for one module on the best node, or returns undefined: then no node has room until the next call. */
  take(): Room | undefined {
    for (let top = this.heap.peek(); top !== undefined; top = this.heap.peek()) {
      const { room } = top;
      // Room only shrinks, so a node that is too full now stays out.
      if (!hasRoom(room, this.requirement)) this.heap.pop();
      else if (top.milliCpu === room.milliCpu) return this.use(room);
      else {
        top.milliCpu = room.milliCpu;
        this.heap.topChanged();
      }
    }
    return undefined;
  }

  /** Takes the room for one module on this node. */
  use(room: Room): Room {
    room.milliCpu -= this.requirement.milliCpu;
    room.memory -= this.requirement.memory;
    return room;
  }
}
