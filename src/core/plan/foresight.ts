/**
 * Plan on append, act on commit: what the results that are on their way into the log will bring, as far as planning needs
 * it. The claims that they make possible are appended right behind them, so that a dependent step costs one commit and not
 * two. Nothing is ever done because of this table: the reducer looks at each claim again once the results before it are
 * applied, and only a committed claim is assigned. A result that turns out not to count is simply forgotten here.
 */
import { specOf } from '../cell/accessors.ts';
import type { ModuleRecord } from '../cell/state.ts';
import type { Holding, Unapplied } from './unapplied.ts';

/** What more modules wait for is planned on when it is applied: to look at them all would hold up the result. */
const FORESEEN_CHILDREN_MAX = 1000;

interface Ending {
  /** What it will give back. */
  readonly holding: Holding;
  /** Those that need it count it as met. */
  readonly meets: boolean;
}

export class Foresight {
  /** Modules whose execution has ended, as a result says that is not committed yet. */
  private readonly ended = new Map<ModuleRecord, Ending>();
  /** Needs of a waiting module that will be met. */
  private readonly met = new Map<ModuleRecord, number>();
  private readonly unapplied: Unapplied;

  constructor(unapplied: Unapplied) {
    this.unapplied = unapplied;
  }

  get size(): number {
    return this.ended.size;
  }

  clear(): void {
    this.ended.clear();
    this.met.clear();
  }

  /** @param module has a live claim, whose result is proposed. @returns the modules that wait for nothing else. */
  foresee(module: ModuleRecord, ok: boolean): ModuleRecord[] {
    if (this.ended.has(module)) return [];
    const meets = ok && childCount(module) <= FORESEEN_CHILDREN_MAX;
    this.ended.set(module, { holding: this.unapplied.end(module, module.session), meets });
    if (!meets) return [];
    const children = childrenOf(module);
    for (const child of children) this.met.set(child, (this.met.get(child) ?? 0) + 1);
    return children.filter((child) => this.isReady(child));
  }

  /** The result was applied, one way or another, or never will be: the state itself says how things are. */
  drop(module: ModuleRecord): void {
    const ending = this.ended.get(module);
    if (ending === undefined) return;
    this.ended.delete(module);
    this.unapplied.unend(ending.holding);
    if (!ending.meets) return;
    for (const child of childrenOf(module)) {
      const left = (this.met.get(child) ?? 0) - 1;
      if (left > 0) this.met.set(child, left);
      else this.met.delete(child);
    }
  }

  /** Its result is in sight. */
  isEnding(module: ModuleRecord): boolean {
    return this.ended.has(module);
  }

  /** Not ready in the state, but as soon as the results in sight are applied. */
  isReady(module: ModuleRecord): boolean {
    // With a barrier it begins with its wave, which is seen when the last result of the wave before is applied.
    return module.phase === 'waiting' && module.run.waves === null && specOf(module).foreach === undefined && module.waitingOn > 0 && module.waitingOn === this.met.get(module);
  }
}

/** For an item it is not foreseen that it is the last one. */
function childCount({ run, index, item }: ModuleRecord): number {
  return item !== -1 ? 0 : run.childStart[index + 1]! - run.childStart[index]!;
}

function childrenOf({ run, index, item }: ModuleRecord): ModuleRecord[] {
  const children: ModuleRecord[] = [];
  if (item !== -1) return children;
  for (let at = run.childStart[index]!; at < run.childStart[index + 1]!; at++) children.push(run.modules[run.childList[at]!]!);
  return children;
}
