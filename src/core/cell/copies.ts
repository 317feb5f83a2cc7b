/**
 * Copies of files: how many nodes must have what a module left before its result counts, which nodes have it, and who still
 * needs it (PROTOCOL §6). A holder is a node and not a session, so that one that comes back is one again at once.
 */
import type { NodeId } from '../lib/ids.ts';
import { specOf } from './accessors.ts';
import { filesOf } from './files.ts';
import { HOLDERS_MAX, ITEMS_PER_ENTRY_MAX, NAME_LENGTH_MAX, UNABLE_MAX } from './limits.ts';
import { cellMutant } from './mutants.ts';
import { editModule } from './mutate.ts';
import { ok, refuse, type Applied } from './reply.ts';
import { isFinal, isRunFinal, moduleAt, type CellState, type ModuleRecord } from './state.ts';
import type { Command, HolderItem, ModuleSpec, ResultItem, RunSpec } from './types.ts';

/** Of what a run gives, and of what cannot be made a second time. */
const SAFE_COPIES = 2;

/** Outputs of others that a module takes, as inputs or as its list. */
export function takenFiles(module: ModuleSpec): { readonly module: number; readonly output: string }[] {
  const taken = filesOf(module).inputs.flatMap((input) => ('param' in input ? [] : [input]));
  return module.foreach?.source.type === 'files' ? [...taken, module.foreach.source] : taken;
}

const givenBySpec = new WeakMap<RunSpec, ReadonlySet<number>>();

/** Positions of the modules that leave files which no other module takes: what the run gives to whoever submitted it. */
function givenModules(spec: RunSpec): ReadonlySet<number> {
  const known = givenBySpec.get(spec);
  if (known !== undefined) return known;
  const given = new Set<number>();
  const taken = new Set(spec.modules.flatMap((module) => takenFiles(module).map((input) => `${input.module} ${input.output}`)));
  for (const [index, module] of spec.modules.entries()) if (filesOf(module).outputs.some(({ name }) => !taken.has(`${index} ${name}`))) given.add(index);
  givenBySpec.set(spec, given);
  return given;
}

/** Copies that a module's files need for its result to count; 0 for one that leaves none. */
export function copiesWanted(spec: RunSpec, index: number): number {
  const module = spec.modules[index]!;
  if (filesOf(module).outputs.length === 0) return 0;
  return module.effectful || givenModules(spec).has(index) ? SAFE_COPIES : 1;
}

/** Those of its holders that have a session. */
export function presentHolders({ sessionOfNode }: CellState, { holders }: Pick<ModuleRecord, 'holders'>): NodeId[] {
  return holders.filter((node) => sessionOfNode.has(node));
}

/** Too few nodes have the files of this result, though more could. */
export function lacksCopies(state: CellState, { run, template }: ModuleRecord, { holders = [], unable = [] }: ResultItem): boolean {
  const wanted = copiesWanted(run.spec, template);
  if (wanted === 0 || cellMutant(state, 'copies-not-demanded')) return false;
  const present = new Set(holders.filter((node) => state.sessionOfNode.has(node)));
  if (present.size >= wanted || unable.length >= UNABLE_MAX) return false;
  for (const { nodeId } of state.sessions.values()) if (!present.has(nodeId) && !unable.includes(nodeId)) return true;
  return false;
}

export function keepHolders(state: CellState, module: ModuleRecord, holders: readonly NodeId[]): void {
  const fit = [...new Set(holders)].filter((node) => node !== '' && node.length <= NAME_LENGTH_MAX && node.isWellFormed());
  editModule(state, module).holders = fit.slice(0, HOLDERS_MAX);
}

export function holders(state: CellState, { items }: Extract<Command, { type: 'holders' }>): Applied {
  if (items.length > ITEMS_PER_ENTRY_MAX) return { reply: refuse('LIMIT_EXCEEDED', `more than ${ITEMS_PER_ENTRY_MAX} holders in one entry`), events: [] };
  for (const item of items) {
    const module = moduleAt(state, item.run, item.module);
    if (module?.outcome?.files !== undefined && module.phase === 'succeeded' && module.generation === item.generation) changeHolder(state, module, item);
  }
  return { reply: ok, events: [] };
}

/** A new one takes the place of the oldest that is not there, when there are too many. */
function changeHolder(state: CellState, module: ModuleRecord, { node, on }: HolderItem): void {
  const { holders: before } = module;
  if (before.includes(node) === on) return;
  if (!on) return keepHolders(state, module, before.filter((holder) => holder !== node));
  const away = before.length < HOLDERS_MAX ? undefined : before.find((holder) => !state.sessionOfNode.has(holder));
  keepHolders(state, module, [...before.filter((holder) => holder !== away), node]);
}

/** Whether somebody takes an output of this module and has not ended, or, if `idle`, has not begun either. */
function hasTakers({ run, template }: ModuleRecord, idle: boolean): boolean {
  for (let at = run.childStart[template]!; at < run.childStart[template + 1]!; at++) {
    const child = run.modules[run.childList[at]!]!;
    if (isFinal(child.phase) || (idle && child.phase === 'claimed')) continue;
    const expansion = child.phase === 'expanded' ? run.expansions.get(child.index)! : undefined;
    // There may be 10,000 of them, and as many modules of which this is asked: so they are counted.
    if (expansion !== undefined && expansion.open - (idle ? expansion.claimed : 0) === 0) continue;
    if (takenFiles(specOf(child)).some((input) => input.module === template)) return true;
  }
  return false;
}

/** Its files are of use to the run, which lives: somebody takes them, or the run gives them. */
export function areFilesWanted(module: ModuleRecord): boolean {
  const { run, template } = module;
  if (module.outcome?.files === undefined || module.phase !== 'succeeded' || isRunFinal(run.phase)) return false;
  // What one item left is of no use when another one has failed.
  if (module.item !== -1 && isFinal(run.modules[template]!.phase) && run.modules[template]!.phase !== 'succeeded') return false;
  return givenModules(run.spec).has(template) || hasTakers(module, false);
}

/** The same, and who takes them has not begun: whoever is executed may have them already, and says so when it has not. */
export function areFilesMissed(module: ModuleRecord): boolean {
  if (!areFilesWanted(module)) return false;
  return givenModules(module.run.spec).has(module.template) || hasTakers(module, true);
}
