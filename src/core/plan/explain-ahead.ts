/** Who goes first: ready modules of higher priority that could take the same room. Without the aging of the planner, which rises by what it remembers. */
import { admissionProblem } from '../cell/admission.ts';
import { specOf } from '../cell/accessors.ts';
import { sessionFits } from '../cell/node-room.ts';
import { modulePolicy, PRIORITY_MAX, runPolicy } from '../cell/policy.ts';
import type { Requirement } from '../cell/matching.ts';
import { countOf, isRunFinal, type CellState, type RunRecord, type SessionRecord } from '../cell/state.ts';
import type { ModuleSpec, RunSpec } from '../cell/types.ts';
import { EXPLAIN_SCAN_MODULES_MAX } from './limits.ts';

/** 1 to 10, 10 first. */
export function priorityOf(spec: RunSpec, module: ModuleSpec): number {
  const own = modulePolicy(module).priority;
  return own === 0 ? runPolicy(spec).priority : own;
}

const ownPriorities = new WeakMap<RunSpec, boolean>();

/** Whether a module differs from its run; looked at once per run: most have none, and then its counts per phase tell all. */
export function hasOwnPriorities(spec: RunSpec): boolean {
  let own = ownPriorities.get(spec);
  if (own === undefined) ownPriorities.set(spec, (own = spec.modules.some((module) => modulePolicy(module).priority !== 0)));
  return own;
}

/** Ready modules that nothing else keeps, by requirement and priority. */
export class Competition {
  readonly #counts = new Map<string, { readonly requirement: Requirement; readonly byPriority: number[] }>();
  #left = EXPLAIN_SCAN_MODULES_MAX;

  /** Looks at the oldest runs first. @param now wall ms. */
  constructor(state: CellState, now: number) {
    for (const run of state.runs.values()) {
      if (isRunFinal(run.phase) || countOf(run, 'ready') === 0) continue;
      this.#add(state, run, now);
      if (this.#left === 0) return;
    }
  }

  /** Not all modules were looked at: there may be more of them. */
  get isPart(): boolean {
    return this.#left === 0;
  }

  #add(state: CellState, run: RunRecord, now: number): void {
    let last: Requirement | undefined;
    let byPriority: number[] = [];
    for (const module of run.modules) {
      if (this.#left === 0) return;
      this.#left--;
      if (module.phase !== 'ready' || module.notBefore > now || admissionProblem(state, module) !== '') continue;
      const { requirement } = module;
      if (requirement !== last) byPriority = this.#countsOf((last = requirement));
      const priority = priorityOf(run.spec, specOf(module));
      byPriority[priority]!++;
    }
  }

  #countsOf(requirement: Requirement): number[] {
    let counts = this.#counts.get(requirement.key);
    if (counts === undefined) this.#counts.set(requirement.key, (counts = { requirement, byPriority: Array.from({ length: PRIORITY_MAX + 1 }, () => 0) }));
    return counts.byPriority;
  }

  /** Modules above this priority that the node fits. @param room only those that fit into it. */
  ahead(priority: number, session: SessionRecord, room?: { readonly milliCpu: number; readonly memory: number }): number {
    let count = 0;
    for (const { requirement, byPriority } of this.#counts.values()) {
      if (room !== undefined && (requirement.milliCpu > room.milliCpu || (requirement.memory > 0 && requirement.memory > room.memory))) continue;
      if (sessionFits(session, requirement)) for (let above = priority + 1; above <= PRIORITY_MAX; above++) count += byPriority[above]!;
    }
    return count;
  }
}
