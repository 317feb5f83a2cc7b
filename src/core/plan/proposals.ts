/** Claims between the planner and the log: planned, then proposed, then over. */
import type { ModuleRecord } from '../cell/state.ts';
import type { ClaimItem } from '../cell/types.ts';
import type { SessionId } from '../lib/ids.ts';
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
  /** All of them, by where they go. */
  private readonly bySession = new Map<SessionId, Set<Proposal>>();

  clear(): void {
    this.bySession.clear();
    this.planned.clear();
    this.byItem.clear();
    this.byModule.clear();
  }

  plan(proposal: Proposal): void {
    const { session } = proposal.item;
    this.planned.set(proposal.item, proposal);
    const there = this.bySession.get(session);
    if (there === undefined) this.bySession.set(session, new Set([proposal]));
    else there.add(proposal);
  }

  /** What this session will be given. */
  ofSession(session: SessionId): Iterable<Proposal> {
    return this.bySession.get(session) ?? [];
  }

  /** Those that were planned and never proposed. */
  takePlanned(): Iterable<Proposal> {
    const { planned } = this;
    if (planned.size > 0) this.planned = new Map();
    for (const proposal of planned.values()) this.leave(proposal);
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
    this.leave(proposal);
    return proposal;
  }

  private leave(proposal: Proposal): void {
    const { session } = proposal.item;
    const there = this.bySession.get(session);
    there?.delete(proposal);
    if (there?.size === 0) this.bySession.delete(session);
  }
}
