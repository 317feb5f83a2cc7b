/**
 * The leader's care for what modules left: as long as a run wants it, two nodes shall have it, and the log shall know them.
 * What has too few is given to another node; what nobody has any more, though somebody still needs it, is made again
 * (Invalidate). Which node is asked follows from the module and the nodes that are there, so a new leader chooses the same;
 * all that is not in the log is found out anew by asking.
 */
import { specOf } from '../../core/cell/accessors.ts';
import { areFilesMissed, areFilesWanted, presentHolders, takenFiles } from '../../core/cell/copies.ts';
import { producersOf } from '../../core/cell/foreach.ts';
import { UNABLE_MAX } from '../../core/cell/limits.ts';
import { invalidateProblem } from '../../core/cell/invalidate.ts';
import { isFinal, isRunFinal, moduleAt, type CellState, type ModuleRecord } from '../../core/cell/state.ts';
import type { Command, HolderItem, LostItem, ResultItem } from '../../core/cell/types.ts';
import type { NodeId, RunNumber } from '../../core/lib/ids.ts';
import type { NodeContext } from '../context.ts';
import type { Routine } from '../routine.ts';
import type { CopyEnd, CopyRequests } from './copy-requests.ts';
import { COPIES_ASKED_MAX, COPIES_LOOKED_MAX, COPIES_TICK_MS, COPY_REST_MS, FULL_REST_MS, HOLDERS_PER_ENTRY_MAX, LEAVING_KNOWN_MS, LOSS_GRACE_MAX_MS, LOSS_GRACE_MIN_MS } from './limits.ts';
import { LooseCopies } from './loose-copies.ts';
import { rankedNodes } from './ranked-nodes.ts';

/** Nodes that shall have each file of a live run. */
const COPIES = 2;

export interface CopiesInit {
  readonly context: NodeContext;
  readonly requests: Pick<CopyRequests, 'ask'>;
  readonly state: () => CellState;
  readonly propose: (command: Command) => void;
  readonly stamp: () => number;
}

/** A module whose files fewer nodes have than should. */
interface Short {
  readonly module: ModuleRecord;
  /** Of the files that are meant: what is asked about them says nothing of those that are made anew. */
  readonly generation: number;
  /** Since when no node that has them is there (monotonic ms). */
  lostAt: number | undefined;
  /** When somebody looked for them last and found nobody. */
  missedAt: number;
  /** Holders whose word is doubted. */
  readonly doubted: Set<NodeId>;
  /** Holders of what was taken over from an earlier result, who may have removed it since: whether they have it, not whether it is sound. */
  readonly unsure: Set<NodeId>;
  /** When it was last proposed to make them again. */
  proposedAt: number;
  /** Questions that are open, by node: each takes one back. */
  readonly asking: Map<NodeId, () => void>;
  /** Not asked before (monotonic ms). */
  readonly restUntil: Map<NodeId, number>;
  /** Have said that they have them, which is on its way into the log; until when that is believed (monotonic ms). */
  readonly came: Map<NodeId, number>;
}

/** Goes soon: what it has counts for others only as long as it is there. */
interface Leaving {
  /** Modules of which only it has the files. */
  readonly last: Set<ModuleRecord>;
  /** Monotonic ms; it asks again and again until it is let go. */
  askedAt: number;
}

export class Copies {
  readonly #init: CopiesInit;
  readonly #short = new Map<ModuleRecord, Short>();
  /** Have no room: asked last for a while, monotonic ms. */
  readonly #fullUntil = new Map<NodeId, number>();
  readonly #leaving = new Map<NodeId, Leaving>();
  readonly #loose: LooseCopies;
  #changes: HolderItem[] = [];
  #lost: LostItem[] = [];
  #asked = 0;
  readonly #ticks: Routine;
  /** Those that have a session and do not leave; undefined when that has changed. */
  #stay: ReadonlySet<NodeId> | undefined;
  /** Where the next tick goes on. */
  #cursor: Iterator<Short> = this.#short.values();
  #stopped = false;

  constructor(init: CopiesInit) {
    this.#init = init;
    this.#loose = new LooseCopies(init);
    this.#ticks = init.context.routine(() => COPIES_TICK_MS, () => this.#tick());
  }

  /** A new leader looks at everything once. */
  rebuild(): void {
    this.#each((module) => this.#consider(module));
    this.#loose.rebuild();
  }

  stop(): void {
    this.#stopped = true;
    this.#ticks.cancel();
    this.#loose.stop();
    for (const short of this.#short.values()) this.#drop(short);
  }

  /** An execution of a module has ended: it left files, or a log; or it runs again. */
  made(run: RunNumber, module: number): void {
    const state = this.#init.state();
    const record = moduleAt(state, run, module);
    if (record === undefined) return;
    this.#consider(record);
    this.#confirm(record);
    this.#loose.ended(record);
    // What it takes is wanted again, and who had it may have gone while nobody wanted it.
    if (record.generation > 1 && !isFinal(record.phase)) for (const source of sourcesOf(record)) this.#consider(source);
  }

  /** Results that were applied, whether or not they counted: inputs that were nowhere, and what stopped executions printed, which shall outlive their nodes. */
  heardOf(items: readonly ResultItem[]): void {
    const state = this.#init.state();
    for (const { run, module, fence, outcome } of items) {
      if (outcome.error?.code === 'INPUT_MISSING') this.missed(run, module);
      const record = this.#stopped || outcome.log === undefined ? undefined : moduleAt(state, run, module);
      if (record !== undefined && record.acceptedFence !== fence) this.#loose.ended(record);
    }
  }

  /** A run has come, perhaps with files, and with what an earlier one left. */
  submitted(run: RunNumber): void {
    const state = this.#init.state();
    this.#loose.came(run);
    for (const module of state.runs.get(run)?.modules ?? []) {
      if (module.outcome?.files === undefined) continue;
      this.#consider(module);
      this.#confirm(module);
    }
  }

  checkpointed(run: RunNumber, module: number): void {
    const record = moduleAt(this.#init.state(), run, module);
    if (record !== undefined) this.#loose.checkpointed(record);
  }

  /** While there was nobody else one copy was enough. */
  nodeCame(node: NodeId): void {
    this.#leaving.delete(node);
    this.#stay = undefined;
    if (this.#staying().size <= COPIES) this.#each((module) => this.#consider(module));
    this.#loose.nodeCame();
  }

  nodeWent(node: NodeId): void {
    this.#leaving.delete(node);
    this.#fullUntil.delete(node);
    this.#stay = undefined;
    this.#loose.nodeWent(node);
    this.#each((module) => {
      if (module.holders.includes(node)) this.#consider(module);
    });
  }

  /** Somebody could not fetch what this module takes: whoever says to have it is asked to look. */
  missed(run: RunNumber, module: number): void {
    const taker = moduleAt(this.#init.state(), run, module);
    if (this.#stopped || taker === undefined || isRunFinal(taker.run.phase)) return;
    for (const source of sourcesOf(taker)) {
      if (!areFilesWanted(source)) continue;
      const short = this.#shortOf(source);
      for (const node of presentHolders(this.#init.state(), source)) short.doubted.add(node);
    }
  }

  /**
   * A node wants to leave: others shall have what only it has, also of runs that have ended.
   * @returns modules of which that is not so yet.
   */
  handOver(node: NodeId): number {
    const state = this.#init.state();
    const leaving = this.#leaving.get(node) ?? this.#begins(node);
    leaving.askedAt = this.#init.context.now();
    const { last } = leaving;
    const stay = this.#staying();
    for (const module of last) {
      if (stay.size === 0 || !isRecorded(state, module) || module.holders.some((holder) => stay.has(holder))) last.delete(module);
      else this.#shortOf(module);
    }
    return last.size;
  }

  #begins(node: NodeId): Leaving {
    const leaving: Leaving = { last: new Set(), askedAt: 0 };
    for (const run of this.#init.state().runs.values()) for (const module of run.modules) if (module.holders.includes(node)) leaving.last.add(module);
    this.#leaving.set(node, leaving);
    this.#stay = undefined;
    this.#ticks.wake();
    return leaving;
  }

  /** Nodes that may be asked for a copy of what this one has, those with room first. */
  couldKeep(node: NodeId): NodeId[] {
    const now = this.#init.context.now();
    const others = [...this.#staying()].filter((other) => other !== node);
    const isFull = (other: NodeId): number => ((this.#fullUntil.get(other) ?? 0) > now ? 1 : 0);
    return others.toSorted((a, b) => isFull(a) - isFull(b)).slice(0, UNABLE_MAX);
  }

  #each(visit: (module: ModuleRecord) => void): void {
    for (const run of this.#init.state().runs.values()) {
      if (isRunFinal(run.phase)) continue;
      for (const module of run.modules) if (module.outcome?.files !== undefined) visit(module);
    }
  }

  #consider(module: ModuleRecord): void {
    if (this.#isShort(module)) this.#shortOf(module);
  }

  /** A result of long ago counts as it is. What it left may be gone: then it is made again if its run still wants it, and is nobody's result any more. */
  #confirm(module: ModuleRecord): void {
    if (this.#stopped || module.reusedFrom === 0 || !isRecorded(this.#init.state(), module)) return;
    const { unsure } = this.#shortOf(module);
    for (const node of presentHolders(this.#init.state(), module)) unsure.add(node);
  }

  #shortOf(module: ModuleRecord): Short {
    const present = this.#short.get(module);
    if (present?.generation === module.generation) return present;
    if (present !== undefined) this.#drop(present);
    const short: Short = { module, generation: module.generation, lostAt: undefined, missedAt: -Infinity, proposedAt: -Infinity, doubted: new Set(), unsure: new Set(), asking: new Map(), restUntil: new Map(), came: new Map() };
    this.#short.set(module, short);
    this.#ticks.wake();
    return short;
  }

  #staying(): ReadonlySet<NodeId> {
    this.#stay ??= new Set([...this.#init.state().sessionOfNode.keys()].filter((node) => !this.#leaving.has(node)));
    return this.#stay;
  }

  #isHandedOver(module: ModuleRecord): boolean {
    for (const { last } of this.#leaving.values()) if (last.has(module)) return true;
    return false;
  }

  /** @param came holders that the log does not know yet. */
  #isShort(module: ModuleRecord, came: ReadonlyMap<NodeId, number> = nobody): boolean {
    if (!isRecorded(this.#init.state(), module)) return false;
    const isWanted = areFilesWanted(module);
    if (!isWanted && !this.#isHandedOver(module)) return false;
    const stay = this.#staying();
    const wanted = Math.min(isWanted ? COPIES : 1, stay.size);
    const holders = came.size === 0 ? module.holders : [...new Set([...module.holders, ...came.keys()])];
    return holders.filter((node) => stay.has(node)).length < wanted;
  }

  #drop(short: Short): void {
    this.#asked -= short.asking.size;
    for (const giveUp of short.asking.values()) giveUp();
    this.#short.delete(short.module);
  }

  /** @returns whether anything is left to do. */
  #tick(): boolean {
    const now = this.#init.context.now();
    // It was let go, or thought better of it.
    for (const [node, { askedAt }] of this.#leaving) {
      if (now - askedAt >= LEAVING_KNOWN_MS) this.nodeCame(node);
    }
    for (let looked = 0; looked < COPIES_LOOKED_MAX; looked++) {
      const { value, done } = this.#cursor.next();
      if (done === true) {
        this.#cursor = this.#short.values();
        break;
      }
      this.#look(value);
    }
    this.#propose();
    return this.#short.size > 0 || this.#leaving.size > 0;
  }

  #look(short: Short): void {
    const { module, doubted, unsure } = short;
    if (module.generation !== short.generation || !isRecorded(this.#init.state(), module)) return this.#drop(short);
    // Holders that were asked to look have not answered yet: what they say decides whether it is short.
    if (doubted.size + unsure.size + short.asking.size === 0 && !this.#isShort(module)) return this.#drop(short);
    const state = this.#init.state();
    const now = this.#init.context.now();
    const present = presentHolders(state, module);
    short.lostAt = present.length > 0 ? undefined : (short.lostAt ?? now);
    if (this.#isLost(short, now) && now - short.proposedAt >= COPY_REST_MS) {
      short.proposedAt = now;
      this.#lost.push(itemOf(module));
    }
    for (const doubt of doubted) {
      if (short.asking.has(doubt)) continue;
      doubted.delete(doubt);
      if (present.includes(doubt)) this.#ask(short, doubt, true);
    }
    for (const node of unsure) {
      if (this.#asked >= COPIES_ASKED_MAX) break;
      unsure.delete(node);
      if (present.includes(node) && !short.asking.has(node)) this.#ask(short, node, false);
    }
    for (const [node, until] of short.came) if (until <= now) short.came.delete(node);
    if (short.asking.size > 0 || this.#asked >= COPIES_ASKED_MAX || !this.#isShort(module, short.came)) return;
    const node = this.#candidate(short, now);
    if (node !== undefined) this.#ask(short, node, false);
  }

  /**
   * Nobody who has it was there for so long that making it again is no waste, and somebody has looked for it since. When
   * all who had it said that they have not, there is nobody to wait for.
   */
  #isLost({ module, lostAt, missedAt }: Short, now: number): boolean {
    if (lostAt === undefined || missedAt === -Infinity || !areFilesMissed(module) || invalidateProblem(this.#init.state(), module) !== '') return false;
    return module.holders.length === 0 || (missedAt >= lostAt && now - lostAt >= graceMs(module));
  }

  /** Those that have room before those that said that they have none. */
  #candidate({ module, restUntil }: Short, now: number): NodeId | undefined {
    const stay = [...this.#staying()];
    const nodes = stay.filter((node) => !module.holders.includes(node) && (restUntil.get(node) ?? 0) <= now);
    const ranked = rankedNodes(nodes, module.run.number, module.index);
    const any = ranked.find((node) => (this.#fullUntil.get(node) ?? 0) <= now);
    // When nobody who has it is there, a full node may still look for it.
    return any ?? (presentHolders(this.#init.state(), module).length === 0 ? (ranked[0] ?? stay[0]) : undefined);
  }

  #ask(short: Short, node: NodeId, check: boolean): void {
    const { module } = short;
    this.#asked++;
    const giveUp = this.#init.requests.ask({
      node,
      refs: Object.values(module.outcome?.files ?? {}),
      holders: presentHolders(this.#init.state(), module),
      check,
      urgent: this.#isHandedOver(module),
      done: (end) => {
        this.#asked--;
        short.asking.delete(node);
        if (this.#short.get(module) === short && module.generation === short.generation) this.#answered(short, node, end);
      },
    });
    short.asking.set(node, giveUp);
  }

  #answered(short: Short, node: NodeId, end: CopyEnd): void {
    const { context } = this.#init;
    const { module } = short;
    const now = context.now();
    short.restUntil.set(node, now + COPY_REST_MS);
    const had = module.holders.includes(node);
    if (end === 'whole' && !had) {
      short.came.set(node, now + COPY_REST_MS);
      this.#changes.push({ ...itemOf(module), node, on: true });
    }
    if (end === 'full') this.#fullUntil.set(node, now + FULL_REST_MS);
    if (end !== 'missing') return;
    short.missedAt = now;
    if (had) {
      context.note('warn', 'copy-lost', `${node} does not have the files of module ${module.index} of run ${module.run.shortId} any more`, { node });
      this.#changes.push({ ...itemOf(module), node, on: false });
    } else for (const holder of presentHolders(this.#init.state(), module)) short.doubted.add(holder);
  }

  #propose(): void {
    const { propose, stamp } = this.#init;
    while (this.#changes.length > 0) propose({ type: 'holders', now: stamp(), items: this.#changes.splice(0, HOLDERS_PER_ENTRY_MAX) });
    while (this.#lost.length > 0) propose({ type: 'invalidate', now: stamp(), items: this.#lost.splice(0, HOLDERS_PER_ENTRY_MAX) });
  }
}

const nobody: ReadonlyMap<NodeId, number> = new Map();

/** It has a recorded result with files, and its run is known. */
function isRecorded(state: CellState, module: ModuleRecord): boolean {
  return module.outcome?.files !== undefined && module.phase === 'succeeded' && state.runs.get(module.run.number) === module.run;
}

function sourcesOf(taker: ModuleRecord): Set<ModuleRecord> {
  return new Set(takenFiles(specOf(taker)).flatMap((input) => producersOf(taker.run, input.module)));
}

function itemOf({ run, index, generation }: ModuleRecord): LostItem {
  return { run: run.number, module: index, generation };
}

/** Whoever waits as long as the work took never spends more than twice what was needed. */
function graceMs({ outcome }: ModuleRecord): number {
  return Math.min(LOSS_GRACE_MAX_MS, Math.max(LOSS_GRACE_MIN_MS, outcome?.durationMs ?? 0));
}
