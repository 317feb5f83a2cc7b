/** Figures of one run and of many, for people. */
import type { SimResult } from './run.ts';

export function formatFigures({ figures, hash }: SimResult): string {
  const { virtualMs, wallMs, faults, ...counts } = figures;
  const speed = virtualMs / wallMs;
  const parts = [`virtual ${(virtualMs / 1000).toFixed(1)} s`, `wall ${(wallMs / 1000).toFixed(2)} s`, `${Math.round(speed)} virtual s per wall s`];
  for (const [name, value] of Object.entries(counts)) parts.push(`${name} ${Math.round(value)}`);
  return `${parts.join(', ')}; faults ${formatFaults(faults)}; trace hash ${hash}`;
}

function formatFaults(faults: Readonly<Record<string, number>>): string {
  const fired = Object.entries(faults).filter(([, count]) => count > 0);
  return fired.map(([name, count]) => `${name} ${count}`).join(', ') || 'none';
}

/** What is kept of one run of many. */
export interface Outcome extends Pick<SimResult, 'figures' | 'violation'> {
  readonly options: { readonly seed: string };
}

/** Sums over a sweep. */
export class Totals {
  seeds = 0;
  virtualMs = 0;
  wallMs = 0;
  runs = 0;
  results = 0;
  clientPauses = 0;
  reused = 0;
  items = 0;
  reruns = 0;
  elections = 0;
  cornered = 0;
  split = 0;
  readonly faults: Record<string, number> = {};
  readonly violations: { readonly seed: string; readonly invariant: string }[] = [];

  add({ options, figures, violation }: Outcome): void {
    this.seeds += 1;
    this.virtualMs += figures.virtualMs;
    this.wallMs += figures.wallMs;
    this.runs += figures.runs;
    this.results += figures.results;
    this.clientPauses += figures.clientPauses;
    this.reused += figures.reused;
    this.items += figures.items;
    this.reruns += figures.reruns;
    this.elections += figures.elections;
    this.cornered += figures.cornered;
    if (figures.cells > 1) this.split += 1;
    for (const [name, count] of Object.entries(figures.faults)) this.faults[name] = (this.faults[name] ?? 0) + count;
    if (violation !== undefined) this.violations.push({ seed: options.seed, invariant: violation.invariant });
  }
}

/** @param elapsedMs wall time; less than the sum over the seeds when several processes were at work. */
export function formatTotals(totals: Totals, elapsedMs = totals.wallMs): string {
  const { seeds, virtualMs, runs, results, clientPauses, reused, items, reruns, elections, cornered, split, violations } = totals;
  const list = violations.map(({ seed, invariant }) => `${seed} (${invariant})`).join(', ');
  return [
    `seeds ${seeds}, virtual ${(virtualMs / 3_600_000).toFixed(2)} h, wall ${(elapsedMs / 1000).toFixed(1)} s, ${Math.round(virtualMs / elapsedMs)} virtual s per wall s`,
    `runs ${runs}, results ${results}, of items ${items}, taken over ${reused}, reruns ${reruns}, paused by clients ${clientPauses}, elections ${elections}, without a liveness phase: two cells ${split}, cornered ${cornered}; faults ${formatFaults(totals.faults)}`,
    violations.length === 0 ? 'violations none' : `violations ${violations.length}: ${list}`,
  ].join('\n');
}
