/**
 * What a follower knows of a run. Events may come twice, or as a present state after a gap (another node answers now),
 * so the tracker compares each with what it knows and reports only what is new.
 */
import type { ModuleJson, RunEventJson, RunJson, RunProgressJson } from '../io/http/views.ts';
import { timeOf } from './format.ts';

type Phase = ModuleJson['phase'];

export interface TrackedModule {
  readonly name: string;
  readonly phase: Phase;
  readonly node: string;
  readonly attempt: number;
  readonly fence: number;
  /** Wall ms of the claim; 0 = never. */
  readonly startedAt: number;
  readonly durationMs: number;
  readonly note: string;
  /** Of the newest event that spoke of it. */
  readonly sequence: number;
}

export interface Transition {
  /** Wall ms. */
  readonly at: number;
  readonly before: Phase;
  readonly module: TrackedModule;
}

export interface Counts {
  readonly total: number;
  /** Final, however they ended. */
  readonly done: number;
  readonly running: number;
  readonly ready: number;
  readonly waiting: number;
}

const finals: readonly Phase[] = ['succeeded', 'cached', 'failed', 'skipped', 'cancelled'];

export class RunTracker {
  readonly runId: string;
  readonly submittedAt: number;
  readonly #modules = new Map<string, TrackedModule>();
  /** By name, in the order in which they started. */
  readonly #running = new Map<string, TrackedModule>();
  readonly #nodes = new Set<string>();
  /** Modules with `foreach` whose list is known; of these those whose items stand for them. */
  readonly #expanded = new Set<string>();
  readonly #hidden = new Set<string>();
  #counts = { done: 0, ready: 0, waiting: 0 };
  #etaMs: number | undefined;
  #told: ReadonlyMap<string, RunProgressJson['modules'][number]> = new Map();

  /** Starts before the first event: every module waits or is ready, whatever `view` says of it, so that nothing is left unsaid. */
  constructor(view: RunJson) {
    this.runId = view.runId;
    this.submittedAt = timeOf(view.submittedAt);
    // Items come with the event that says so.
    for (const { name, needs, item } of view.moduleList) if (item === null) this.#add(name, needs.length === 0 ? 'ready' : 'waiting');
  }

  #add(name: string, phase: 'ready' | 'waiting'): void {
    this.#modules.set(name, { name, phase, node: '', attempt: 0, fence: 0, startedAt: 0, durationMs: 0, note: '', sequence: 0 });
    this.#counts[phase]++;
  }

  /** A module with `foreach` is not counted beside its items, and they come once. */
  #expand(known: TrackedModule, items: number): void {
    if (this.#expanded.has(known.name)) return;
    this.#expanded.add(known.name);
    if (items > 0) this.#count(known.phase, -1);
    if (items > 0) this.#hidden.add(known.name);
    for (let item = 0; item < items; item++) this.#add(`${known.name}[${item}]`, 'ready');
  }

  get counts(): Counts {
    return { total: this.#modules.size - this.#hidden.size, running: this.#running.size, ...this.#counts };
  }

  /** What was heard last of how far it is. */
  heard({ etaMs, modules }: RunProgressJson): void {
    this.#etaMs = etaMs ?? undefined;
    this.#told = new Map(modules.map((told) => [told.module, told]));
  }

  /** Until the run ends, ms; undefined = nobody knows. */
  get etaMs(): number | undefined {
    return this.#etaMs;
  }

  /** Done modules, and the shares of running ones that say how far they are, of all. */
  get share(): number {
    const { total, done } = this.counts;
    let parts = 0;
    for (const { module, fraction } of this.#told.values()) if (this.#running.has(module)) parts += fraction ?? 0;
    return total === 0 ? 1 : (done + parts) / total;
  }

  /** Of one that runs. */
  progressOf(module: string): RunProgressJson['modules'][number] | undefined {
    return this.#told.get(module);
  }

  get running(): readonly TrackedModule[] {
    return [...this.#running.values()];
  }

  /** Nodes that have executed something so far. */
  get nodeCount(): number {
    return this.#nodes.size;
  }

  /** @returns what changed, or undefined if that was known or is older than what is known. */
  apply(event: RunEventJson): Transition | undefined {
    if (event.type !== 'module') return undefined;
    const known = this.#modules.get(event.module);
    if (known === undefined || event.sequence < known.sequence) return undefined;
    if (event.items !== null) this.#expand(known, event.items);
    const { fence, attempt, node, durationMs, note, sequence } = event;
    const at = timeOf(event.at);
    const phase = event.phase as Phase;
    const startedAt = phase === 'claimed' ? at : known.startedAt;
    return this.#move(known, { name: known.name, phase, node: node === '' ? known.node : node, attempt, fence, startedAt, durationMs, note, sequence }, at);
  }

  /** What the whole run says and no event has said, e.g. because events were lost with a node. */
  reconcile(view: RunJson): Transition[] {
    for (const { name, items } of view.moduleList) {
      const known = this.#modules.get(name);
      if (items !== null && known !== undefined) this.#expand(known, items);
    }
    return view.moduleList.flatMap((module) => {
      const known = this.#modules.get(module.name);
      if (known === undefined) return [];
      const startedAt = timeOf(module.startedAt);
      const { name, phase, node, attempt, fence, durationMs, note } = module;
      const ended = startedAt === 0 ? timeOf(view.finishedAt) : startedAt + durationMs;
      const moved = this.#move(known, { name, phase, node, attempt, fence, startedAt, durationMs, note: module.error?.message ?? note, sequence: Infinity }, finals.includes(phase) ? ended : startedAt);
      return moved === undefined ? [] : [moved];
    });
  }

  #move(known: TrackedModule, module: TrackedModule, at: number): Transition | undefined {
    this.#modules.set(module.name, module);
    if (same(module.phase, known.phase) && module.attempt === known.attempt && module.fence === known.fence) return undefined;
    const shown = !this.#hidden.has(module.name);
    if (shown) this.#count(known.phase, -1);
    if (shown) this.#count(module.phase, 1);
    this.#running.delete(module.name);
    if (shown && isRunning(module.phase)) this.#running.set(module.name, module);
    if (module.node !== '') this.#nodes.add(module.node);
    return { at, before: known.phase, module };
  }

  #count(phase: Phase, change: 1 | -1): void {
    if (finals.includes(phase)) this.#counts.done += change;
    else if (phase === 'ready' || phase === 'waiting') this.#counts[phase] += change;
  }
}

function isRunning(phase: Phase): boolean {
  return phase === 'claimed' || phase === 'running';
}

function same(a: Phase, b: Phase): boolean {
  return a === b || (isRunning(a) && isRunning(b));
}
