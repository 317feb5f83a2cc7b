/** What only all modules together can tell: that each need exists, and that no module waits for itself. */
import type { ModuleDraft } from './check-module.ts';
import { PIPELINE_NEEDS_MAX, PROBLEMS_MAX } from './limits.ts';
import { didYouMean, NOWHERE, quote, type Problems } from './problems.ts';
import { suggest } from './suggest.ts';

/** Names of a cycle that are written out. */
const CYCLE_SHOWN_MAX = 12;

export function checkGraph(drafts: readonly ModuleDraft[], problems: Problems): void {
  const byName = new Map(drafts.map((draft) => [draft.module.name, draft]));
  let total = 0;
  for (const { module, needSpans } of drafts) {
    total += needSpans.size;
    for (const [need, span] of needSpans) {
      if (byName.has(need)) continue;
      const hint = didYouMean(suggest(need, byName.keys())) ?? (byName.size <= 20 ? `there are ${[...byName.keys()].join(', ')}` : undefined);
      problems.add(span, `module ${quote(module.name)} needs ${quote(need)}, which does not exist`, { hint });
    }
  }
  if (total > PIPELINE_NEEDS_MAX) {
    problems.add(NOWHERE, `the modules have ${total} needs in all`, { allowed: `at most ${PIPELINE_NEEDS_MAX}` });
    return;
  }
  for (const cycle of findCycles(byName)) {
    const [first = '', second = first] = cycle;
    const span = byName.get(first)?.needSpans.get(second) ?? NOWHERE;
    problems.add(span, `modules need each other in a circle: ${showCycle(cycle)}`, { hint: 'remove one of these needs' });
  }
}

/**
 * Depth first, without recursion since a chain may be 100,000 long. A need that leads back into the open path closes a
 * cycle: the path from there on, in the direction of `needs`. Each module is entered once, so the list is short: it
 * names one cycle per closing need, not every cycle there is.
 */
function findCycles(byName: ReadonlyMap<string, ModuleDraft>): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  for (const start of byName.keys()) {
    if (done.has(start) || cycles.length >= PROBLEMS_MAX) continue;
    const path: { name: string; needs: readonly string[]; next: number }[] = [];
    const open = new Map<string, number>();
    const enter = (name: string): void => {
      open.set(name, path.length);
      path.push({ name, needs: byName.get(name)?.module.needs ?? [], next: 0 });
    };
    enter(start);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const need = top.needs[top.next++];
      if (need === undefined) {
        open.delete(top.name);
        done.add(top.name);
        path.pop();
        continue;
      }
      const at = open.get(need);
      if (at !== undefined && cycles.length < PROBLEMS_MAX) cycles.push(path.slice(at).map(({ name }) => name));
      else if (at === undefined && !done.has(need) && byName.has(need)) enter(need);
    }
  }
  return cycles;
}

function showCycle(cycle: readonly string[]): string {
  const names = cycle.length <= CYCLE_SHOWN_MAX ? cycle : [...cycle.slice(0, CYCLE_SHOWN_MAX - 2), `… (${cycle.length - CYCLE_SHOWN_MAX + 1} more)`, ...cycle.slice(-1)];
  return [...names, ...cycle.slice(0, 1)].join(' → ');
}
