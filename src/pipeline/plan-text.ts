/** What `pipeline plan` prints: the waves, who waits for whom, and the chain that nothing can shorten. */
import type { RunSpec } from '../core/cell/types.ts';
import { planSchedule } from '../core/plan/waves.ts';
import { formatDuration } from './units.ts';

/** Names written out in one wave, one list of needs, one path. */
const NAMES_SHOWN_MAX = 8;

export interface PlanTextOptions {
  /** Write out every name. @default false */
  readonly all?: boolean;
  /** Estimate the run on this many cpu slots; 0 = leave the estimate out. @default 0 */
  readonly slots?: number;
}

/** Ends without a newline. */
export function formatPlan(spec: Pick<RunSpec, 'name' | 'modules'>, { all = false, slots = 0 }: PlanTextOptions = {}): string {
  const { name, modules } = spec;
  const shownMax = all ? Infinity : NAMES_SHOWN_MAX;
  const namesOf = (positions: Iterable<number>): string[] => Array.from(positions, (position) => modules[position]?.name ?? `#${position}`);
  const { waves, criticalPath, criticalPathMs, makespanMs } = planSchedule(modules, { slots: Math.max(1, slots) });
  const lines = [`${name}: ${count(modules.length, 'module')} in ${count(waves.length, 'wave')}`, ''];
  waves.forEach((wave, index) => {
    const needs = new Set(wave.flatMap((position) => modules[position]?.needs ?? []));
    const after = needs.size === 0 ? '' : ` after ${listNames(namesOf(needs), shownMax)}`;
    lines.push(`Wave ${index + 1}: ${listNames(namesOf(wave), shownMax)}${wave.length > 1 ? ' run in parallel' : ''}${after}`);
  });
  const declared = modules.some(({ durationMs }) => durationMs > 0);
  const length = declared ? `, ${formatDuration(criticalPathMs)} as declared` : '';
  lines.push('', `Critical path: ${chain(namesOf(criticalPath), shownMax)} (${count(criticalPath.length, 'module')}${length})`);
  if (slots > 0) lines.push(`On ${count(slots, 'cpu slot')}: about ${formatDuration(makespanMs)}${declared ? '' : ', taking each module for one second'}`);
  lines.push('A module starts when its own needs are done; waves are not barriers.');
  return lines.join('\n');
}

/** `a`, `a and b`, `a, b and c`, `a, b, c and 97 more`. */
function listNames(names: readonly string[], shownMax: number): string {
  const cut = names.length > shownMax;
  const shown = cut ? names.slice(0, shownMax) : names.slice(0, -1);
  const last = cut ? `${names.length - shownMax} more` : (names.at(-1) ?? '');
  return shown.length === 0 ? last : `${shown.join(', ')} and ${last}`;
}

function chain(names: readonly string[], shownMax: number): string {
  if (names.length <= shownMax) return names.join(' → ');
  const head = names.slice(0, shownMax - 1);
  return [...head, `… (${names.length - shownMax} more)`, ...names.slice(-1)].join(' → ');
}

function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}
