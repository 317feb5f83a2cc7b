/**
 * How runs stand beside each other: S28 (limits), S29 (pauses), S30 (max-parallel, of a run and of the items of a module) and S31 (barriers). Follows phases and
 * pauses by the events of entries that are applied for the first time, and executions by the ledger; waves are computed
 * here once more, in the slow way. That nobody starves is L2: in the end every module of every run has ended.
 */
import { isFinal } from '../../src/core/cell/state.ts';
import type { CellEvent, Limit, ModulePhase, ModuleSpec, RunSpec } from '../../src/core/cell/types.ts';
import type { CellId, Fence, NodeId } from '../../src/core/lib/ids.ts';
import type { ExecutionRecord, Ledger } from '../ledger.ts';
import type { Applied, Checker, Report } from './checker.ts';
import type { Conditions } from './clocks.ts';

type ModuleEvent = Extract<CellEvent, { type: 'module' }>;

interface FollowedRun {
  paused: boolean;
  spec: RunSpec | undefined;
  waves: readonly number[];
  /** By module that is an item: whose. */
  readonly templates: Map<number, number>;
  /** By module; who is not there waits. */
  readonly phases: Map<number, ModulePhase>;
  readonly fences: Map<number, Fence>;
  /** Modules of which a second copy is claimed. */
  readonly copied: Map<number, Fence>;
}

interface FollowedCell {
  queuePaused: boolean;
  readonly runs: Map<number, FollowedRun>;
  /** Claims that hold each key. */
  readonly holders: Map<string, Set<string>>;
}

export class PolicyChecker implements Checker {
  readonly #report: Report;
  readonly #conditions: Conditions;
  readonly #cells = new Map<CellId, FollowedCell>();
  readonly #nodes = new Set<NodeId>();
  /** Claims that were held back by nothing but luck are not counted; these were judged. */
  judged = 0;
  /** Executions over a limit that S28 excuses, for the reasons of S20. */
  crowdsExcused = 0;

  constructor(report: Report, ledger: Ledger, conditions: Conditions) {
    this.#report = report;
    this.#conditions = conditions;
    ledger.onCrowd = (limit, before, execution) => this.#crowd(limit, before, execution);
  }

  /** S28, on the machines: as S20, while clocks keep to what leases count on. */
  #crowd({ key, max }: Limit, before: readonly ExecutionRecord[], execution: ExecutionRecord): void {
    const { clocks, marginMs } = this.#conditions;
    const since = Math.min(execution.startedAt, ...before.map(({ startedAt }) => startedAt));
    if (!clocks.hold([...new Set([...this.#nodes, execution.node, ...before.map(({ node }) => node)])], since, this.#conditions.now(), marginMs)) {
      this.crowdsExcused += 1;
      return;
    }
    const names = before.map(({ name, runId, node }) => `${name} of ${runId} on ${node}`);
    this.#report('S28', `${execution.name} of ${execution.runId} executes on ${execution.node} under limit ${key} of ${max}, while ${names.join(', ')} still hold it`);
  }

  applied(applied: Applied): void {
    if (!applied.first) return;
    for (const event of applied.events) this.#event(applied, event);
  }

  #event(applied: Applied, event: CellEvent): void {
    const cell = this.#cell(applied.cell);
    switch (event.type) {
      case 'sessionOpened':
        this.#nodes.add(event.node);
        return;
      case 'queuePaused':
        cell.queuePaused = event.on;
        return;
      case 'runPaused':
        this.#run(cell, event.run).paused = event.on;
        return;
      case 'expanded':
        for (let item = 0; item < event.count; item += 1) this.#run(cell, event.run).templates.set(event.first + item, event.module);
        return;
      case 'module':
        this.#module(applied, cell, event);
        return;
      case 'hedge':
        this.#hedge(cell, event);
        return;
      case 'runFinal':
        cell.runs.delete(event.run);
        return;
      default:
    }
  }

  #module(applied: Applied, cell: FollowedCell, event: ModuleEvent): void {
    const run = this.#run(cell, event.run);
    const spec = (run.spec ??= applied.node.replica?.state.runs.get(event.run)?.spec);
    const before = run.phases.get(event.module);
    const module = spec?.modules[templateOf(run, event.module)];
    const same = event.phase === 'claimed' && event.fence === run.fences.get(event.module);
    // Who goes on in a new session has never left its seat, whatever others that allow more have taken since.
    const stays = same && before === 'claimed';
    if (module !== undefined && !stays) this.#leave(cell, module, event);
    if (event.phase === 'claimed' && spec !== undefined && module !== undefined) {
      // A node that came back keeps its claim: pauses and parallelism stop new ones only.
      if (!same) this.#claimed(cell, run, spec, event, before);
      if (!stays) this.#hold(cell, module, event);
    }
    if (event.phase !== 'claimed') run.copied.delete(event.module);
    run.phases.set(event.module, event.phase);
    run.fences.set(event.module, event.fence);
  }

  /** A second copy is a claim like any other, for pauses and parallelism. */
  #hedge(cell: FollowedCell, { run: number, runId, module, on, fence }: Extract<CellEvent, { type: 'hedge' }>): void {
    const run = this.#run(cell, number);
    const before = run.copied.get(module);
    if (!on) {
      // The copy that is left is the claim.
      if (before !== undefined && before !== fence) run.fences.set(module, before);
      run.copied.delete(module);
      return;
    }
    run.copied.set(module, fence);
    if (before === fence) return;
    const name = `a second copy of module ${module} of ${runId}`;
    if (cell.queuePaused || run.paused) this.#report('S29', `${name} is claimed while ${run.paused ? 'its run' : 'the queue'} is paused`);
    const claimed = [...run.phases.values()].filter((phase) => phase === 'claimed').length + run.copied.size - 1;
    const { parallelMax = 0 } = run.spec?.policy ?? {};
    if (parallelMax > 0 && claimed >= parallelMax) this.#report('S30', `${name} is claimed while ${claimed} others of its run are, which allows ${parallelMax}`);
    this.#ofItems(run, module, name);
  }

  /** S30: those of one module with `foreach` that are claimed beside this one, second copies among them. */
  #ofItems(run: FollowedRun, module: number, name: string): void {
    const template = run.templates.get(module);
    const max = template === undefined ? 0 : (run.spec?.modules[template]?.foreach?.parallelMax ?? 0);
    if (max === 0) return;
    const beside = [...run.phases].filter(([index, phase]) => phase === 'claimed' && index !== module && run.templates.get(index) === template).length;
    const copies = [...run.copied.keys()].filter((index) => run.templates.get(index) === template).length;
    if (beside + copies >= max) this.#report('S30', `${name} is claimed while ${beside + copies} others of its list are, which allows ${max}`);
  }

  #claimed(cell: FollowedCell, run: FollowedRun, spec: RunSpec, event: ModuleEvent, before: ModulePhase | undefined): void {
    const name = `module ${event.module} of ${event.runId}`;
    this.judged += 1;
    if (cell.queuePaused) this.#report('S29', `${name} is claimed while the queue is paused`);
    if (run.paused) this.#report('S29', `${name} is claimed while its run is paused`);
    const { parallelMax = 0, barrier = 'none' } = spec.policy ?? {};
    const claimed = [...run.phases.values()].filter((phase) => phase === 'claimed').length + run.copied.size - (before === 'claimed' ? 1 : 0);
    if (parallelMax > 0 && claimed >= parallelMax) this.#report('S30', `${name} is claimed while ${claimed} others of its run are, which allows ${parallelMax}`);
    this.#ofItems(run, event.module, name);
    if (barrier === 'none') return;
    if (run.waves.length === 0) run.waves = slowWaves(spec.modules);
    const own = run.waves[templateOf(run, event.module)] ?? 0;
    const open = run.waves.flatMap((wave, index) => (wave < own && !isFinal(run.phases.get(index) ?? 'waiting') ? [index] : []));
    if (open.length > 0) this.#report('S31', `${name} of wave ${own} is claimed though ${open.join()} of earlier waves have not ended`);
  }

  /** S28, in the log: also one that came back does not get a seat that somebody else has. */
  #hold(cell: FollowedCell, module: ModuleSpec, event: ModuleEvent): void {
    for (const { key, max } of module.policy?.limits ?? []) {
      const holders = cell.holders.get(key) ?? new Set();
      if (holders.size >= max) this.#report('S28', `module ${event.module} of ${event.runId} is claimed under limit ${key} of ${max}, which ${[...holders].join(', ')} hold`);
      cell.holders.set(key, holders.add(nameOf(event)));
    }
  }

  #leave(cell: FollowedCell, module: ModuleSpec, event: ModuleEvent): void {
    for (const { key } of module.policy?.limits ?? []) cell.holders.get(key)?.delete(nameOf(event));
  }

  #cell(id: CellId): FollowedCell {
    let cell = this.#cells.get(id);
    if (cell === undefined) this.#cells.set(id, (cell = { queuePaused: false, runs: new Map(), holders: new Map() }));
    return cell;
  }

  #run(cell: FollowedCell, number: number): FollowedRun {
    let run = cell.runs.get(number);
    if (run === undefined) cell.runs.set(number, (run = { paused: false, spec: undefined, waves: [], templates: new Map(), phases: new Map(), fences: new Map(), copied: new Map() }));
    return run;
  }
}

function templateOf({ templates }: FollowedRun, module: number): number {
  return templates.get(module) ?? module;
}

function nameOf({ run, module }: ModuleEvent): string {
  return `${run}/${module}`;
}

/** One more than the highest wave of what a module needs. Needs may stand later in the file. */
function slowWaves(modules: readonly Pick<ModuleSpec, 'needs'>[]): number[] {
  const waves = modules.map(() => 0);
  for (let round = 0; round < modules.length; round += 1) {
    for (const [index, { needs }] of modules.entries()) for (const need of needs) waves[index] = Math.max(waves[index] ?? 0, (waves[need] ?? 0) + 1);
  }
  return waves;
}
