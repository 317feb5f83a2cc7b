/** Values as people read them. */
import { styleText } from 'node:util';

/** `00:00:08`; hours go on beyond two digits. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

/** `8s`, `5m`, `3h`, `2d`: how long ago. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** `for 3m (maintenance)`, of a run or a queue that is paused. */
export function pausedText({ at, reason }: { readonly at: string | null; readonly reason: string }, now: number): string {
  return `for ${age(now - timeOf(at))}${reason === '' ? '' : ` (${oneLine(reason)})`}`;
}

/** `4m10s`: how long still. */
export function estimate(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${String(seconds % 60).padStart(2, '0')}s`;
  return `${Math.floor(seconds / 3600)}h${String(Math.floor(seconds / 60) % 60).padStart(2, '0')}m`;
}

/** `512 B`, `4 KiB`, `1.5 GiB`. */
export function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let power = 0;
  while (power < units.length - 1 && bytes >= 1024 ** (power + 1)) power++;
  const value = bytes / 1024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : Number(value.toFixed(1))} ${units[power]}`;
}

/** RFC 3339 or null → ms, 0 for null. */
export function timeOf(text: string | null): number {
  return text === null ? 0 : Date.parse(text);
}

/** The end of a peer id tells nodes apart; its beginning is the same for all. */
export function shortPeer(id: string): string {
  return id.slice(-8);
}

/** `node1 (NodeAAAA)` */
export function nodeLabel(name: string, id: string): string {
  return id === '' ? name : `${name} (${shortPeer(id)})`;
}

/**
 * Text from elsewhere (module names, output tails, notes) without what would steer the terminal: escape sequences and
 * control characters other than tab and line feed.
 */
export function harmless(text: string): string {
  return text
    // oxlint-disable-next-line no-control-regex -- these are what must not reach the terminal
    .replaceAll(/\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g, '')
    // oxlint-disable-next-line no-control-regex -- as above
    .replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '');
}

export function oneLine(text: string): string {
  return harmless(text).replaceAll(/\s+/g, ' ').trim();
}

export type Colour = 'green' | 'red' | 'yellow' | 'cyan' | 'magenta' | 'blue' | 'dim' | 'bold';

/** @returns a painter that does nothing when colours are off. */
export function painter(on: boolean): (colour: Colour, text: string) => string {
  return on ? (colour, text) => styleText(colour, text, { validateStream: false }) : (_colour, text) => text;
}
