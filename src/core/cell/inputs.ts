/**
 * What a module's execution depends on: what its needs left, files that came with the run, and of an item what it is. Two executions with the same inputs hash may
 * stand for each other, which is why a late result under an older fence can be accepted (PROTOCOL §6).
 */
import { filesOf, filesOfParam } from './files.ts';
import { Hasher } from '../lib/hash.ts';
import { jsonText } from '../lib/json-text.ts';
import type { RunNumber } from '../lib/ids.ts';
import { openNeeds } from './accessors.ts';
import { hashItem, isOnlyList, itemsOf, producersOf } from './foreach.ts';
import { moduleAt, type CellState, type ModuleRecord, type RunRecord } from './state.ts';
import type { ModuleSpec, Outcome } from './types.ts';

const emptyDigest = new Hasher().text('').digest();
const noInputs = new Hasher().word(0).hex();

function valuesDigestOf(state: CellState, module: ModuleRecord): readonly number[] {
  if (module.valuesDigest !== null) return module.valuesDigest;
  const expansion = module.run.expansions.get(module.index);
  const digest = expansion === undefined ? outcomeDigest(module.outcome) : gatheredDigest(state, itemsOf(module.run, expansion));
  remember(state, module, digest);
  return digest;
}

function outcomeDigest(outcome: Outcome | null): readonly number[] {
  const { values = {}, files } = outcome ?? {};
  if (files !== undefined) return new Hasher().text(jsonText(values)).text(digestsText(files)).digest();
  return Object.keys(values).length > 0 ? new Hasher().text(jsonText(values)).digest() : emptyDigest;
}

/** Of a module with `foreach`: what its items left, in their order. */
function gatheredDigest(state: CellState, items: readonly ModuleRecord[]): readonly number[] {
  const hasher = new Hasher().word(items.length);
  for (const item of items) for (const word of valuesDigestOf(state, item)) hasher.word(word);
  return hasher.digest();
}

/** What an item depends on of a need, its own part of the list aside: a changed file changes the hash of one item. */
function digestBesideList(state: CellState, spec: ModuleSpec, need: number, run: RunRecord): readonly number[] {
  const record = run.modules[need]!;
  if (spec.foreach === undefined || !('module' in spec.foreach.source) || spec.foreach.source.module !== need) return valuesDigestOf(state, record);
  const hasher = new Hasher();
  for (const { outcome } of producersOf(run, need)) for (const word of outcomeDigest(outcome === null ? null : besideList(spec, need, outcome))) hasher.word(word);
  return hasher.digest();
}

function besideList(spec: ModuleSpec, need: number, outcome: Outcome): Outcome {
  const kept = <T>(record: Readonly<Record<string, T>>): Record<string, T> => Object.fromEntries(Object.entries(record).filter(([name]) => !isOnlyList(spec, need, name)));
  return { ...outcome, values: kept(outcome.values), ...(outcome.files === undefined ? {} : { files: kept(outcome.files) }) };
}

/** Of files what they hold counts, and the name under which a single one is found. */
function digestsText(files: NonNullable<Outcome['files']>): string {
  return Object.keys(files).sort().map((output) => `${output} ${files[output]!.kind} ${files[output]!.cid} ${files[output]!.name}`).join('\n');
}

/** Derived fields change neither the plain form nor the revision. */
function remember(_state: CellState, module: ModuleRecord, digest: readonly number[]): void {
  (module as { valuesDigest: readonly number[] | null }).valuesDigest = digest;
}

/** Hash of the results of a module's needs and of its submitted files, 32 hex digits; '' while a need has not succeeded. Of an item also of what it is. */
export function inputsHashOfModule(state: CellState, module: ModuleRecord): string {
  if (module.inputsHash !== '') return module.inputsHash;
  // What a list was is not known any more once its run has ended; nothing counts then either.
  if (openNeeds(module) !== 0 || (module.item !== -1 && module.run.summary)) return '';
  const hash = module.item === -1 ? needsHash(state, module) : itemHash(state, module);
  (module as { inputsHash: string }).inputsHash = hash;
  return hash;
}

function needsHash(state: CellState, { run, index }: ModuleRecord): string {
  const spec = run.spec.modules[index]!;
  const submitted = filesOf(spec).inputs.flatMap((input) => ('param' in input ? [filesOfParam(run.spec.params, input.param)?.cid ?? ''] : []));
  if (spec.needs.length === 0 && submitted.length === 0) return noInputs;
  const hasher = new Hasher().word(spec.needs.length);
  for (const need of spec.needs) for (const word of digestBesideList(state, spec, need, run)) hasher.word(word);
  for (const cid of submitted) hasher.text(cid);
  return hasher.hex();
}

function itemHash(state: CellState, item: ModuleRecord): string {
  const hasher = new Hasher().text(inputsHashOfModule(state, item.run.modules[item.template]!));
  hashItem(hasher, item);
  return hasher.hex();
}

/** @returns '' for an unknown module, or one whose needs have not all succeeded. */
export function inputsHashOf(state: CellState, run: RunNumber, module: number): string {
  const record = moduleAt(state, run, module);
  return record === undefined ? '' : inputsHashOfModule(state, record);
}
