/** Spans of time in estimates: `0 s`, `0.4 s`, `12 s`, `25 min`. */
export function secondsText(ms: number): string {
  const seconds = ms / 1000;
  if (seconds >= 120) return `${Math.round(seconds / 60)} min`;
  return seconds >= 9.95 || seconds === 0 ? `${Math.round(seconds)} s` : `${seconds.toFixed(1)} s`;
}
