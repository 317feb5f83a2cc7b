/** Claims between the planner and the log: planned, then proposed, then over. */
import type { ModuleRecord } from '../cell/state.ts';
import type { ClaimItem } from '../cell/types.ts';
import type { Holding } from './unapplied.ts';

export interface Proposal {
  readonly module: ModuleRecord;
  readonly item: ClaimItem;
  /** What is counted for it until it is over. */
  readonly holding: Holding;
}

export class Proposals {
  /** Returned by `plan` and not yet confirmed. */
  private planned = new Map<ClaimItem, Proposal>();
  /** On their way into the log: by item, since the run may be gone before a late answer says what became of it; by module. */
  private readonly byItem = new Map<ClaimItem, Proposal>();
  private readonly byModule = new Map<ModuleRecord, Proposal>();

  clear(): void {
    this.planned.clear();
    this.byItem.clear();
    this.byModule.clear();
  }

  plan(proposal: Proposal): void {
    this.planned.set(proposal.item, proposal);
  }

  /** Those that were planned and never proposed. */
  takePlanned(): Iterable<Proposal> {
    const { planned } = this;
    if (planned.size > 0) this.planned = new Map();
    return planned.values();
  }

  propose(items: readonly ClaimItem[]): void {
    for (const item of items) {
      const proposal = this.planned.get(item);
      if (proposal === undefined) continue;
      this.planned.delete(item);
      this.byItem.set(item, proposal);
      this.byModule.set(proposal.module, proposal);
    }
  }

  /** Takes out a proposal that was applied, refused or lost. */
  takeItem(item: ClaimItem): Proposal | undefined {
    return this.end(this.byItem.get(item));
  }

  /** The same, of a module that was claimed. */
  takeModule(module: ModuleRecord): Proposal | undefined {
    return this.end(this.byModule.get(module));
  }

  private end(proposal: Proposal | undefined): Proposal | undefined {
    if (proposal === undefined) return undefined;
    this.byItem.delete(proposal.item);
    this.byModule.delete(proposal.module);
    return proposal;
  }
}
