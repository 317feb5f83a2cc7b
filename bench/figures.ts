/** How figures are reported: least, middle and most, since one number hides the noise of the machine. */

export interface Spread {
  readonly min: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly count: number;
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => rounded(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  return { min: at(0), p50: at(0.5), p99: at(0.99), max: at(1), count: sorted.length };
}

function rounded(value: number): number {
  return value >= 100 ? Math.round(value) : Math.round(value * 100) / 100;
}

export function spreadText({ min, p50, p99, max, count }: Spread, unit: string): string {
  return `min ${min}, p50 ${p50}, p99 ${p99}, max ${max} ${unit} (${count} rounds)`;
}
