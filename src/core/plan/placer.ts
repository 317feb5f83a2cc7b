/**
 * Where the next module goes. With little to bring it goes to the node that is loaded least. With large inputs to the one
 * where it is done first: the wait for room there, and the time to bring what the node lacks. If that is a node without
 * room now, the module is left waiting for it while others get their turn: not for long (HOLDER_WAIT_MS_MAX), and nothing
 * that anybody else could use stands idle for it.
 */
import type { CellState, ModuleRecord } from '../cell/state.ts';
import type { ResultItem } from '../cell/types.ts';
import type { NodeId } from '../lib/ids.ts';
import { Backlog, remainingMs, type Release } from './backlog.ts';
import type { Estimate } from './estimates.ts';
import type { Foresight } from './foresight.ts';
import { HOLDER_LOOK_MS, HOLDER_WAIT_MS_MAX, HOLDER_WAITS_MAX, MOVE_MS_MIN, PLACEMENT_NODES_MAX, PLACEMENTS_MAX } from './limits.ts';
import { FetchedFiles, inputPlaces, missingBytes, moveTimeMs, type InputPlaces } from './locality.ts';
import { Choices, hasRoom, type Moves, type Room } from './placement.ts';
import type { Proposals } from './proposals.ts';
import type { ReadyModules } from './ready.ts';

export interface NodeEstimate extends Estimate {
  readonly node: string;
  readonly nodeId: NodeId;
}

/** Where a module goes, or went, and what else there was. */
export interface Placement {
  /** Wall ms; that of the claim, of one that is executed. */
  readonly at: number;
  /** Where it goes; '' = no node fits. */
  readonly nodeId: NodeId | '';
  /** It is left waiting for that node, which has no room, though others have. */
  readonly waits: boolean;
  /** How long it has been, or was, left waiting so. */
  readonly waitedMs: number;
  /** All that it takes. */
  readonly inputBytes: number;
  /** The inputs are worth the comparison; if not, the node with room that is loaded least is taken. */
  readonly isCompared: boolean;
  /** Smallest sum first; of many nodes not all. */
  readonly nodes: readonly NodeEstimate[];
}

/** One call of the planner. */
export interface Look {
  readonly state: CellState;
  readonly now: number;
  readonly rooms: readonly Room[];
  /** Bytes that are worth it on the slowest of them. */
  readonly bytesMin: number;
  readonly backlogs: Map<Room, Backlog>;
  /** Modules that were left waiting. */
  waits: number;
}

interface Decision {
  readonly room: Room;
  readonly waits: boolean;
}

interface Wait {
  readonly since: number;
  places: InputPlaces;
  lookedAt: number;
}

export function look(state: CellState, now: number, rooms: readonly Room[]): Look {
  const slowest = rooms.reduce((least, { bytesPerSecond }) => Math.min(least, bytesPerSecond), Infinity);
  return { state, now, rooms, bytesMin: (slowest * MOVE_MS_MIN) / 1000, backlogs: new Map(), waits: 0 };
}

export class Placer {
  /** Results with files that are on their way into the log: it does not say yet where their files are. */
  readonly arriving = new Map<ModuleRecord, ResultItem>();
  private readonly fetched = new FetchedFiles();
  private readonly placements = new Map<ModuleRecord, Placement>();
  private waits = new WeakMap<ModuleRecord, Wait>();
  private readonly proposals: Proposals;
  private readonly ready: ReadyModules;
  private readonly foresight: Foresight;

  constructor(proposals: Proposals, ready: ReadyModules, foresight: Foresight) {
    this.proposals = proposals;
    this.ready = ready;
    this.foresight = foresight;
  }

  clear(): void {
    this.arriving.clear();
    this.fetched.clear();
    this.placements.clear();
    this.waits = new WeakMap();
  }

  /** It is executed there, or was, so its inputs are there. */
  executes(module: ModuleRecord, node: NodeId): void {
    this.waits.delete(module);
    // What was not planned here is taken to be there.
    this.fetched.add(module, node, module.startedAt, this.arriving);
  }

  /** It is not executed any more. */
  ended(module: ModuleRecord): void {
    this.placements.delete(module);
  }

  /** @returns 'wait' when it had better wait for a node without room, undefined when no node has room. */
  roomFor(look: Look, choices: Choices, module: ModuleRecord): Room | 'wait' | undefined {
    const places = this.placesOf(look, module);
    if (!isCompared(look, places)) return choices.take();
    const decision = this.decide(look, choices, module, places);
    if (decision === undefined) return undefined;
    const { room, waits } = decision;
    if (waits) {
      this.wait(look, module, places, room);
      return 'wait';
    }
    if (this.placements.size >= PLACEMENTS_MAX) this.placements.delete(this.placements.keys().next().value as ModuleRecord);
    this.placements.set(module, this.compared(look, choices, module, places, decision));
    return choices.use(room);
  }

  /** A module was given its room. */
  placed(look: Look, module: ModuleRecord, room: Room): void {
    look.backlogs.get(room)?.begin(module.requirement, this.lastsMs(look, module, room));
    if (this.placements.has(module)) this.fetched.add(module, room.record.nodeId, look.now + this.movesMs(module, room), this.arriving);
  }

  /** As it stands now, for people: of a module that is executed what was found when it was claimed. */
  placement(look: Look, module: ModuleRecord): Placement | undefined {
    if (module.phase === 'claimed') return this.placements.get(module);
    const places = this.placesOf(look, module);
    const choices = new Choices(look.rooms, module.requirement);
    return this.compared(look, choices, module, places, this.expected(look, choices, module, places));
  }

  /** It was left waiting for a node with its inputs, or is. */
  hasWaited(module: ModuleRecord): boolean {
    return this.waits.has(module);
  }

  private expected(look: Look, choices: Choices, module: ModuleRecord, places: InputPlaces): Decision | undefined {
    const decision = isCompared(look, places) ? this.decide(look, choices, module, places) : undefined;
    if (decision !== undefined) return decision;
    const room = isCompared(look, places) ? undefined : choices.take();
    const first = room ?? choices.nearestFull(movesTo(look, places), Infinity, (full) => this.backlogOf(look, full).waitMs(module.requirement))?.room;
    return first && { room: first, waits: false };
  }

  /** @returns undefined when no node has room. */
  private decide(look: Look, choices: Choices, module: ModuleRecord, places: InputPlaces): Decision | undefined {
    const open = choices.nearest(movesTo(look, places));
    if (open === undefined) return undefined;
    const waitedMs = look.now - (this.waits.get(module)?.since ?? look.now);
    const mayWait = open.startsInMs > 0 && look.waits < HOLDER_WAITS_MAX && waitedMs < HOLDER_WAIT_MS_MAX;
    const full = mayWait ? choices.nearestFull(movesTo(look, places), open.startsInMs, (room) => this.backlogOf(look, room).waitMs(module.requirement)) : undefined;
    return full === undefined ? { room: open.room, waits: false } : { room: full.room, waits: true };
  }

  private wait(look: Look, module: ModuleRecord, places: InputPlaces, room: Room): void {
    if (!this.waits.has(module)) this.waits.set(module, { since: look.now, places, lookedAt: look.now });
    look.waits++;
    const backlog = this.backlogOf(look, room);
    backlog.queue(module.requirement, backlog.waitMs(module.requirement), movesTo(look, places).ms(room) + this.ready.expectedMs(look.state, module));
  }

  /** Of one that waits they are looked at from time to time: it may have many, and each plan comes by it. */
  private placesOf({ now }: Look, module: ModuleRecord): InputPlaces {
    const wait = this.waits.get(module);
    if (wait !== undefined && now - wait.lookedAt < HOLDER_LOOK_MS) return wait.places;
    const places = inputPlaces(module, this.arriving, this.fetched);
    if (wait !== undefined) Object.assign(wait, { places, lookedAt: now });
    return places;
  }

  private backlogOf(look: Look, room: Room): Backlog {
    let backlog = look.backlogs.get(room);
    if (backlog === undefined) look.backlogs.set(room, (backlog = new Backlog(room, this.releasesOf(look, room))));
    return backlog;
  }

  /** Claims that are applied, and those that are on their way into the log. */
  private releasesOf(look: Look, room: Room): Release[] {
    const releases: Release[] = [];
    for (const [fence, module] of room.record.claims) {
      const { milliCpu, memory } = module.requirement;
      // Its room is counted as free already.
      if (this.foresight.isEnding(module)) continue;
      const { startedAt } = module.hedge?.fence === fence ? module.hedge : module;
      releases.push({ inMs: remainingMs(look.now, startedAt, this.lastsMs(look, module, room)), milliCpu, memory });
    }
    for (const { module, holding } of this.proposals.ofSession(room.record.id)) {
      const { milliCpu, memory } = holding.requirement;
      releases.push({ inMs: this.lastsMs(look, module, room), milliCpu, memory });
    }
    return releases;
  }

  /** From its claim to its end: its inputs come first. */
  private lastsMs({ state }: Look, module: ModuleRecord, room: Room): number {
    return this.movesMs(module, room) + this.ready.expectedMs(state, module);
  }

  /** As it was found when it was placed there. */
  private movesMs(module: ModuleRecord, room: Room): number {
    return this.placements.get(module)?.nodes.find(({ nodeId }) => nodeId === room.record.nodeId)?.moveMs ?? 0;
  }

  private compared(look: Look, choices: Choices, module: ModuleRecord, places: InputPlaces, decision: Decision | undefined): Placement {
    const { requirement } = module;
    const predictedMs = this.ready.expectedMs(look.state, module);
    const moves = movesTo(look, places);
    const isMany = look.rooms.length > PLACEMENT_NODES_MAX;
    const nodes: NodeEstimate[] = [];
    for (const room of choices.all()) {
      const { nodeId, name: node } = room.record;
      if (isMany && room !== decision?.room && (nodes.length >= PLACEMENT_NODES_MAX || !places.here.has(nodeId))) continue;
      const waitMs = hasRoom(room, requirement) ? 0 : this.backlogOf(look, room).waitMs(requirement);
      const moveMs = moves.ms(room);
      nodes.push({ node, nodeId, waitMs, bytes: moves.bytes(room), bytesPerSecond: room.bytesPerSecond, moveMs, predictedMs, sumMs: waitMs + moveMs + predictedMs });
    }
    nodes.sort((a, b) => a.sumMs - b.sumMs);
    const since = this.waits.get(module)?.since;
    return {
      at: look.now,
      nodeId: decision?.room.record.nodeId ?? '',
      waits: decision?.waits ?? false,
      waitedMs: since === undefined ? 0 : look.now - since,
      inputBytes: places.totalBytes,
      isCompared: isCompared(look, places),
      nodes,
    };
  }
}

function movesTo({ now }: Look, places: InputPlaces): Moves {
  return { ms: ({ record, bytesPerSecond }) => moveTimeMs(places, record.nodeId, bytesPerSecond, now), bytes: ({ record }) => missingBytes(places, record.nodeId) };
}

function isCompared({ bytesMin }: Look, { totalBytes }: InputPlaces): boolean {
  return totalBytes > 0 && totalBytes >= bytesMin;
}
