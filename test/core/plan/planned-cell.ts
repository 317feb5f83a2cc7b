/** A cell with a planner that follows it. */
import { strict as assert } from 'node:assert';
import type { CellState } from '../../../src/core/cell/state.ts';
import type { ClaimItem } from '../../../src/core/cell/types.ts';
import { Planner, type PlannableSession } from '../../../src/core/plan/planner.ts';
import { TestCell } from '../cell/cells.ts';

export function offers(state: CellState, load = 0): PlannableSession[] {
  return [...state.sessions.values()].map((session) => ({ session: session.id, slots: session.capabilities.slots, load }));
}

export class PlannedCell extends TestCell {
  readonly planner = new Planner();

  constructor() {
    super(false);
    this.found();
  }

  override apply(command: Parameters<TestCell['apply']>[0]): ReturnType<TestCell['apply']> {
    const reply = super.apply(command);
    this.planner.onEvents(this.state, this.events);
    return reply;
  }

  plan(sessions = offers(this.state), max = 1_000): ClaimItem[] {
    return this.planner.plan(this.state, this.now, sessions, max);
  }

  /** Plans, proposes, applies, settles. */
  claimAll(sessions = offers(this.state), max = 1_000): ClaimItem[] {
    const items = this.plan(sessions, max);
    this.planner.proposed(items);
    const fences = this.claims(items);
    assert.ok(fences.every((fence) => fence !== 0), 'a plan on the present state is granted');
    this.planner.settled(this.state, items);
    return items;
  }
}

export function names(cell: TestCell, items: readonly ClaimItem[]): string[] {
  return items.map((item) => cell.state.runs.get(item.run)!.spec.modules[item.module]!.name);
}
