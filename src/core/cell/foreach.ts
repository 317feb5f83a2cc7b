/**
 * Run-time fan-out. A module with `foreach` is one module of the specification, the template. When its needs have
 * succeeded its list is known: each item becomes a module of the run with a claim, retries and a result of its own. The
 * template is open until all of them are final; its end is what those that need it wait for.
 */
import { assert } from '../lib/assert.ts';
import { Hasher } from '../lib/hash.ts';
import { jsonProblem, jsonText } from '../lib/json-text.ts';
import type { NodeId, RunNumber } from '../lib/ids.ts';
import { own } from '../lib/own.ts';
import { specOf } from './accessors.ts';
import { filesOfParam } from './files.ts';
import { DIGEST_BYTES, FOREACH_ITEMS_MAX } from './limits.ts';
import { newModule } from './run-record.ts';
import { isFinal, type Expansion, type ModuleRecord, type RunRecord } from './state.ts';
import type { ForeachSource, ForeachSpec } from './foreach-spec.ts';
import type { FilesRef, Json, Limit, ModuleSpec, Outcome } from './types.ts';

/** What one item is: a value, or the file at this position of an output. */
export type ItemSource = { readonly type: 'value'; readonly value: Json } | { readonly type: 'file'; readonly files: FilesRef; readonly position: number };

const NAMES_SHOWN_MAX = 5;

/** Why a list cannot be used, in words. */
interface ListProblem {
  readonly problem: string;
}

function isProblem(list: readonly Json[] | ListProblem): list is ListProblem {
  return 'problem' in list;
}

/** Those whose results a need stands for: itself, or its items in their order. */
export function producersOf(run: RunRecord, position: number): readonly ModuleRecord[] {
  const expansion = run.expansions.get(position);
  return expansion === undefined ? run.modules.slice(position, position + 1) : itemsOf(run, expansion);
}

export function itemsOf({ modules }: RunRecord, { first, count }: Expansion): readonly ModuleRecord[] {
  return modules.slice(first, first + count);
}

/** The files of an output: one of each of those that left it. */
export function filesOfNeed(run: RunRecord, position: number, output: string): FilesRef[] {
  return producersOf(run, position).flatMap(({ outcome }) => own(outcome?.files, output) ?? []);
}

/** By the outcome of the module with `foreach`: when it has one, its items have ended. */
const gathered = new WeakMap<Outcome, Outcome['values']>();

/** The output values of a need; of one with `foreach` each is a list with what the items gave, null for those that gave none. */
export function valuesOfNeed(run: RunRecord, position: number): Outcome['values'] {
  const { outcome } = run.modules[position]!;
  if (outcome === null || !run.expansions.has(position)) return outcome?.values ?? {};
  const known = gathered.get(outcome);
  if (known !== undefined) return known;
  const items = producersOf(run, position);
  const names = new Set(items.flatMap((item) => Object.keys(item.outcome?.values ?? {})));
  const values = Object.fromEntries(Array.from(names).sort().map((name) => [name, items.map((item) => own(item.outcome?.values, name) ?? null)]));
  gathered.set(outcome, values);
  return values;
}

/** Of an item: its needs without the list that it is an item of. */
export function valuesForItem(item: ModuleRecord, position: number): Outcome['values'] {
  const values = valuesOfNeed(item.run, position);
  const spec = specOf(item);
  const list = Object.keys(values).find((name) => isOnlyList(spec, position, name));
  if (list === undefined) return values;
  const { [list]: _list, ...rest } = values;
  return rest;
}

/** @returns how many items there are, or why there can be none. The needs have succeeded. */
export function countItems(run: RunRecord, { source }: ForeachSpec): number | ListProblem {
  const count = isFiles(source) ? countFiles(run, source) : countValues(run, source);
  if (typeof count !== 'number' || count <= FOREACH_ITEMS_MAX) return count;
  return { problem: `its list has ${count} items, at most ${FOREACH_ITEMS_MAX} are allowed` };
}

type FilesSource = Extract<ForeachSource, { type: 'files' | 'param' }>;

export function isFiles(source: ForeachSource): source is FilesSource {
  return source.type === 'files' || source.type === 'param';
}

/** One of the lists that together are the whole, and the position in it. */
interface ListedFile {
  readonly files: FilesRef;
  readonly position: number;
  /** Of each file, where whoever left them has told. */
  readonly digests: Uint8Array | undefined;
  /** Nodes that have them, as far as the log knows. */
  readonly holders: readonly NodeId[];
  /** Who left them; undefined for what came with the run. */
  readonly producer: ModuleRecord | undefined;
}

function countFiles(run: RunRecord, source: FilesSource): number {
  return source.type === 'param' ? (filesOfParam(run.spec.params, source.param)?.count ?? 0) : startsOf(run, source).at(-1)!;
}

/** Where in the list the files of each item begin, and where the list ends; by the outcome of their module, which is another one when an item was made again. */
const startsByOutcome = new WeakMap<Outcome, Map<string, readonly number[]>>();

function startsOf(run: RunRecord, source: Extract<FilesSource, { type: 'files' }>): readonly number[] {
  const outcome = run.modules[source.module]?.outcome ?? null;
  const known = outcome === null ? undefined : startsByOutcome.get(outcome)?.get(source.output);
  if (known !== undefined) return known;
  const starts = [0];
  for (const producer of producersOf(run, source.module)) starts.push(starts.at(-1)! + (own(producer.outcome?.files, source.output)?.count ?? 0));
  if (outcome !== null) startsByOutcome.set(outcome, (startsByOutcome.get(outcome) ?? new Map<string, readonly number[]>()).set(source.output, starts));
  return starts;
}

function fileAt(run: RunRecord, source: FilesSource, item: number): ListedFile | undefined {
  if (source.type === 'param') {
    const files = filesOfParam(run.spec.params, source.param);
    return files === undefined || item >= files.count ? undefined : { files, position: item, digests: undefined, holders: [], producer: undefined };
  }
  const starts = startsOf(run, source);
  if (item >= starts.at(-1)!) return undefined;
  // The last one that begins there: those before it left nothing.
  let [from, to] = [0, starts.length - 1];
  while (to - from > 1) {
    const middle = (from + to) >> 1;
    if (starts[middle]! <= item) from = middle;
    else to = middle;
  }
  const producer = run.modules[(run.expansions.get(source.module)?.first ?? source.module) + from]!;
  const { outcome, holders } = producer;
  return { files: own(outcome?.files, source.output)!, position: item - starts[from]!, digests: own(outcome?.digests, source.output), holders, producer };
}

function countValues(run: RunRecord, source: Exclude<ForeachSource, FilesSource>): number | ListProblem {
  if (source.type === 'list') return source.values.length;
  const expansion = run.expansions.get(source.module);
  if (expansion !== undefined) return expansion.count;
  const list = listOf(run, source.module, source.output);
  return isProblem(list) ? list : list.length;
}

/** Lists that came as text; an outcome never changes. */
const parsedLists = new WeakMap<Outcome, Map<string, readonly Json[] | ListProblem>>();

function listOf(run: RunRecord, position: number, output: string): readonly Json[] | ListProblem {
  const { outcome } = run.modules[position]!;
  const value = own(outcome?.values, output);
  if (Array.isArray(value)) return value as readonly Json[];
  const what = `output ${output} of ${run.spec.modules[position]!.name}`;
  if (value === undefined || outcome === null) return { problem: `there is no ${what}${named(outcome)}` };
  if (typeof value !== 'string') return { problem: `${what} is not a list` };
  const known = parsedLists.get(outcome)?.get(output);
  if (known !== undefined) return known;
  const list = parsedList(value, what);
  const lists = parsedLists.get(outcome) ?? new Map<string, readonly Json[] | ListProblem>();
  parsedLists.set(outcome, lists.set(output, list));
  return list;
}

function named(outcome: Outcome | null): string {
  const names = Object.keys(outcome?.values ?? {}).sort();
  return names.length === 0 ? ': it gave no values' : `: it gave ${names.slice(0, NAMES_SHOWN_MAX).join(', ')}${names.length > NAMES_SHOWN_MAX ? ' …' : ''}`;
}

function parsedList(text: string, what: string): readonly Json[] | ListProblem {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    return { problem: `${what} is text that is not JSON, and not a list` };
  }
  if (!Array.isArray(value)) return { problem: `${what} is not a list` };
  const problem = jsonProblem(value as Json);
  return problem === undefined ? (value as readonly Json[]) : { problem: `${what}: ${problem}` };
}

/** What this item is. Its list was counted when it was made of it. */
export function itemSource(item: ModuleRecord): ItemSource {
  const { run } = item;
  const { source } = foreachOf(item);
  if (isFiles(source)) {
    const found = fileAt(run, source, item.item);
    assert(found !== undefined, 'the files of a list were counted');
    return { type: 'file', files: found.files, position: found.position };
  }
  if (source.type === 'list') return { type: 'value', value: source.values[item.item] ?? null };
  const expansion = run.expansions.get(source.module);
  if (expansion !== undefined) return { type: 'value', value: own(run.modules[expansion.first + item.item]?.outcome?.values, source.output) ?? null };
  const list = listOf(run, source.module, source.output);
  return { type: 'value', value: isProblem(list) ? null : (list[item.item] ?? null) };
}

/** Where the file is that an item is; undefined for a value. */
export function listedFile(item: ModuleRecord): Pick<ListedFile, 'files' | 'holders' | 'producer'> | undefined {
  const { source } = foreachOf(item);
  return isFiles(source) ? fileAt(item.run, source, item.item) : undefined;
}

function foreachOf(item: ModuleRecord): ForeachSpec {
  const { foreach } = specOf(item);
  assert(item.item >= 0 && foreach !== undefined, 'only items of a foreach have a list');
  return foreach;
}

/** Adds what tells this item from the others: the value itself, or the digest of its file. */
export function hashItem(hasher: Hasher, item: ModuleRecord): void {
  const { source } = foreachOf(item);
  if (!isFiles(source)) {
    const itself = itemSource(item);
    hasher.word(1).text(itself.type === 'value' ? jsonText(itself.value) : '');
    return;
  }
  const found = fileAt(item.run, source, item.item);
  if (found === undefined) return;
  const { files, digests, position } = found;
  hasher.word(2);
  if (digests === undefined) hasher.text(files.cid).word(position);
  else hasher.bytes(digests.subarray(position * DIGEST_BYTES, (position + 1) * DIGEST_BYTES));
}

/** Whether an item depends on this output of a need through nothing but its own part of the list. */
export function isOnlyList(spec: ModuleSpec, need: number, output: string): boolean {
  const { foreach, files } = spec;
  if (foreach === undefined || !('module' in foreach.source) || foreach.source.module !== need || foreach.source.output !== output) return false;
  return foreach.source.type === 'value' || !(files?.inputs ?? []).some((input) => 'module' in input && input.module === need && input.output === output);
}

const listedByModules = new WeakMap<readonly ModuleSpec[], ReadonlyMap<number, readonly string[]>>();
const noOutputs: readonly string[] = [];

/** Outputs of this module whose files some `foreach` goes over, sorted. */
export function listedOutputs(modules: readonly ModuleSpec[], template: number): readonly string[] {
  let listed = listedByModules.get(modules);
  if (listed === undefined) listedByModules.set(modules, (listed = allListed(modules)));
  return listed.get(template) ?? noOutputs;
}

function allListed(modules: readonly ModuleSpec[]): ReadonlyMap<number, readonly string[]> {
  const listed = new Map<number, string[]>();
  for (const { foreach } of modules) {
    if (foreach?.source.type !== 'files') continue;
    const { module, output } = foreach.source;
    listed.set(module, [...new Set([...(listed.get(module) ?? []), output])].sort());
  }
  return listed;
}

/** Adds the items to the run. @returns the expansion, all of whose items are ready. */
export function appendItems(run: RunRecord, template: ModuleRecord, count: number): Expansion {
  const expansion = newExpansion(run, template.index, count);
  const modules = run.modules as ModuleRecord[];
  for (let item = 0; item < count; item++) modules.push(newModule(run, modules.length, specOf(template), template.requirement, { template: template.index, number: item }));
  (run.expansions as Map<number, Expansion>).set(template.index, expansion);
  return expansion;
}

function newExpansion(run: RunRecord, template: number, count: number): Expansion {
  const parallelMax = run.spec.modules[template]!.foreach?.parallelMax ?? 0;
  const limits = parallelMax === 0 ? [] : [{ key: parallelKey(run.number, template), max: parallelMax }];
  return { template, first: run.modules.length, count, open: count, claimed: 0, failed: 0, limits };
}

/** Keys that no `limit` of a specification can have. */
const OWN_KEY = '\0';

export function isOwnKey(key: string): boolean {
  return key.startsWith(OWN_KEY);
}

function parallelKey(run: RunNumber, template: number): string {
  return `${OWN_KEY}${run}/${template}`;
}

const noLimits: readonly Limit[] = [];

/** The `max-parallel` of its `foreach`, of an item. */
export function parallelLimits({ run, template, item }: ModuleRecord): readonly Limit[] {
  return item === -1 ? noLimits : (run.expansions.get(template)?.limits ?? noLimits);
}

/** The expansion that a module is an item of. */
export function expansionOf(item: ModuleRecord): Expansion {
  const expansion = item.run.expansions.get(item.template);
  assert(item.item >= 0 && expansion !== undefined, 'an item belongs to an expansion');
  return expansion;
}

/** Modules as people count them: one with `foreach` is one while its list is unknown, then its items count in its place. */
export function shownTotal({ modules, expansions }: RunRecord): number {
  let total = modules.length;
  for (const { count } of expansions.values()) if (count > 0) total--;
  return total;
}

/** How many of the modules in this phase are not shown, since their items are. */
export function hiddenIn({ modules, expansions }: RunRecord, phase: ModuleRecord['phase']): number {
  let hidden = 0;
  for (const { template, count } of expansions.values()) if (count > 0 && modules[template]!.phase === phase) hidden++;
  return hidden;
}

/** In words, of a module whose items are executed or were. */
export function itemsText({ run, index }: ModuleRecord): string {
  const expansion = run.expansions.get(index);
  if (expansion === undefined) return '';
  const items = itemsOf(run, expansion);
  const failed = expansion.failed === 0 ? '' : `, ${expansion.failed} failed`;
  return `${items.filter(({ phase }) => isFinal(phase)).length} of ${expansion.count} items have ended${failed}`;
}
