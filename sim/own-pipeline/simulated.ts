/** Somebody's run as the simulator can execute it: the same graph, retries, timeouts and cpu, time instead of work. */
import type { ModuleSpec, RunSpec } from '../../src/core/cell/types.ts';
import { commandOf } from '../behaviour.ts';
import { checkDurations, durationOf, type Durations } from './durations.ts';

export interface Simulated {
  readonly spec: RunSpec;
  /** What is left out, in words for people. */
  readonly remarks: readonly string[];
}

/** @throws Error in one sentence when no node of this simulation could ever execute a module, or a duration names none. */
export function simulatedRun(spec: RunSpec, durations: Durations, slots: number): Simulated {
  checkDurations(durations, spec.modules);
  const wide = spec.modules.filter(({ requires }) => requires.cpu > slots);
  const [widest] = wide.toSorted((a, b) => b.requires.cpu - a.requires.cpu);
  if (widest !== undefined) throw new Error(`module ${widest.name} requires ${widest.requires.cpu} cpu, and the simulated nodes have ${slots} each: give --slots ${Math.ceil(widest.requires.cpu)}`);
  const demanding = spec.modules.filter(({ requires }) => requires.memory > 0 || requires.labels.length + requires.os.length + requires.arch.length + Object.keys(requires.tools).length > 0);
  const remarks: string[] = [];
  if (demanding.length > 0) remarks.push(`every simulated node has what ${demanding.length === 1 ? `module ${demanding[0]?.name}` : `${demanding.length} modules`} require of tools, labels, os, arch and memory`);
  const lists = spec.modules.filter(({ foreach }) => foreach !== undefined);
  if (lists.length > 0) remarks.push(`${lists.map(({ name }) => name).join(', ')}: executed once, since nobody knows the items of foreach before a run`);
  const undeclared = spec.modules.filter(({ name, durationMs }) => durationMs === 0 && !durations.byModule.has(name));
  if (undeclared.length > 0) remarks.push(`${undeclared.length === spec.modules.length ? 'no module declares' : `${undeclared.length} of ${spec.modules.length} modules do not declare`} a duration: ${durations.otherwiseMs / 1000} s each (--duration)`);
  return { spec: { name: spec.name, params: {}, env: {}, bundles: {}, modules: spec.modules.map((module) => simulatedModule(module, durations)) }, remarks };
}

function simulatedModule(module: ModuleSpec, durations: Durations): ModuleSpec {
  const requires = { cpu: module.requires.cpu, memory: 0, labels: [], tools: {}, os: [], arch: [] };
  const { files: _files, foreach: _foreach, ...rest } = module;
  return { ...rest, env: {}, requires, action: { type: 'run', command: commandOf({ kind: 'ok', durationMs: durationOf(durations, module) }) } };
}
