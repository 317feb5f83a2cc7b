/** What a view of a run says that must never be taken back. */
import { Hasher } from '../../src/core/lib/hash.ts';
import type { RunSeen } from './events.ts';

/** The part of a run's view, over HTTP or in the process, that the specification speaks of. */
export interface RunShown {
  readonly phase: RunSeen['phase'];
  readonly moduleList: readonly { readonly phase: string; readonly fence: number; readonly generation?: number; readonly values: Readonly<Record<string, unknown>> }[];
}

export function runSeen({ phase, moduleList }: RunShown): RunSeen {
  return { type: 'run', phase, modules: moduleList.map(moduleResult) };
}

/** In later generations `#` and which one before it. '' while open, else phase, fence of the execution that counts, and a hash of its values unless they are (or were) left out. */
function moduleResult(module: RunShown['moduleList'][number]): string {
  const { generation = 1 } = module;
  const result = resultOf(module);
  return generation === 1 ? result : `#${generation} ${result}`;
}

function resultOf({ phase, fence, values }: RunShown['moduleList'][number]): string {
  if (!['succeeded', 'cached', 'failed', 'skipped', 'cancelled'].includes(phase)) return '';
  const names = Object.keys(values).sort();
  if (names.length === 0) return `${phase} ${fence}`;
  const hasher = new Hasher();
  for (const name of names) hasher.text(name).text(JSON.stringify(values[name]));
  return `${phase} ${fence} ${hasher.digest()[0].toString(16)}`;
}
