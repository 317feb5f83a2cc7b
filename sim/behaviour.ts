/** What a simulated module does, written in the place of its shell command, e.g. `ok 120` or `late 3000`. */
import type { Json } from '../src/core/cell/types.ts';
import { Hasher } from '../src/core/lib/hash.ts';
import { jsonText } from '../src/core/lib/json-text.ts';

/**
 * - `ok`, `fail`: ends with that after the time given.
 * - `flaky`: fails the first time, then `ok`.
 * - `hang`: never ends by itself; killed by its timeout.
 * - `late`: ends with `ok`, and when told to stop goes on as long as the grace lets it.
 */
export type BehaviourKind = 'ok' | 'fail' | 'flaky' | 'hang' | 'late';

export interface Behaviour {
  readonly kind: BehaviourKind;
  readonly durationMs: number;
}

const kinds: readonly string[] = ['ok', 'fail', 'flaky', 'hang', 'late'] satisfies BehaviourKind[];

export function commandOf(behaviour: Behaviour): string {
  return `${behaviour.kind} ${behaviour.durationMs}`;
}

export function behaviourOf(command: string): Behaviour {
  const [kind = '', durationMs = ''] = command.split(' ');
  if (!kinds.includes(kind) || !(Number(durationMs) >= 0)) throw new Error(`not a simulated command: ${command}`);
  return { kind: kind as BehaviourKind, durationMs: Number(durationMs) };
}

/**
 * The value that a module puts out: a function of its name and of what it needs, so that a result which was computed
 * from wrong inputs shows at the end of the run.
 * @param item of an item of a `foreach`: the value or the cid that it is. Where it stands in its list does not count, as a
 *   cached result may be that of another place.
 */
export function outputOf(name: string, needs: Readonly<Record<string, Readonly<Record<string, Json>>>>, item?: Json): number {
  const hasher = new Hasher().text(ownName(name));
  for (const need of Object.keys(needs).sort()) hasher.text(need).text(jsonText(needs[need]?.['sum'] ?? null));
  if (item !== undefined) hasher.text(jsonText(item));
  return hasher.digest()[0];
}

/** `m3` for the item `m3[7]` too. */
export function ownName(name: string): string {
  return name.replace(/\[\d+\]$/, '');
}

/** Set in the environment of a module that puts out a list: how many items it has, and `text` if it is told as text. */
export const LIST_VARIABLE = 'LIST';

export function listOutput(env: Readonly<Record<string, string>>, sum: number): Record<string, Json> {
  const [count, form] = (env[LIST_VARIABLE] ?? '').split(' ');
  if (count === undefined || count === '') return {};
  const list = Array.from({ length: Number(count) }, (_, at) => sum + at);
  return { list: form === 'text' ? JSON.stringify(list) : list };
}
