/** The words of explanations: lists, spans of time, sizes, who is where. */
import { moduleName } from '../cell/accessors.ts';
import type { CellState, ModuleRecord } from '../cell/state.ts';
import type { NodeId } from '../lib/ids.ts';
import { NAMES_SHOWN_MAX } from './limits.ts';

/** `a`, `a and b`, `a, b, c, d and 12 more`. */
export function listed(names: readonly string[]): string {
  if (names.length > NAMES_SHOWN_MAX) return `${names.slice(0, NAMES_SHOWN_MAX).join(', ')} and ${names.length - NAMES_SHOWN_MAX} more`;
  return names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)!}`;
}

/** `14 s`, `3 min`, `2 h`, `5 d`: whole units, rounded down. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

export function counted(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}

export function nodeName(state: CellState, node: NodeId | ''): string {
  return node === '' ? 'a node' : (state.nodeNames.get(node) ?? node.slice(-8));
}

/** `ab3d/encode`. */
export function moduleLabel(module: ModuleRecord): string {
  return `${module.run.shortId}/${moduleName(module)}`;
}

/** `on node-b for 3 min`, of a module that is claimed, or of its second copy. */
export function onNode(state: CellState, { nodeId, startedAt }: Pick<ModuleRecord, 'nodeId' | 'startedAt'>, now: number): string {
  return `on ${nodeName(state, nodeId)} for ${span(now - startedAt)}`;
}

/** `2nd`, `3rd`. */
export function ordinal(number: number): string {
  const last = number % 100 >= 11 && number % 100 <= 13 ? 0 : number % 10;
  return `${number}${last === 1 ? 'st' : last === 2 ? 'nd' : last === 3 ? 'rd' : 'th'}`;
}
