/** Which node gets a module: one that fits, has room, and is loaded least. */
import { sessionFits } from '../cell/node-room.ts';
import { MILLI, totalMilliCpu, type Requirement } from '../cell/matching.ts';
import type { CellState, SessionRecord } from '../cell/state.ts';
import { Heap } from '../lib/heap.ts';
import type { SessionId } from '../lib/ids.ts';
import { missingBytes, type InputPlaces } from './locality.ts';
import type { Reservation } from './reservations.ts';

/** A session that may be given work now, as the leader last heard of it. */
export interface PlannableSession {
  readonly session: SessionId;
  /** Cpu slots that the node offers in all at the moment; 0 while it stops. Counts up to its capabilities. */
  readonly slots: number;
  /** 1-minute load average divided by cores, as gossiped. */
  readonly load: number;
}

/** Room on one node during one call of the planner. Room only shrinks. */
export interface Room {
  readonly record: SessionRecord;
  readonly totalMilliCpu: number;
  readonly load: number;
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
  if (difference !== 0) return difference > 0;
  return a.load === b.load ? a.record.id < b.record.id : a.load < b.load;
}

interface Choice {
  readonly room: Room;
  /** Free cpu when this choice was filed: the heap's key. */
  milliCpu: number;
}

function firstChoice(a: Choice, b: Choice): boolean {
  const difference = a.milliCpu * b.room.totalMilliCpu - b.milliCpu * a.room.totalMilliCpu;
  return difference === 0 ? emptier(a.room, b.room) : difference > 0;
}

/** The nodes that fit one requirement, best first, for one call of the planner. */
export class Choices {
  private readonly choices: readonly Choice[];
  private readonly heap: Heap<Choice>;
  private readonly requirement: Requirement;

  constructor(rooms: readonly Room[], requirement: Requirement) {
    this.requirement = requirement;
    const choices: Choice[] = [];
    for (const room of rooms) {
      if (hasRoom(room, requirement) && sessionFits(room.record, requirement)) choices.push({ room, milliCpu: room.milliCpu });
    }
    this.choices = [...choices];
    this.heap = new Heap(firstChoice, choices);
  }

  /** Of the nodes with room the one that has the most of these files, or that has the most room if several have: then as `take`. */
  takeNear(places: InputPlaces): Room | undefined {
    let nearest: Room | undefined;
    let nearestBytes = Infinity;
    for (const { room } of this.choices) {
      if (!hasRoom(room, this.requirement)) continue;
      const bytes = missingBytes(places, room.record.nodeId);
      if (bytes > nearestBytes || (bytes === nearestBytes && nearest !== undefined && !emptier(room, nearest))) continue;
      nearest = room;
      nearestBytes = bytes;
    }
    return nearest === undefined ? undefined : this.use(nearest);
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

  private use(room: Room): Room {
    room.milliCpu -= this.requirement.milliCpu;
    room.memory -= this.requirement.memory;
    return room;
  }
}
