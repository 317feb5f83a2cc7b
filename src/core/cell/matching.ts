/** Which nodes can execute a module: its requirement against a node's capabilities. */
import { Hasher } from '../lib/hash.ts';
import { sizeText } from '../lib/size-text.ts';
import { versionFits } from '../lib/version-range.ts';
import type { Capabilities, ModuleSpec, Requires } from './types.ts';

/** Cpu is counted in thousandths of a slot, so that sums of fractions are exact whatever their order. */
export const MILLI = 1_000;

/** What a module asks of its node. One object per distinct requirement of a run, shared by its modules. */
export interface Requirement {
  /** Same key, same requirement. */
  readonly key: string;
  readonly milliCpu: number;
  readonly memory: number;
  readonly requires: Requires;
  /** Function that the embedding program must have registered, or ''. */
  readonly function: string;
  /** Any node with room will do. */
  readonly anywhere: boolean;
}

export const anyRequires: Requires = { cpu: 1, memory: 0, labels: [], tools: {}, os: [], arch: [] };

export function requirementOf(module: ModuleSpec): Requirement {
  const { requires, action } = module;
  const registered = action.type === 'registered' ? action.function : '';
  const tools = Object.entries(requires.tools).sort(([a], [b]) => (a < b ? -1 : 1));
  const anywhere =
    registered === '' && requires.labels.length === 0 && tools.length === 0 && requires.os.length === 0 && requires.arch.length === 0;
  const milliCpu = Math.round(requires.cpu * MILLI);
  const sizes = `${milliCpu}/${requires.memory}`;
  const key = anywhere
    ? sizes
    : `${sizes}/${JSON.stringify([registered, [...requires.labels].sort(), tools, [...requires.os].sort(), [...requires.arch].sort()])}`;
  return { key: shorten(key), milliCpu, memory: requires.memory, requires, function: registered, anywhere };
}

function shorten(key: string): string {
  return key.length <= 64 ? key : `#${new Hasher().text(key).hex()}`;
}

export function totalMilliCpu(capabilities: Capabilities): number {
  return Math.round(capabilities.slots * MILLI);
}

function hasLabel(capabilities: Capabilities, label: string): boolean {
  const equals = label.indexOf('=');
  const name = equals === -1 ? label : label.slice(0, equals);
  if (name === 'gpu' && equals === -1 && capabilities.gpus.length > 0) return true;
  if (!Object.hasOwn(capabilities.labels, name)) return false;
  return equals === -1 || capabilities.labels[name] === label.slice(equals + 1);
}

/** What the node lacks for good, in words; empty when it could execute the module if it were idle. */
export function lacking(requirement: Requirement, capabilities: Capabilities): string[] {
  const { requires } = requirement;
  const lacks: string[] = [];
  if (requires.os.length > 0 && !requires.os.includes(capabilities.os)) lacks.push(`os ${requires.os.join(' or ')} (has ${capabilities.os})`);
  if (requires.arch.length > 0 && !requires.arch.includes(capabilities.arch)) {
    lacks.push(`arch ${requires.arch.join(' or ')} (has ${capabilities.arch})`);
  }
  for (const label of requires.labels) if (!hasLabel(capabilities, label)) lacks.push(`label ${label}`);
  for (const [tool, range] of Object.entries(requires.tools)) {
    const version = Object.hasOwn(capabilities.tools, tool) ? capabilities.tools[tool]! : undefined;
    if (version === undefined) lacks.push(range === '*' ? `tool ${tool}` : `tool ${tool} ${range}`);
    else if (!versionFits(version, range)) lacks.push(`tool ${tool} ${range} (has ${version || 'an unknown version'})`);
  }
  if (requirement.function !== '' && !capabilities.functions.includes(requirement.function)) lacks.push(`function ${requirement.function}`);
  if (requirement.milliCpu > totalMilliCpu(capabilities)) lacks.push(`${requirement.milliCpu / MILLI} cpu slot${requirement.milliCpu === MILLI ? '' : 's'} (has ${capabilities.slots})`);
  if (requirement.memory > capabilities.memory) lacks.push(`${sizeText(requirement.memory)} of memory (has ${sizeText(capabilities.memory)})`);
  return lacks;
}

/** Whether an idle node with these capabilities could execute the module. */
export function fits(requirement: Requirement, capabilities: Capabilities): boolean {
  if (requirement.milliCpu > totalMilliCpu(capabilities) || requirement.memory > capabilities.memory) return false;
  return requirement.anywhere || lacking(requirement, capabilities).length === 0;
}
