/** Why a module is not running, in words, from what the leader (or any node with the log) knows. */
import type { CellState, ModuleRecord } from '../core/cell/state.ts';
import type { Leader } from './leader.ts';

export function explainModule(state: CellState, leader: Leader | undefined, module: ModuleRecord): string {
  const { spec, modules } = module.run;
  if (module.phase === 'waiting') {
    const open = spec.modules[module.index]!.needs.filter((need) => modules[need]!.phase !== 'succeeded');
    return `waits for ${open.slice(0, 5).map((need) => spec.modules[need]!.name).join(', ')}${open.length > 5 ? ` and ${open.length - 5} more` : ''}`;
  }
  if (module.notBefore > state.now) return `retry in ${Math.ceil((module.notBefore - state.now) / 1000)} s`;
  return leader === undefined ? 'ready: waits for a node with room' : `ready: waits for room on one of ${leader.sessions.size} nodes`;
}
