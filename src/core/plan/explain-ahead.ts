/** Who goes first: ready modules of higher priority that could take the same room. Without the aging of the planner, which rises by what it remembers. */
import { admissionProblem } from '../cell/admission.ts';
import { sessionFits } from '../cell/claims.ts';
import { modulePolicy, runPolicy } from '../cell/policy.ts';
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

interface Group {
  readonly priority: number;
  readonly requirement: Requirement;
  count: number;
}

export class Competition {
  readonly #groups = new Map<string, Group>();

  /** Looks at EXPLAIN_SCAN_MODULES_MAX modules at most, those of the oldest runs first. @param now wall ms. */
  constructor(state: CellState, now: number) {
    let left = EXPLAIN_SCAN_MODULES_MAX;
    for (const run of state.runs.values()) {
      if (isRunFinal(run.phase) || countOf(run, 'ready') === 0) continue;
      left -= run.modules.length;
      this.#add(state, run, now);
      if (left <= 0) return;
    }
  }

  #add(state: CellState, run: RunRecord, now: number): void {
    for (const module of run.modules) {
      if (module.phase !== 'ready' || module.notBefore > now || admissionProblem(state, module) !== '') continue;
      const priority = priorityOf(run.spec, run.spec.modules[module.index]!);
      const key = `${priority} ${module.requirement.key}`;
      const group = this.#groups.get(key);
      if (group === undefined) this.#groups.set(key, { priority, requirement: module.requirement, count: 1 });
      else group.count++;
    }
  }

  /** Modules above this priority that the node fits. @param room only those that fit into it. */
  ahead(priority: number, session: SessionRecord, room?: { readonly milliCpu: number; readonly memory: number }): number {
    let count = 0;
    for (const group of this.#groups.values()) {
      const { requirement } = group;
      if (group.priority <= priority || (room !== undefined && (requirement.milliCpu > room.milliCpu || (requirement.memory > 0 && requirement.memory > room.memory)))) continue;
      if (sessionFits(session, requirement)) count += group.count;
    }
    return count;
  }
}
