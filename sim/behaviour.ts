/** What a simulated module does, written in the place of its shell command, e.g. `ok 120` or `late 3000`. */
import type { Json } from '../src/core/cell/types.ts';
import { Hasher } from '../src/core/lib/hash.ts';

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
 */
export function outputOf(name: string, needs: Readonly<Record<string, Readonly<Record<string, Json>>>>): number {
  const hasher = new Hasher().text(name);
  for (const need of Object.keys(needs).sort()) hasher.text(need).number(Number(needs[need]?.['sum']));
  return hasher.digest()[0];
}
