/** Durations such as `500ms 10s 5m 2h 7d` and sizes such as `4MiB`. */

const durationUnitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const sizeUnitsBytes: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  TB: 1000 ** 4,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

export const DURATION_FORM = 'a number with ms, s, m, h or d, such as 500ms, 10s, 5m or 7d';
export const SIZE_FORM = 'a number with B, KiB, MiB, GiB, TiB (or KB, MB, GB, TB), such as 512MiB';

/** @returns whole milliseconds, or undefined when `text` is no duration. */
export function parseDuration(text: string): number | undefined {
  return parseQuantity(text, durationUnitsMs);
}

/** @returns whole bytes, or undefined when `text` is no size. */
export function parseSize(text: string): number | undefined {
  return parseQuantity(text, sizeUnitsBytes);
}

function parseQuantity(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,9})?) ?([A-Za-z]{1,3})$/.exec(text.trim());
  if (match === null) return undefined;
  const [, amount = '', unit = ''] = match;
  if (!Object.hasOwn(units, unit)) return undefined;
  const value = Math.round(Number(amount) * (units[unit] ?? 0));
  return Number.isSafeInteger(value) ? value : undefined;
}

/** For people: `0 ms`, `250 ms`, `2.5 s`, `5 min`, `1 h 30 min`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 1000) return `${Math.round(durationMs)} ms`;
  if (durationMs < 60_000) return `${trimZeros((durationMs / 1000).toFixed(2))} s`;
  const units: [string, number][] = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1000],
  ];
  const parts: string[] = [];
  let rest = Math.round(durationMs / 1000) * 1000;
  for (const [name, unitMs] of units) {
    const count = Math.floor(rest / unitMs);
    if (count > 0) parts.push(`${count} ${name}`);
    rest -= count * unitMs;
  }
  return parts.slice(0, 2).join(' ');
}

function trimZeros(text: string): string {
  return text.replace(/\.?0+$/, '');
}
