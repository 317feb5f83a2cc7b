/**
 * Results that stand for executions: a module with `cache` whose work was done before, in whatever run of this cell, ends
 * without being executed. The key is a hash of all that the work can depend on. It is kept with the record of the result,
 * so a result is found as long as the run that has it is remembered; whoever takes it over has the key from then on.
 */
import { Hasher } from '../lib/hash.ts';
import { jsonText } from '../lib/json-text.ts';
import { sessionOf, specOf } from './accessors.ts';
import { inputsHashOfModule } from './inputs.ts';
import { cellMutant } from './mutants.ts';
import { editModule } from './mutate.ts';
import { sessionFits } from './node-room.ts';
import { seenParams } from './seen-params.ts';
import type { CellState, ModuleRecord, RunRecord, SessionRecord } from './state.ts';
import type { Capabilities, ClaimItem, ModuleAction, ModuleSpec, RunSpec } from './types.ts';

/** Whether a result of such a module may stand for another execution, or another's for this one. */
export function isCached({ cache }: ModuleSpec): boolean {
  return cache === true;
}

const workDigests = new WeakMap<RunSpec, Map<number, readonly number[]>>();
const paramsDigests = new WeakMap<RunSpec['params'], readonly number[]>();

/** Of what all executions of a module have in common, whichever item it is and on whatever inputs. */
function workDigest(spec: RunSpec, template: number): readonly number[] {
  const known = workDigests.get(spec)?.get(template);
  if (known !== undefined) return known;
  const own = spec.modules[template]!;
  const hasher = new Hasher().text(own.action.type).text(actionText(own.action)).text(jsonText(own.env)).text(filesText(spec, own)).text(jsonText(own.needs.map((need) => spec.modules[need]!.name)));
  for (const word of paramsDigest(seenParams(spec, template))) hasher.word(word);
  const digest = hasher.text(jsonText(spec.env)).digest();
  workDigests.set(spec, (workDigests.get(spec) ?? new Map<number, readonly number[]>()).set(template, digest));
  return digest;
}

/** Most modules of a run are shown the same ones. */
function paramsDigest(params: RunSpec['params']): readonly number[] {
  const known = paramsDigests.get(params);
  if (known !== undefined) return known;
  const digest = new Hasher().text(jsonText(params)).digest();
  paramsDigests.set(params, digest);
  return digest;
}

function actionText(action: ModuleAction): string {
  switch (action.type) {
    case 'run':
      return action.command;
    case 'bundle':
      return `${action.bundle} ${action.export}`;
    case 'registered':
      return action.function;
  }
}

/** What a node is to a module: programs behave alike where this is equal. */
function platformText({ os, arch, tools }: Capabilities, { requires }: ModuleSpec): string {
  const versions = Object.keys(requires.tools).sort().map((tool) => ` ${tool}=${Object.hasOwn(tools, tool) ? tools[tool] : ''}`);
  return `${os}/${arch}${versions.join('')}`;
}

/** A need is known to a module by its name, not by its place. */
function filesText(spec: RunSpec, { files }: ModuleSpec): string {
  if (files === undefined) return '';
  const inputs = files.inputs.map((input) => [input.variable, ...('param' in input ? [input.param] : [spec.modules[input.module]?.name ?? '', input.output])]);
  return jsonText([inputs, files.outputs.map(({ name, pattern }) => [name, pattern])]);
}

/** Whether the place of an item in its list is a part of its work: one that never asks for it may take the result of an equal one that stood elsewhere. */
function seesItsPlace({ action, env }: ModuleSpec): boolean {
  if (action.type !== 'run') return true;
  return [action.command, ...Object.values(env)].some((text) => /\bitem\b[^}]*\bindex\b|SKEIN_ITEM_INDEX|SKEIN_MODULE/.test(text));
}

/** 32 hex digits; '' while a need has not succeeded. */
function keyOn(state: CellState, module: ModuleRecord, platform: string): string {
  const inputsHash = inputsHashOfModule(state, module);
  if (inputsHash === '') return '';
  const hasher = new Hasher();
  for (const word of workDigest(module.run.spec, module.template)) hasher.word(word);
  if (module.item !== -1 && seesItsPlace(specOf(module))) hasher.word(module.item);
  return hasher.text(cellMutant(state, 'cache-ignores-inputs') ? '' : inputsHash).text(platform).hex();
}

/** The module whose result this one would come to on that node, or undefined. */
export function cachedFor(state: CellState, module: ModuleRecord, { capabilities }: SessionRecord): ModuleRecord | undefined {
  if (state.cache.size === 0) return undefined;
  return state.cache.get(keyOn(state, module, platformText(capabilities, specOf(module))));
}

/**
 * After it succeeded: its result may stand for others. Not when its node is gone: nobody knows any more what it was. Nor
 * while what it took is made again: that may come to something else, on which it was not executed.
 */
export function rememberResult(state: CellState, module: ModuleRecord): void {
  const own = specOf(module);
  const session = module.nodeId === '' ? undefined : sessionOf(state, module.nodeId);
  if (!isCached(own) || session === undefined) return;
  const key = keyOn(state, module, platformText(session.capabilities, own));
  if (key !== '') giveKey(state, module, key);
}

/** From whoever has it now. */
export function giveKey(state: CellState, module: ModuleRecord, key: string): void {
  const before = state.cache.get(key);
  if (before !== undefined) editModule(state, before).cacheKey = '';
  editModule(state, module).cacheKey = key;
  state.cache.set(key, module);
}

/** Its result is no longer there, or not whole. */
export function forgetResult(state: CellState, module: ModuleRecord): void {
  if (module.cacheKey === '') return;
  state.cache.delete(module.cacheKey);
  editModule(state, module).cacheKey = '';
}

/** The run is removed. */
export function forgetResultsOf(state: CellState, { modules }: RunRecord): void {
  for (const { cacheKey } of modules) if (cacheKey !== '') state.cache.delete(cacheKey);
}

/** Which of these modules need not be executed: those that some open session would find the result of. */
export function reusable(state: CellState, modules: Iterable<ModuleRecord>): ClaimItem[] {
  const found: ClaimItem[] = [];
  if (state.cache.size === 0) return found;
  const platforms = new Map<string, Map<string, SessionRecord>>();
  for (const module of modules) {
    const own = specOf(module);
    if (!isCached(own) || module.phase !== 'ready') continue;
    const { key } = module.requirement;
    let sessions = platforms.get(key);
    if (sessions === undefined) platforms.set(key, (sessions = platformsFor(state, module, own)));
    for (const [platform, session] of sessions) {
      if (!state.cache.has(keyOn(state, module, platform))) continue;
      found.push({ run: module.run.number, module: module.index, session: session.id });
      break;
    }
  }
  return found;
}

/** One session of each kind of node that could execute it. */
function platformsFor(state: CellState, { requirement }: ModuleRecord, own: ModuleSpec): Map<string, SessionRecord> {
  const sessions = new Map<string, SessionRecord>();
  for (const session of state.sessions.values()) {
    if (!sessionFits(session, requirement)) continue;
    const platform = platformText(session.capabilities, own);
    if (!sessions.has(platform)) sessions.set(platform, session);
  }
  return sessions;
}
