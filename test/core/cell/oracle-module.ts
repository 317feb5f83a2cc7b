/** What the slow model knows of one module, and the rules that need no more than that. */
import { versionFits } from '../../../src/core/lib/version-range.ts';
import type { Capabilities, ModuleSpec } from '../../../src/core/cell/types.ts';

export interface PastClaim {
  readonly fence: number;
  readonly node: string;
  /** Session that holds it, 0 = ended. */
  session: number;
  /** Told to stop by this session's node, which did not say yet that it did. 0 = no. */
  ending: number;
  /** Its failure was counted. */
  counted: boolean;
  lost: boolean;
  /** Of an earlier generation. */
  old: boolean;
}

export interface OracleModule {
  readonly spec: ModuleSpec;
  final: '' | 'succeeded' | 'failed' | 'skipped' | 'cancelled';
  claims: PastClaim[];
  /** The live claim; of two copies the first; of none the one that lived last. */
  current: PastClaim | undefined;
  /** Since the last claim there was a second copy. */
  hedged: boolean;
  /** Given up for lost, in the order in which they were: a success of one of the last 16 still counts. */
  setAside: PastClaim[];
  failures: number;
  losses: number;
  values: string;
  generation: number;
  /** Nodes that have what it left. */
  holders: string[];
  hasFiles: boolean;
  inputsMissed: number;
  /** Of an item of a `foreach`: the module that it is of. */
  readonly of: OracleModule | undefined;
  /** Of a module with `foreach` whose list is known. */
  items: OracleModule[] | undefined;
}

export interface OracleSession {
  readonly node: string;
  readonly boot: string;
  readonly capabilities: Capabilities;
}

export function newModule(spec: ModuleSpec, of: OracleModule | undefined): OracleModule {
  return { spec, final: '', claims: [], current: undefined, hedged: false, setAside: [], failures: 0, losses: 0, values: '', generation: 1, holders: [], hasFiles: false, inputsMissed: 0, of, items: undefined };
}

/** It is not executed: its items are. */
export function isTemplate({ spec, of }: OracleModule): boolean {
  return spec.foreach !== undefined && of === undefined;
}

/** What a module with `foreach` goes over, among the modules of its run; undefined = nothing that is a list. */
export function listOf(modules: readonly OracleModule[], { spec }: OracleModule): readonly unknown[] | undefined {
  const { source } = spec.foreach!;
  if (source.type === 'list') return source.values;
  if (!('module' in source)) return undefined;
  const from = modules[source.module]!;
  if (from.items !== undefined) return from.items;
  const value = (JSON.parse(from.values) as Record<string, unknown>)[source.output];
  return Array.isArray(value) ? value : undefined;
}

export function fits({ requires, action }: ModuleSpec, { labels, gpus, tools, os, arch, functions }: Capabilities): boolean {
  const labelled = requires.labels.every((label) => {
    const [name = '', value] = label.split('=');
    if (label === 'gpu' && gpus.length > 0) return true;
    return name in labels && (value === undefined || labels[name] === value);
  });
  const equipped = Object.entries(requires.tools).every(([tool, range]) => tool in tools && versionFits(tools[tool]!, range));
  const placed = (requires.os.length === 0 || requires.os.includes(os)) && (requires.arch.length === 0 || requires.arch.includes(arch));
  return labelled && equipped && placed && (action.type !== 'registered' || functions.includes(action.function));
}
